//! Names that a broker makes up, and what scripts call them: `amq.gen-1`, `amq.ctag-2`, `amq.rabbitmq.reply-to.1`.

const GENERATED: [&str; 3] = ["amq.gen-", "amq.ctag-", "amq.rabbitmq.reply-to."];
/// A generated name is at least so much longer than its prefix; what a script writes is shorter.
const UNGUESSABLE: usize = 16;

/// The generated names seen so far, in the order of their first appearance.
#[derive(Debug)]
pub(crate) struct Names {
    /// As the broker says it, and as the script does.
    known: Vec<(String, String)>,
    /// The virtual host that stands in for `/`.
    vhost: Option<String>,
}

impl Names {
    /// Nothing is known yet but the virtual host that scripts call `/`.
    pub(crate) fn in_vhost(vhost: String) -> Self {
        Self { known: Vec::new(), vhost: (vhost != "/").then_some(vhost) }
    }

    /// What a script calls this name.
    pub(crate) fn alias(&mut self, name: &str) -> String {
        if let Some((_, alias)) = self.known.iter().find(|(actual, _)| actual == name) {
            return alias.clone();
        }
        let made_up = |prefix: &&str| {
            name.strip_prefix(*prefix).is_some_and(|rest| rest.len() >= UNGUESSABLE)
        };
        let Some(prefix) = GENERATED.into_iter().find(made_up) else { return name.to_owned() };
        let number = self.known.iter().filter(|(_, alias)| alias.starts_with(prefix)).count() + 1;
        let alias = format!("{prefix}{number}");
        self.known.push((name.to_owned(), alias.clone()));
        alias
    }

    /// From now on the script says `alias` where the broker says `actual`.
    pub(crate) fn know(&mut self, actual: &str, alias: &str) {
        self.known.push((actual.to_owned(), alias.to_owned()));
    }

    /// Text with every name in it replaced, and the virtual host by `/`.
    pub(crate) fn alias_within(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (actual, alias) in &self.known {
            text = text.replace(actual.as_str(), alias);
        }
        if let Some(vhost) = &self.vhost {
            text = text.replace(&format!("vhost '{vhost}'"), "vhost '/'");
            text = text.replace(&format!("vhost {vhost} "), "vhost / ");
            text = text.replace(&format!("<<\"{vhost}\">>"), "<<\"/\">>");
        }
        text
    }

    /// An action with the names that the broker knows.
    pub(crate) fn actual_within(&self, action: &str) -> String {
        let mut action = action.to_owned();
        // The longest first, so that `amq.gen-1` does not match in `amq.gen-10`.
        for (actual, alias) in self.known.iter().rev() {
            action = action.replace(alias.as_str(), actual);
        }
        action
    }
}

//! `methods.txt`, read.

pub(crate) struct Class {
    pub(crate) name: String,
    pub(crate) number: u16,
    pub(crate) doc: String,
    pub(crate) methods: Vec<Method>,
}

pub(crate) struct Method {
    pub(crate) name: String,
    pub(crate) number: u16,
    pub(crate) sender: String,
    pub(crate) has_content: bool,
    pub(crate) by_hand: bool,
    pub(crate) replies: Vec<String>,
    pub(crate) doc: String,
    pub(crate) fields: Vec<Field>,
}

pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) doc: String,
}

pub(crate) fn parse(text: &str) -> Vec<Class> {
    let mut classes: Vec<Class> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(rest) = line.strip_prefix("class ") {
            let (name, number) = rest.split_once(' ').expect("class NAME NUMBER");
            classes.push(Class {
                name: name.into(),
                number: number.parse().expect("a class number"),
                doc: String::new(),
                methods: Vec::new(),
            });
            continue;
        }
        let class = classes.last_mut().expect("a class comes first");
        if let Some(doc) = line.strip_prefix(": ") {
            match class.methods.last_mut() {
                Some(method) => method.doc = document(doc),
                None => class.doc = document(doc),
            }
        } else if let Some(field) = line.strip_prefix("  ") {
            let method = class.methods.last_mut().expect("a method comes before its fields");
            method.fields.push(parse_field(field));
        } else {
            class.methods.push(parse_method(line));
        }
    }
    classes
}

fn parse_method(line: &str) -> Method {
    let (head, replies) = line.split_once(" -> ").unwrap_or((line, ""));
    let mut words = head.split(' ');
    let name = words.next().expect("a name").into();
    let number = words.next().and_then(|word| word.parse().ok()).expect("a method number");
    let sender: String = words.next().expect("a sender").into();
    assert!(["client", "server", "both"].contains(&&*sender), "{line}");
    let flags: Vec<_> = words.collect();
    assert!(flags.iter().all(|flag| ["content", "by-hand"].contains(flag)), "{line}");
    Method {
        name,
        number,
        sender,
        has_content: flags.contains(&"content"),
        by_hand: flags.contains(&"by-hand"),
        replies: replies.split_whitespace().map(Into::into).collect(),
        doc: String::new(),
        fields: Vec::new(),
    }
}

fn parse_field(line: &str) -> Field {
    let mut words = line.splitn(3, ' ');
    Field {
        name: words.next().expect("a field's name").into(),
        kind: words.next().expect("a field's type").into(),
        doc: document(words.next().unwrap_or_default()),
    }
}

/// A leading `!` marks what RabbitMQ added.
fn document(text: &str) -> String {
    match text.strip_prefix("! ") {
        Some(text) => format!("{text} (RabbitMQ extension.)"),
        None => text.replace(" ! ", " RabbitMQ extension: "),
    }
}

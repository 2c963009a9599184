//! What the environment says: our own variables, the two places of a user's files, and what containers of RabbitMQ are told.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::keys::{self, Key, PREFIX, Shape};
use super::nearest::nearest;
use super::{Given, Layer, Mistakes, Origin, quoted};

/// The variable that names the configuration file.
const FILE: &str = "WARRENER_CONFIG";

/// What images of RabbitMQ take, and which key means the same.
const DEFAULT_USER: &str = "RABBITMQ_DEFAULT_USER";
const DEFAULT_PASS: &str = "RABBITMQ_DEFAULT_PASS";
const DEFAULT_VHOST: &str = "RABBITMQ_DEFAULT_VHOST";

/// What the variables say, and which of ours nobody knows.
pub(crate) fn layer(
    environment: &BTreeMap<String, String>,
    mistakes: &mut Mistakes,
) -> (Layer, Vec<String>) {
    let mut layer = rabbitmq(environment, mistakes);
    let mut warnings = Vec::new();
    for (name, text) in
        environment.range(PREFIX.to_owned()..).take_while(|(name, _)| name.starts_with(PREFIX))
    {
        match keys::all().find(|key| key.variable() == *name) {
            Some(key) => match values(key, text) {
                Ok(values) => {
                    let origin = Origin::Environment(name.clone());
                    layer.insert(key.name, Given { values, origin });
                }
                Err(why) => mistakes.push(format!("bad value for {name}: {why}")),
            },
            None if name == FILE => {}
            None => warnings.extend(unknown(name)),
        }
    }
    (layer, warnings)
}

/// A list is written with commas, or as TOML when one of its texts has a comma in it.
fn values(key: &Key, text: &str) -> Result<Vec<String>, String> {
    if key.shape != Shape::Many {
        return Ok(vec![text.to_owned()]);
    }
    if !text.starts_with('[') || key.takes.starts_with("ADDR") && !text.starts_with("[\"") {
        return Ok(text
            .split(',')
            .map(|part| part.trim().to_owned())
            .filter(|part| !part.is_empty())
            .collect());
    }
    let want = "want texts with commas between, or a list as in a file: [\"one\", \"two\"]";
    let list = toml::de::DeValue::parse(text).map_err(|_| want)?;
    let list = list.get_ref().as_array().ok_or(want)?;
    list.iter()
        .map(|text| text.get_ref().as_str().map(str::to_owned).ok_or_else(|| want.to_owned()))
        .collect()
}

/// Kubernetes gives every container `WARRENER_PORT` and the like when a service has our name: those are not ours.
fn unknown(name: &str) -> Option<String> {
    let rest = &name[PREFIX.len()..];
    let of_a_service = rest.starts_with("SERVICE_") || rest == "PORT" || rest.starts_with("PORT_");
    let variables: Vec<String> = keys::all().map(Key::variable).collect();
    let near = nearest(name, variables.iter().map(String::as_str));
    let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    (!of_a_service).then(|| format!("{} is set and means nothing{near}", quoted(name)))
}

/// `RABBITMQ_DEFAULT_USER`, `_PASS` and `_VHOST`, which stand behind ours.
fn rabbitmq(environment: &BTreeMap<String, String>, mistakes: &mut Mistakes) -> Layer {
    let given = |name: &str| environment.get(name).filter(|text| !text.is_empty());
    let mut layer = Layer::new();
    if let Some(vhost) = given(DEFAULT_VHOST) {
        let origin = Origin::Environment(DEFAULT_VHOST.to_owned());
        layer.insert("default_vhost", Given { values: vec![vhost.clone()], origin });
    }
    match (given(DEFAULT_USER), given(DEFAULT_PASS)) {
        (None, None) => {}
        (user, password) => {
            let (user, password) =
                (user.map_or("guest", String::as_str), password.map_or("guest", String::as_str));
            if user.contains(':') {
                mistakes.push(format!(
                    "bad value for {DEFAULT_USER}: a name without a colon is wanted"
                ));
            }
            let origin = Origin::Environment(format!("{DEFAULT_USER} and {DEFAULT_PASS}"));
            layer.insert("user", Given { values: vec![format!("{user}:{password}")], origin });
        }
    }
    layer
}

/// The configuration file that is named, or else the first there is of the usual ones. An empty name means none.
pub(crate) fn file(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    if let Some(named) = environment.get(FILE) {
        return Some(PathBuf::from(named)).filter(|_| !named.is_empty());
    }
    let of_user = below(environment, "XDG_CONFIG_HOME", ".config");
    let usual = of_user.into_iter().chain([PathBuf::from("/etc/warrener")]);
    usual.map(|folder| folder.join("warrener.toml")).find(|file| file.exists())
}

/// `$XDG_DATA_HOME/warrener`, else below the home.
pub(crate) fn data_dir(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    below(environment, "XDG_DATA_HOME", ".local/share")
}

/// A path must be absolute to count (XDG Base Directory Specification).
fn below(environment: &BTreeMap<String, String>, variable: &str, at_home: &str) -> Option<PathBuf> {
    let absolute =
        |name: &str| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute(variable).or_else(|| Some(absolute("HOME")?.join(at_home)))?;
    Some(base.join("warrener"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    fn layer_of(pairs: &[(&str, &str)]) -> (Layer, Vec<String>, Mistakes) {
        let mut mistakes = Mistakes::new();
        let (layer, warnings) = layer(&environment(pairs), &mut mistakes);
        (layer, warnings, mistakes)
    }

    #[test]
    fn lists_have_commas_or_are_written_as_in_a_file() {
        let (layer, warnings, mistakes) = layer_of(&[
            ("WARRENER_LISTEN", "[::1]:1, 127.0.0.1:2"),
            ("WARRENER_SERVER_PROPERTY", "[\"a=1, 2\"]"),
            ("WARRENER_LOG", "info,x=debug"),
        ]);
        assert_eq!((warnings, mistakes), (vec![], vec![]));
        assert_eq!(layer["listen"].values, ["[::1]:1", "127.0.0.1:2"]);
        assert_eq!(layer["server_property"].values, ["a=1, 2"]);
        assert_eq!(layer["log"].values, ["info,x=debug"]);
        let (_, _, mistakes) = layer_of(&[("WARRENER_SYNC", "[1")]);
        assert!(mistakes[0].contains("WARRENER_SYNC"), "{mistakes:?}");
    }

    #[test]
    fn a_variable_that_means_nothing_is_told_of_unless_it_comes_from_kubernetes() {
        let (layer, warnings, mistakes) = layer_of(&[
            ("WARRENER_LISEN", "x"),
            ("WARRENER_PORT", "tcp://10.0.0.1:5672"),
            ("WARRENER_PORT_5672_TCP_ADDR", "10.0.0.1"),
            ("WARRENER_SERVICE_HOST", "10.0.0.1"),
            ("PATH", "/bin"),
        ]);
        assert!(layer.is_empty() && mistakes.is_empty());
        assert_eq!(
            warnings,
            ["'WARRENER_LISEN' is set and means nothing; did you mean WARRENER_LISTEN?"]
        );
    }

    #[test]
    fn containers_of_rabbitmq_are_told_the_same_in_other_words() {
        let (layer, _, _) =
            layer_of(&[(DEFAULT_USER, "ann"), (DEFAULT_PASS, "a:b"), (DEFAULT_VHOST, "v")]);
        assert_eq!(layer["user"].values, ["ann:a:b"]);
        assert_eq!(layer["default_vhost"].values, ["v"]);
        let (layer, _, _) = layer_of(&[(DEFAULT_PASS, "secret")]);
        assert_eq!(layer["user"].values, ["guest:secret"]);
        let (layer, _, _) = layer_of(&[(DEFAULT_USER, "ann"), ("WARRENER_USER", "bob:b")]);
        assert_eq!(layer["user"].values, ["bob:b"]);
    }

    #[test]
    fn data_is_kept_at_home_unless_told_otherwise() {
        let told = |pairs| data_dir(&environment(pairs));
        assert_eq!(told(&[("HOME", "/ann")]), Some("/ann/.local/share/warrener".into()));
        assert_eq!(told(&[("HOME", "/h"), ("XDG_DATA_HOME", "/d")]), Some("/d/warrener".into()));
        assert_eq!(
            told(&[("HOME", "/h"), ("XDG_DATA_HOME", "d")]),
            Some("/h/.local/share/warrener".into())
        );
        assert_eq!(told(&[]), None);
    }
}

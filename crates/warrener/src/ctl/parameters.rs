//! Runtime parameters, of virtual hosts and of all.

use serde_json::{Value, json};

use crate::ctl::client::step;
use crate::ctl::line::Line;
use crate::ctl::verb::Verb;
use crate::ctl::{Failure, Said, Shown, vhosts};

pub(super) const VERBS: &[Verb] = &[
    Verb::new("set_parameter", "<component> <name> <value>", set).saying(|line| {
        format!(
            "Setting runtime parameter \"{}\" for component \"{}\" to \"{}\" in vhost \"{}\" ...",
            line.word(1),
            line.word(0),
            line.word(2),
            line.vhost
        )
    }),
    Verb::new("clear_parameter", "<component> <name>", clear).saying(|line| {
        let (component, name, vhost) = (line.word(0), line.word(1), &line.vhost);
        format!("Clearing runtime parameter \"{name}\" for component \"{component}\" on vhost \"{vhost}\" ...")
    }),
    Verb::new("set_global_parameter", "<name> <value>", |line| {
        let body = json!({ "value": document(line.word(1))? });
        line.client.done("PUT", &global(line), Some(&body))?;
        Ok(Shown::Nothing)
    })
    .saying(|line| {
        format!("Setting global runtime parameter \"{}\" to \"{}\" ...", line.word(0), line.word(1))
    }),
    Verb::new("clear_global_parameter", "<name>", |line| existing(line.client.gone(&global(line))?))
        .saying(|line| format!("Clearing global runtime parameter \"{}\" ...", line.word(0))),
];

/// A word that is JSON.
pub(super) fn document(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text)
        .map_err(|_| Failure::refused(format!("JSON decoding error: {text} is not JSON")))
}

fn existing(was_there: bool) -> Said {
    if was_there { Ok(Shown::Nothing) } else { Err(Failure::refused("Parameter does not exist")) }
}

fn global(line: &Line) -> String {
    format!("/api/global-parameters/{}", step(line.word(0)))
}

fn place(line: &Line) -> String {
    let steps = [line.word(0), &line.vhost, line.word(1)].map(step);
    format!("/api/parameters/{}", steps.join("/"))
}

fn set(line: &Line) -> Said {
    vhosts::exists(line)?;
    let body = json!({
        "component": line.word(0),
        "vhost": line.vhost,
        "name": line.word(1),
        "value": document(line.word(2))?,
    });
    line.client.done("PUT", &place(line), Some(&body))?;
    Ok(Shown::Nothing)
}

fn clear(line: &Line) -> Said {
    vhosts::exists(line)?;
    existing(line.client.gone(&place(line))?)
}

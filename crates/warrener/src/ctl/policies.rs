//! Policies, and those of operators.

use serde_json::json;

use crate::ctl::client::step;
use crate::ctl::line::Line;
use crate::ctl::parameters::document;
use crate::ctl::verb::Verb;
use crate::ctl::{Failure, Said, Shown, vhosts};

pub(super) const VERBS: &[Verb] = &[
    Verb::new("set_policy", "<name> <pattern> <definition>", |line| set(line, "policies"))
        .saying(|line| setting(line, "policy")),
    Verb::new("clear_policy", "<name>", |line| clear(line, "policies")).saying(|line| {
        format!("Clearing policy \"{}\" on vhost \"{}\" ...", line.word(0), line.vhost)
    }),
    Verb::new("set_operator_policy", "<name> <pattern> <definition>", |line| {
        set(line, "operator-policies")
    })
    .saying(|line| setting(line, "operator policy override")),
    Verb::new("clear_operator_policy", "<name>", |line| clear(line, "operator-policies")).saying(
        |line| {
            let (name, vhost) = (line.word(0), &line.vhost);
            format!("Clearing operator policy \"{name}\" on vhost \"{vhost}\" ...")
        },
    ),
];

fn setting(line: &Line, what: &str) -> String {
    format!(
        "Setting {what} \"{}\" for pattern \"{}\" to \"{}\" with priority \"{}\" for vhost \"{}\" ...",
        line.word(0),
        line.word(1),
        line.word(2),
        line.option("priority").unwrap_or("0"),
        line.vhost
    )
}

fn place(line: &Line, kind: &str) -> String {
    format!("/api/{kind}/{}/{}", step(&line.vhost), step(line.word(0)))
}

fn set(line: &Line, kind: &str) -> Said {
    vhosts::exists(line)?;
    let priority = line.option("priority").unwrap_or("0");
    let priority: i64 =
        priority.parse().map_err(|_| Failure::usage("--priority takes a whole number"))?;
    let body = json!({
        "pattern": line.word(1),
        "definition": document(line.word(2))?,
        "priority": priority,
        "apply-to": line.option("apply-to").unwrap_or("all"),
    });
    line.client.done("PUT", &place(line, kind), Some(&body))?;
    Ok(Shown::Nothing)
}

fn clear(line: &Line, kind: &str) -> Said {
    vhosts::exists(line)?;
    if line.client.gone(&place(line, kind))? {
        Ok(Shown::Nothing)
    } else {
        Err(Failure::refused("Parameter does not exist"))
    }
}

//! Virtual hosts.

use serde_json::{Value, json};

use crate::ctl::client::step;
use crate::ctl::line::Line;
use crate::ctl::verb::Verb;
use crate::ctl::{Failure, How, Said, Shown};

pub(super) const VERBS: &[Verb] = &[
    Verb::new("add_vhost", "<vhost>", |line| put(line, &metadata(line)).map(|()| Shown::Nothing))
        .saying(|line| format!("Adding vhost \"{}\" ...", line.word(0))),
    Verb::new("update_vhost_metadata", "<vhost>", |line| change(line, &metadata(line)))
        .saying(|line| format!("Updating metadata of vhost \"{}\" ...", line.word(0))),
    Verb::new("set_vhost_tags", "<vhost> [<tag> ...]", |line| {
        change(line, &json!({ "tags": line.words[1..] }))
    })
    .saying(|line| {
        format!(
            "Setting tags for virtual host \"{}\" to [{}] ...",
            line.word(0),
            line.words[1..].join(", ")
        )
    }),
    Verb::new("delete_vhost", "<vhost>", delete)
        .saying(|line| format!("Deleting vhost \"{}\" ...", line.word(0))),
    Verb::new("enable_vhost_deletion_protection", "<vhost>", |line| protect(line, "POST")).saying(
        |line| {
            format!(
                "Protecting virtual host \"{}\" from removal by updating its metadata...",
                line.word(0)
            )
        },
    ),
    Verb::new("disable_vhost_deletion_protection", "<vhost>", |line| protect(line, "DELETE"))
        .saying(|line| {
            format!(
                "Removing deletion protection from virtual host \"{}\" by updating its metadata...",
                line.word(0)
            )
        }),
    Verb::new("trace_on", "", |line| trace(line, true))
        .saying(|line| format!("Starting tracing for vhost \"{}\" ...", line.vhost)),
    Verb::new("trace_off", "", |line| trace(line, false))
        .saying(|line| format!("Stopping tracing for vhost \"{}\" ...", line.vhost)),
    Verb::new("restart_vhost", "", |line| exists(line).map(|()| Shown::Nothing)).saying(|line| {
        format!("Trying to restart vhost '{}' on node '{}' ...", line.vhost, line.node())
    }),
];

/// What one would say of a virtual host that is not there.
pub(super) fn missing(name: &str) -> String {
    format!("Virtual host '{name}' does not exist")
}

/// Fails if the virtual host of the line is not there.
pub(super) fn exists(line: &Line) -> Result<(), Failure> {
    match line.client.ask("GET", &place(&line.vhost), None)? {
        answer if answer.status == 404 => {
            Err(Failure { how: How::Bare, ..Failure::data(missing(&line.vhost)) })
        }
        answer if answer.status == 200 => Ok(()),
        answer => Err(answer.failure()),
    }
}

fn place(name: &str) -> String {
    format!("/api/vhosts/{}", step(name))
}

/// What the options say of a virtual host.
fn metadata(line: &Line) -> Value {
    let mut body = json!({});
    for (option, member) in [
        ("description", "description"),
        ("tags", "tags"),
        ("default-queue-type", "default_queue_type"),
    ] {
        if let Some(value) = line.option(option) {
            body[member] = value.into();
        }
    }
    body
}

fn put(line: &Line, body: &Value) -> Result<(), Failure> {
    line.client.done("PUT", &place(line.word(0)), Some(body)).map(drop)
}

/// Changes what is said; the rest stays.
fn change(line: &Line, changes: &Value) -> Said {
    let answer = line.client.ask("GET", &place(line.word(0)), None)?;
    match answer.status {
        200 => {}
        404 => return Err(Failure::data(missing(line.word(0)))),
        _ => return Err(answer.failure()),
    }
    let mut body = json!({});
    for member in ["description", "tags", "default_queue_type"] {
        let value = changes.get(member).unwrap_or_else(|| &answer.value[member]);
        if !value.is_null() && *value != "undefined" {
            body[member] = value.clone();
        }
    }
    put(line, &body).map(|()| Shown::Nothing)
}

/// Copies what is published and delivered to the firehose, or no longer does.
fn trace(line: &Line, on: bool) -> Said {
    exists(line)?;
    line.client.done("PUT", &place(&line.vhost), Some(&json!({ "tracing": on })))?;
    let what = if on { "enabled" } else { "disabled" };
    Ok(Shown::Text(format!("Trace {what} for vhost {}", line.vhost)))
}

fn delete(line: &Line) -> Said {
    let answer = line.client.ask("DELETE", &place(line.word(0)), None)?;
    match answer.status {
        200..=299 => Ok(Shown::Nothing),
        404 => Err(Failure { how: How::Bare, ..Failure::data(missing(line.word(0))) }),
        _ if answer.reason().contains("protected") => Err(Failure::data(
            "Cannot delete this virtual host: it is protected from deletion. To lift the protection, inspect and update its \
             metadata",
        )),
        _ => Err(answer.failure()),
    }
}

fn protect(line: &Line, method: &str) -> Said {
    let path = format!("{}/deletion/protection", place(line.word(0)));
    let answer = line.client.ask(method, &path, None)?;
    match answer.status {
        200..=299 => Ok(Shown::Nothing),
        404 => Err(Failure::data(missing(line.word(0)))),
        _ => Err(answer.failure()),
    }
}

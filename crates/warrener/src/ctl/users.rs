//! Users, their passwords and their tags.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::ctl::client::step;
use crate::ctl::line::Line;
use crate::ctl::verb::Verb;
use crate::ctl::{Failure, Said, Shown};

pub(super) const VERBS: &[Verb] = &[
    Verb::new("add_user", "<username> <password>", add)
        .saying(|line| format!("Adding user \"{}\" ...", line.word(0))),
    Verb::new("authenticate_user", "<username> <password>", authenticate)
        .saying(|line| format!("Authenticating user \"{}\" ...", line.word(0))),
    Verb::new("change_password", "<username> <password>", change_password)
        .saying(|line| format!("Changing password for user \"{}\" ...", line.word(0))),
    Verb::new("clear_password", "<username>", |line| {
        change(line, &json!({ "password_hash": "", "hashing_algorithm": null }))
    })
    .saying(|line| format!("Clearing password for user \"{}\" ...", line.word(0))),
    Verb::new("set_user_tags", "<username> [<tag> ...]", set_tags).saying(|line| {
        format!("Setting tags for user \"{}\" to [{}] ...", line.word(0), tags(line).join(", "))
    }),
    Verb::new("delete_user", "<username>", delete)
        .saying(|line| format!("Deleting user \"{}\" ...", line.word(0))),
];

fn place(name: &str) -> String {
    format!("/api/users/{}", step(name))
}

fn add(line: &Line) -> Said {
    let (name, password) = (line.word(0), line.word(1));
    if line.client.ask("GET", &place(name), None)?.status == 200 {
        if line.has("skip-if-exists") {
            return Ok(Shown::Nothing);
        }
        let text = format!("User \"{name}\" already exists");
        return Err(Failure { code: 70, ..Failure::refused(text) });
    }
    let secret = if line.has("pre-hashed-password") { "password_hash" } else { "password" };
    line.client.done("PUT", &place(name), Some(&json!({ secret: password, "tags": "" })))?;
    Ok(Shown::Text(format!(
        "Done. Don't forget to grant the user permissions to some virtual hosts! See '{} help set_permissions' to learn \
         more.",
        line.tool.name(),
    )))
}

fn authenticate(line: &Line) -> Said {
    let (name, password) = (line.word(0), line.word(1));
    let login = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
    let answer = line.client.ask_with("GET", "/api/whoami", None, &[("authorization", &login)])?;
    // A user without any tag is told that it is one, and nothing more.
    if answer.status == 200 || answer.reason() == "Not management user" {
        return Ok(Shown::Text("Success".to_owned()));
    }
    Err(Failure::data(format!(
        "Error: failed to authenticate user \"{name}\"\nuser '{name}' - invalid credentials"
    )))
}

/// Sets a user again with something changed; the rest stays.
fn change(line: &Line, changes: &Value) -> Said {
    let name = line.word(0);
    let answer = line.client.ask("GET", &place(name), None)?;
    match answer.status {
        200 => {}
        404 => return Err(Failure::no_user(name)),
        _ => return Err(answer.failure()),
    }
    let mut body = json!({ "tags": answer.value["tags"] });
    if changes.get("password").is_none() {
        for member in ["password_hash", "hashing_algorithm"] {
            body[member] = answer.value[member].clone();
        }
    }
    for (member, value) in changes.as_object().into_iter().flatten() {
        body[member] = value.clone();
    }
    line.client.done("PUT", &place(name), Some(&body))?;
    Ok(Shown::Nothing)
}

fn change_password(line: &Line) -> Said {
    let secret = if line.has("pre-hashed-password") { "password_hash" } else { "password" };
    change(line, &json!({ secret: line.word(1) }))
}

fn tags(line: &Line) -> Vec<&str> {
    line.words.iter().skip(1).map(String::as_str).collect()
}

fn set_tags(line: &Line) -> Said {
    change(line, &json!({ "tags": tags(line) }))
}

/// It is done, too, when there is no such user (RabbitMQ).
fn delete(line: &Line) -> Said {
    line.client.gone(&place(line.word(0))).map(|_| Shown::Nothing)
}

//! Closing connections.

use crate::ctl::client::step;
use crate::ctl::line::Line;
use crate::ctl::verb::Verb;
use crate::ctl::{Failure, Said, Shown};

pub(super) const VERBS: &[Verb] = &[
    Verb::new("close_connection", "<connection> <explanation>", close_one)
        .saying(|line| format!("Closing connection {}, reason: {}...", line.word(0), line.word(1))),
    Verb::new("close_all_connections", "<explanation>", |line| {
        let vhost = line.vhost.clone();
        let is_meant = |own: &serde_json::Value| line.has("global") || own["vhost"] == *vhost;
        close(line, line.word(0), is_meant)
    })
    .saying(|line| {
        let reason = line.word(0);
        if line.has("global") {
            format!("Closing all connections with reason {reason}...")
        } else {
            format!("Closing all connections in vhost {}, reason: {reason}...", line.vhost)
        }
    }),
    Verb::new("close_all_user_connections", "<username> <explanation>", |line| {
        close(line, line.word(1), |own| own["user"] == line.word(0)).map(|_| Shown::Nothing)
    })
    .saying(|line| {
        format!("Closing connections of user {}, reason: {}...", line.word(0), line.word(1))
    }),
];

/// Closes one, if it is still there.
fn expel(line: &Line, name: &str, reason: &str) -> Result<bool, Failure> {
    // A field is one line of signs that can be seen.
    let reason: String = reason.chars().filter(|sign| (' '..='~').contains(sign)).collect();
    let path = format!("/api/connections/{}", step(name));
    let answer = line.client.ask_with("DELETE", &path, None, &[("x-reason", &reason)])?;
    match answer.status {
        200..=299 => Ok(true),
        404 => Ok(false),
        _ => Err(answer.failure()),
    }
}

fn close_one(line: &Line) -> Said {
    if expel(line, line.word(0), line.word(1))? {
        Ok(Shown::Nothing)
    } else {
        Err(Failure::refused(format!("There is no connection {}", line.word(0))))
    }
}

fn close(line: &Line, reason: &str, is_meant: impl Fn(&serde_json::Value) -> bool) -> Said {
    let all = line.client.get("/api/connections?columns=name,vhost,user")?;
    let meant = all.as_array().into_iter().flatten().filter(|own| is_meant(own));
    let mut closed = 0;
    for name in meant.filter_map(|own| own["name"].as_str()) {
        closed += usize::from(expel(line, name, reason)?);
    }
    Ok(Shown::Text(format!("Closed {closed} connections")))
}

//! What users may do.

use serde_json::json;

use crate::ctl::client::step;
use crate::ctl::line::Line;
use crate::ctl::verb::Verb;
use crate::ctl::{Failure, Said, Shown};

pub(super) const VERBS: &[Verb] = &[
    Verb::new("set_permissions", "<username> <conf> <write> <read>", set).saying(|line| {
        format!("Setting permissions for user \"{}\" in vhost \"{}\" ...", line.word(0), line.vhost)
    }),
    Verb::new("set_permissions_globally", "<username> <conf> <write> <read>", set_everywhere)
        .saying(|line| {
            format!("Setting permissions for user \"{}\" in all virtual hosts ...", line.word(0))
        }),
    Verb::new("clear_permissions", "<username>", |line| clear(line, "permissions")).saying(|line| {
        format!("Clearing permissions for user \"{}\" in vhost \"{}\" ...", line.word(0), line.vhost)
    }),
    Verb::new("set_topic_permissions", "<username> <exchange> <write> <read>", set_topic).saying(
        |line| {
            let (name, exchange, vhost) = (line.word(0), line.word(1), &line.vhost);
            format!("Setting topic permissions on \"{exchange}\" for user \"{name}\" in vhost \"{vhost}\" ...")
        },
    ),
    Verb::new("clear_topic_permissions", "<username> [<exchange>]", clear_topic).saying(|line| {
        let (name, vhost) = (line.word(0), &line.vhost);
        let exchange = match line.word(1) {
            "" => String::new(),
            exchange => format!(" on \"{exchange}\""),
        };
        format!("Clearing topic permissions{exchange} for user \"{name}\" in vhost \"{vhost}\" ...")
    }),
];

fn place(line: &Line, kind: &str, vhost: &str) -> String {
    format!("/api/{kind}/{}/{}", step(vhost), step(line.word(0)))
}

/// What a permission needs to be there: its user and its virtual host.
fn needs(line: &Line) -> Result<(), Failure> {
    let (user, vhost) = (line.word(0), &line.vhost);
    if line.client.ask("GET", &format!("/api/vhosts/{}", step(vhost)), None)?.status == 404 {
        return Err(Failure::unavailable(format!("Virtual host {vhost} does not exist")));
    }
    if line.client.ask("GET", &format!("/api/users/{}", step(user)), None)?.status == 404 {
        return Err(Failure { code: 67, ..Failure::data(format!("User {user} does not exist")) });
    }
    Ok(())
}

fn set(line: &Line) -> Said {
    needs(line)?;
    set_in(line, &line.vhost)
}

fn set_in(line: &Line, vhost: &str) -> Said {
    let body = json!({ "configure": line.word(1), "write": line.word(2), "read": line.word(3) });
    line.client.done("PUT", &place(line, "permissions", vhost), Some(&body))?;
    Ok(Shown::Nothing)
}

fn set_everywhere(line: &Line) -> Said {
    let vhosts = line.client.get("/api/vhosts?columns=name")?;
    let names = vhosts.as_array().into_iter().flatten().filter_map(|own| own["name"].as_str());
    for name in names {
        set_in(line, name)?;
    }
    Ok(Shown::Nothing)
}

fn clear(line: &Line, kind: &str) -> Said {
    needs(line)?;
    line.client.gone(&place(line, kind, &line.vhost))?;
    Ok(Shown::Nothing)
}

fn set_topic(line: &Line) -> Said {
    needs(line)?;
    let body = json!({ "exchange": line.word(1), "write": line.word(2), "read": line.word(3) });
    line.client.done("PUT", &place(line, "topic-permissions", &line.vhost), Some(&body))?;
    Ok(Shown::Nothing)
}

fn clear_topic(line: &Line) -> Said {
    needs(line)?;
    let body = match line.word(1) {
        "" => None,
        exchange => Some(json!({ "exchange": exchange }).to_string()),
    };
    let path = place(line, "topic-permissions", &line.vhost);
    match line.client.ask("DELETE", &path, body.as_deref())? {
        answer if matches!(answer.status, 200..=299 | 404) => Ok(Shown::Nothing),
        answer => Err(answer.failure()),
    }
}

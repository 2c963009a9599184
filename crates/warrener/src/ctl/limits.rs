//! Limits of virtual hosts and of users.

use serde_json::{Value, json};

use crate::ctl::client::step;
use crate::ctl::line::Line;
use crate::ctl::parameters::document;
use crate::ctl::verb::Verb;
use crate::ctl::{Failure, Said, Shown, vhosts};

pub(super) const VERBS: &[Verb] = &[
    Verb::new("set_vhost_limits", "<definition>", set_of_vhost).saying(|line| {
        format!("Setting vhost limits to \"{}\" for vhost \"{}\" ...", line.word(0), line.vhost)
    }),
    Verb::new("clear_vhost_limits", "", clear_of_vhost)
        .saying(|line| format!("Clearing vhost \"{}\" limits ...", line.vhost)),
    Verb::new("list_vhost_limits", "", list_of_vhosts).saying(|line| {
        if line.has("global") {
            "Listing limits for all vhosts ...".to_owned()
        } else {
            format!("Listing limits for vhost \"{}\" ...", line.vhost)
        }
    }),
    Verb::new("set_user_limits", "<username> <definition>", set_of_user).saying(|line| {
        format!("Setting user limits to \"{}\" for user \"{}\" ...", line.word(1), line.word(0))
    }),
    Verb::new("clear_user_limits", "<username> <limit>", clear_of_user).saying(|line| {
        match line.word(1) {
            "all" => format!("Clearing all limits for user \"{}\" ...", line.word(0)),
            limit => format!("Clearing \"{limit}\" limit for user \"{}\" ...", line.word(0)),
        }
    }),
    Verb::new("list_user_limits", "", list_of_users).saying(|line| match line.option("user") {
        Some(user) => format!("Listing limits for user \"{user}\" ..."),
        None => "Listing limits for all users ...".to_owned(),
    }),
];

/// Sets each limit of a document.
fn set_each(line: &Line, place: &str, text: &str) -> Said {
    let Value::Object(limits) = document(text)? else {
        return Err(Failure::refused("limits are an object, as in {\"max-connections\": 100}"));
    };
    for (name, value) in limits {
        let path = format!("{place}/{}", step(&name));
        line.client.done("PUT", &path, Some(&json!({ "value": value })))?;
    }
    Ok(Shown::Nothing)
}

fn of_vhost(line: &Line) -> String {
    format!("/api/vhost-limits/{}", step(&line.vhost))
}

fn set_of_vhost(line: &Line) -> Said {
    vhosts::exists(line)?;
    set_each(line, &of_vhost(line), line.word(0))
}

fn clear_of_vhost(line: &Line) -> Said {
    vhosts::exists(line)?;
    for limit in ["max-connections", "max-queues"] {
        line.client.gone(&format!("{}/{limit}", of_vhost(line)))?;
    }
    Ok(Shown::Nothing)
}

fn list_of_vhosts(line: &Line) -> Said {
    if line.has("global") {
        return Ok(rows(line, &line.client.get("/api/vhost-limits")?, Some("vhost")));
    }
    vhosts::exists(line)?;
    Ok(rows(line, &line.client.get(&of_vhost(line))?, None))
}

fn of_user(name: &str) -> String {
    format!("/api/user-limits/{}", step(name))
}

fn known(line: &Line, user: &str) -> Result<(), Failure> {
    match line.client.ask("GET", &format!("/api/users/{}", step(user)), None)?.status {
        404 => Err(Failure::refused(format!("{{:no_such_user, \"{user}\"}}"))),
        _ => Ok(()),
    }
}

fn set_of_user(line: &Line) -> Said {
    known(line, line.word(0))?;
    set_each(line, &of_user(line.word(0)), line.word(1))
}

fn clear_of_user(line: &Line) -> Said {
    known(line, line.word(0))?;
    let all = ["max-connections", "max-channels"];
    let chosen = match line.word(1) {
        "all" => &all[..],
        limit => &[limit][..],
    };
    for limit in chosen {
        line.client.gone(&format!("{}/{}", of_user(line.word(0)), step(limit)))?;
    }
    Ok(Shown::Nothing)
}

fn list_of_users(line: &Line) -> Said {
    match line.option("user") {
        None => Ok(rows(line, &line.client.get("/api/user-limits")?, Some("user"))),
        Some(user) => {
            known(line, user)?;
            Ok(rows(line, &line.client.get(&of_user(user))?, None))
        }
    }
}

/// What there are limits of, if that is to be told, and the limits as JSON in one column.
fn rows(line: &Line, answer: &Value, of: Option<&str>) -> Shown {
    let limits = |own: &Value| Value::from(own["value"].to_string());
    // What is alone has no column.
    if of.is_none() && line.formatter.is_for_people() {
        return answer[0].get("value").map_or(Shown::Nothing, |own| Shown::Text(own.to_string()));
    }
    let row = |own: &Value| match of {
        Some(of) => vec![own[of].clone(), limits(own)],
        None => vec![limits(own)],
    };
    let columns = of.into_iter().chain(["limits"]).map(str::to_owned).collect();
    Shown::Rows { columns, rows: answer.as_array().into_iter().flatten().map(row).collect() }
}

//! What is done to queues.

use crate::ctl::client::step;
use crate::ctl::line::Line;
use crate::ctl::verb::Verb;
use crate::ctl::{Failure, How, Said, Shown};

pub(super) const VERBS: &[Verb] = &[
    Verb::new("purge_queue", "<queue>", purge)
        .saying(|line| format!("Purging queue '{}' in vhost '{}' ...", line.word(0), line.vhost)),
    Verb::new("delete_queue", "<queue>", delete).saying(|line| {
        let conditions = match (line.has("if-empty"), line.has("if-unused")) {
            (true, true) => "if queue is empty and if queue is unused ",
            (true, false) => "if queue is empty ",
            (false, true) => "if queue is unused ",
            (false, false) => "",
        };
        format!("Deleting queue '{}' on vhost '{}' {conditions}...", line.word(0), line.vhost)
    }),
    Verb::new("rebalance", "<type>", |_| Ok(Shown::Nothing)),
    Verb::new("list_unresponsive_queues", "[<column> ...]", |_| {
        Ok(Shown::Rows { columns: vec!["name".to_owned()], rows: Vec::new() })
    })
    .saying(|line| format!("Listing unresponsive queues for vhost {} ...", line.vhost)),
];

fn place(line: &Line) -> String {
    format!("/api/queues/{}/{}", step(&line.vhost), step(line.word(0)))
}

fn purge(line: &Line) -> Said {
    if line.client.gone(&format!("{}/contents", place(line)))? {
        Ok(Shown::Nothing)
    } else {
        let text = "Object (queue, stream, exchange, etc) was not found";
        Err(Failure { how: How::Bare, ..Failure::data(text) })
    }
}

fn delete(line: &Line) -> Said {
    let asked: Vec<String> = ["if-unused", "if-empty"]
        .iter()
        .filter(|option| line.has(option))
        .map(|option| format!("{option}=true"))
        .collect();
    let before = line.client.ask("GET", &place(line), None)?;
    let answer =
        line.client.ask("DELETE", &format!("{}?{}", place(line), asked.join("&")), None)?;
    match answer.status {
        200..=299 => {
            let count = before.value["messages_ready"].as_u64().unwrap_or_default();
            Ok(Shown::Text(format!("Queue was successfully deleted with {count} ready messages")))
        }
        404 => Err(Failure { code: 64, ..Failure::refused("No such queue was found") }),
        _ => Err(answer.failure()),
    }
}

//! Definitions out of a broker and into one.

use std::fs;
use std::io::{self, Read};

use serde_json::Value;

use crate::ctl::line::Line;
use crate::ctl::verb::Verb;
use crate::ctl::{Failure, How, Said, Shown};

pub(super) const VERBS: &[Verb] = &[
    Verb::new("export_definitions", "<file>", export).saying(|line| match line.word(0) {
        "-" => String::new(),
        file => format!("Exporting definitions in JSON to a file at \"{file}\" ..."),
    }),
    Verb::new("import_definitions", "[<file>]", import).saying(|line| match line.word(0) {
        "" | "-" => "Importing definitions in JSON from standard input ...".to_owned(),
        file => format!("Importing definitions in JSON from a file at \"{file}\" ..."),
    }),
];

fn export(line: &Line) -> Said {
    let answer = line.client.ask("GET", "/api/definitions", None)?;
    if answer.status != 200 {
        return Err(answer.failure());
    }
    let text = serde_json::to_string_pretty(&answer.value)
        .map_err(|error| Failure::data(error.to_string()))?;
    let file = line.word(0);
    if file == "-" {
        return Ok(Shown::Document(answer.value));
    }
    fs::write(file, text)
        .map_err(|error| Failure::cannot_create(format!("cannot write {file}: {error}")))?;
    Ok(Shown::Nothing)
}

fn import(line: &Line) -> Said {
    let file = line.word(0);
    let text = match file {
        "" | "-" => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).map(|_| text)
        }
        file => fs::read_to_string(file),
    };
    let text = text.map_err(|error| {
        let text = format!("Bad argument: File {file} cannot be read: {error}");
        Failure { how: How::Bare, ..Failure::data(format!("Error (argument validation): {text}")) }
    })?;
    if serde_json::from_str::<Value>(&text).is_err() {
        return Err(Failure::data("Could not parse definitions: they are not JSON"));
    }
    let answer = line.client.ask("POST", "/api/definitions", Some(&text))?;
    if !(200..300).contains(&answer.status) {
        return Err(Failure::data(answer.reason()));
    }
    Ok(Shown::Text("Successfully started definition import. This process is asynchronous and can take some time. Watch target node logs for completion.".to_owned()))
}

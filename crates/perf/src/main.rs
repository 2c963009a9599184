//! The `warrener-perf` program.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people to read")]

use core::fmt::Display;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use warrener_perf::{
    Command, Contestant, Floor, Options, Outcome, Output, PerfError, Run, compare, floor, plot,
    relay, run,
};

fn main() -> ExitCode {
    let outcome = match Options::parse().command {
        Command::Run(asked) => measure(&asked),
        Command::Floor(asked) => measure_floor(&asked),
        Command::Relay { buffer } => relay(buffer, |port| println!("{port}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("warrener-perf: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(asked: &Run) -> Result<(), PerfError> {
    let mut progress = progress(&asked.output);
    let Some(other) = &asked.compare else {
        let outcome = run(&asked.uri, asked.pid, &asked.scenario, &mut progress)?;
        return deliver(&asked.output, &outcome, &outcome, &[&outcome]);
    };
    let sides = [Contestant::new(&asked.uri, asked.pid), Contestant::new(other, asked.compare_pid)];
    let comparison = compare(&sides, asked.rounds, &asked.scenario, &mut progress)?;
    let firsts: Vec<&Outcome> =
        comparison.outcomes.iter().filter_map(|side| side.first()).collect();
    deliver(&asked.output, &comparison, &comparison, &firsts)
}

fn measure_floor(asked: &Floor) -> Result<(), PerfError> {
    let program = std::env::current_exe()
        .map_err(|source| PerfError::File { path: "this program".to_owned(), source })?;
    let mut progress = progress(&asked.output);
    let outcome = floor(&program, &asked.buffers, &asked.scenario, &mut progress)?;
    deliver(&asked.output, &outcome, &outcome, &[&outcome])
}

fn progress(output: &Output) -> impl FnMut(&str) + use<> {
    let quiet = output.quiet;
    move |line| {
        if !quiet {
            eprintln!("{line}");
        }
    }
}

/// Prints the table, and writes the files that were asked for.
fn deliver(
    output: &Output,
    table: &dyn Display,
    json: &impl serde::Serialize,
    pictured: &[&Outcome],
) -> Result<(), PerfError> {
    if let Some(path) = &output.plot {
        write(path, &plot(pictured))?;
    }
    match &output.json {
        None => print!("{table}"),
        Some(path) => {
            let text = serde_json::to_string_pretty(json)
                .map_err(|error| PerfError::Options(format!("no JSON: {error}")))?;
            if path == Path::new("-") {
                println!("{text}");
            } else {
                write(path, &text)?;
                print!("{table}");
            }
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), PerfError> {
    std::fs::write(path, text)
        .map_err(|source| PerfError::File { path: path.display().to_string(), source })
}

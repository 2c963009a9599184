//! Runs seeds: one with its trace, or many for their verdicts.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people to read")]

use std::process::ExitCode;

use warrener_simulator::check::check;
use warrener_simulator::workload::{Options, run};

const USAGE: &str = "\
Usage: warrener-simulator SEED              run one seed and print what happened
       warrener-simulator --seeds N [FIRST] run N seeds, from FIRST on (0), and print only those that fail";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        [seed] => seed.parse().ok().map(one),
        ["--seeds", count] => count.parse().ok().map(|count| many(0, count)),
        ["--seeds", count, first] => {
            count.parse().ok().zip(first.parse().ok()).map(|(count, first)| many(first, count))
        }
        _ => None,
    };
    match outcome {
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::FAILURE,
        None => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn one(seed: u64) -> bool {
    let options = Options::of(seed);
    println!("{options:#?}");
    let history = run(&options);
    for happened in &history {
        println!("{happened}");
    }
    verdict(seed, check(&history))
}

fn many(first: u64, count: u64) -> bool {
    let mut good = 0;
    for seed in first..first.saturating_add(count) {
        good += u64::from(verdict(seed, check(&run(&Options::of(seed)))));
    }
    println!("{good} of {count} seeds are good");
    good == count
}

fn verdict<E: core::fmt::Display>(seed: u64, outcome: Result<(), E>) -> bool {
    if let Err(violation) = &outcome {
        println!("seed {seed}: {violation}");
    }
    outcome.is_ok()
}

//! Runs seeds: one with its trace, or many for their verdicts.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people to read")]

use core::sync::atomic::{AtomicU64, Ordering};
use std::process::ExitCode;

use warrener_simulator::check::{Violation, check};
use warrener_simulator::shrink;
use warrener_simulator::workload::{Options, run};

const USAGE: &str = "\
Usage: warrener-simulator SEED [NAME=VALUE..]  run one seed, with some options changed, and print what happened
       warrener-simulator --shrink SEED [NAME=VALUE..]
                                               find a smaller run that breaks the same promise
       warrener-simulator --seeds N [FIRST]    run N seeds, from FIRST on (0), on all cores, and print those that fail";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match &arguments[..] {
        ["--seeds", count] => count.parse().ok().map(|count| many(0, count)),
        ["--seeds", count, first] => {
            count.parse().ok().zip(first.parse().ok()).map(|(count, first)| many(first, count))
        }
        ["--shrink", seed, changes @ ..] => options(seed, changes).map(|options| smaller(&options)),
        [seed, changes @ ..] => options(seed, changes).map(|options| one(&options)),
        [] => None,
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

fn options(seed: &str, changes: &[&str]) -> Option<Options> {
    let mut options = Options::of(seed.parse().ok()?);
    for change in changes {
        if let Err(why) = options.change(change) {
            eprintln!("{why}");
            return None;
        }
    }
    Some(options)
}

fn one(options: &Options) -> bool {
    let story = run(options);
    println!("{options}{}", story.topology);
    for moment in &story.moments {
        println!("{moment}");
    }
    match check(&story) {
        Ok(()) => true,
        Err(violation) => {
            println!("{}", verdict(options, &violation));
            false
        }
    }
}

fn smaller(options: &Options) -> bool {
    be_quiet();
    let Err(violation) = check(&run(options)) else {
        println!("seed {} is good", options.seed);
        return true;
    };
    let (smallest, violation) = shrink(options, &violation);
    println!("{}", verdict(&smallest, &violation));
    println!("replay: warrener-simulator {}{}", smallest.seed, smallest.changes());
    false
}

fn many(first: u64, count: u64) -> bool {
    be_quiet();
    let (next, good) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            if nth >= count {
                return;
            }
            let options = Options::of(first.saturating_add(nth));
            match check(&run(&options)) {
                Ok(()) => {
                    good.fetch_add(1, Ordering::Relaxed);
                }
                Err(violation) => println!("{}", verdict(&options, &violation)),
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, core::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    let good = good.into_inner();
    println!("{good} of {count} seeds are good");
    good == count
}

fn verdict(options: &Options, violation: &Violation) -> String {
    format!("seed {}: {violation}", options.seed)
}

/// Panics are told in the verdict.
fn be_quiet() {
    std::panic::set_hook(Box::new(|_| {}));
}

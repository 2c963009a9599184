//! Runs seeds: one with its trace, or many for their verdicts.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people to read")]
#![expect(clippy::disallowed_methods, reason = "it tells how many seeds it runs a second")]

use core::sync::atomic::{AtomicU64, Ordering};
use std::process::ExitCode;
use std::time::Instant;

use warrener_simulator::check::{Violation, check};
use warrener_simulator::shrink;
use warrener_simulator::workload::{Options, run};

const USAGE: &str = "\
Usage: warrener-simulator SEED [NAME=VALUE..]  run one seed, with some options changed, and print what happened
       warrener-simulator --shrink SEED [NAME=VALUE..]
                                               find a smaller run that breaks the same promise
       warrener-simulator --seeds N [FIRST]    run N seeds, from FIRST on (0), on all cores, and print those that fail
       warrener-simulator --planted N [BUG..]  compiled with --cfg warrener_planted: find each planted bug, or these,
                                               within N seeds";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match &arguments[..] {
        ["--seeds", count] => count.parse().ok().map(|count| many(0, count)),
        ["--seeds", count, first] => {
            count.parse().ok().zip(first.parse().ok()).map(|(count, first)| many(first, count))
        }
        #[cfg(warrener_planted)]
        ["--planted", count, bugs @ ..] => count.parse().ok().map(|count| planted(count, bugs)),
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
    let begun = Instant::now();
    let (next, good, operations) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    on_all_cores(|| {
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            if nth >= count {
                return;
            }
            let options = Options::of(first.saturating_add(nth));
            let story = run(&options);
            operations.fetch_add(story.operations(), Ordering::Relaxed);
            match check(&story) {
                Ok(()) => {
                    good.fetch_add(1, Ordering::Relaxed);
                }
                Err(violation) => println!("{}", verdict(&options, &violation)),
            }
        }
    });
    let (good, operations) = (good.into_inner(), operations.into_inner());
    let seconds = begun.elapsed().as_secs_f64();
    let (speed, length) = (count as f64 / seconds, operations / count.max(1));
    println!(
        "{good} of {count} seeds are good: {speed:.1} seeds a second, {length} operations a seed"
    );
    good == count
}

/// Plants one bug after the other, and looks for the first seed that shows it.
#[cfg(warrener_planted)]
fn planted(most: u64, wanted: &[&str]) -> bool {
    use warrener_time::planted::{Bug, plant};
    be_quiet();
    let wanted = |bug: &&Bug| wanted.is_empty() || wanted.contains(&format!("{bug:?}").as_str());
    let mut all_found = true;
    for bug in Bug::ALL.iter().filter(wanted) {
        plant(Some(*bug));
        let (next, first) = (AtomicU64::new(0), std::sync::Mutex::new(None));
        on_all_cores(|| {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                let is_known = || {
                    first.lock().is_ok_and(|it: std::sync::MutexGuard<'_, Option<_>>| it.is_some())
                };
                if seed >= most || is_known() {
                    return;
                }
                if let Err(violation) = check(&run(&Options::of(seed)))
                    && let Ok(mut first) = first.lock()
                {
                    // The lowest of those that were under way at once.
                    let found = first.take().into_iter().chain([(seed, violation)]);
                    *first = found.min_by_key(|(seed, _): &(u64, Violation)| *seed);
                }
            }
        });
        match first.into_inner().unwrap_or_default() {
            Some((seed, violation)) => println!("{bug:?}: seed {seed}: {violation}"),
            None => {
                println!("{bug:?}: not found in {most} seeds");
                all_found = false;
            }
        }
    }
    all_found
}

fn on_all_cores(work: impl Fn() + Sync) {
    let cores = std::thread::available_parallelism().map_or(1, core::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(&work);
        }
    });
}

fn verdict(options: &Options, violation: &Violation) -> String {
    format!("seed {}: {violation}", options.seed)
}

/// Panics are told in the verdict.
fn be_quiet() {
    std::panic::set_hook(Box::new(|_| {}));
}

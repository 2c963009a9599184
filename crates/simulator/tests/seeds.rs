//! Whole runs from seeds: every promise holds, and a seed tells the same story every time.

use std::process::Command;

use warrener_simulator::check::check;
use warrener_simulator::history::Happened;
use warrener_simulator::workload::{Options, run};

#[test]
fn no_seed_breaks_a_promise() {
    let mut deaths = 0;
    for seed in 0..15 {
        let story = run(&Options::of(seed));
        if let Err(violation) = check(&story) {
            panic!("seed {seed}: {violation}");
        }
        let dies = |it: &Happened| matches!(it, Happened::Killed | Happened::PowerLost);
        deaths += story.moments.iter().filter(|moment| dies(&moment.what)).count();
    }
    // Seeds in which nothing goes wrong prove nothing.
    assert!(deaths > 10, "the server died only {deaths} times");
}

#[test]
fn a_seed_tells_the_same_story_in_two_processes() {
    for seed in ["3", "183"] {
        let tell =
            || Command::new(env!("CARGO_BIN_EXE_warrener-simulator")).arg(seed).output().unwrap();
        let (first, second) = (tell(), tell());
        assert!(first.status.success());
        assert!(first.stdout.len() > 1_000);
        assert!(first.stdout == second.stdout, "seed {seed} told two stories");
    }
}

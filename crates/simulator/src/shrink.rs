//! Makes a failing run small: fewer clients, steps and faults, as long as the same judge still objects.

use crate::check::{Violation, check};
use crate::workload::{Options, run};

/// How many runs one shrinking may take.
const RUNS_MAX: u32 = 2_000;

/// The smallest run found that breaks the same promise, and how it does.
#[must_use]
pub fn shrink(options: &Options, violation: &Violation) -> (Options, Violation) {
    let mut smallest = (options.clone(), violation.clone());
    let mut runs = 0;
    'smaller: loop {
        for simpler in smallest.0.simpler() {
            runs += 1;
            if runs > RUNS_MAX {
                return smallest;
            }
            if let Err(found) = check(&run(&simpler))
                && found.check == violation.check
            {
                smallest = (simpler, found);
                continue 'smaller;
            }
        }
        return smallest;
    }
}

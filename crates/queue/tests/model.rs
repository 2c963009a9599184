//! Long random histories with all features on at once, against a slow and obvious model: the same deliveries in the same
//! order, the same effects, the same counts, the same next timeout, and every handle back exactly once.

use proptest::prelude::*;
use warrener_queue::fuzzing::{Command, Driver, run};

fn history() -> impl Strategy<Value = Vec<Command>> {
    prop::collection::vec(any::<[u8; 6]>().prop_map(Command::from_bytes), 1..250)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_queue_does_what_the_model_does(history in history()) {
        run(&history, Driver::Prompt);
    }

    #[test]
    fn timers_that_come_late_change_nothing_but_times(history in history()) {
        run(&history, Driver::Late);
    }
}

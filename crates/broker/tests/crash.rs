//! Every moment at which a broker can end: whatever of its journal the log has, no message is lost and none is doubled.

use std::collections::BTreeMap;

use crate::script::World;

/// How many of each body are in which queue, waiting, held or delayed.
fn bodies(world: &World) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    for line in world.broker.view().to_string().lines() {
        if let Some((_, body)) = line.strip_suffix('"').and_then(|line| line.rsplit_once('"')) {
            *found.entry(body.to_owned()).or_default() += 1;
        }
    }
    found
}

/// Runs a script after others, and ends the broker after each step that its log took of it. `after` brings to light
/// what is still on its way; then the bodies must be in exactly these numbers.
fn check_each_crash(before: &str, script: &str, after: &str, allowed: &[&[(&str, u32)]]) {
    let mut world = World::new();
    world.run(before);
    let first = world.journal.len();
    world.run(script);
    assert!(world.journal.len() > first, "the script asks something of the log");
    for steps in first..=world.journal.len() {
        let mut crashed = world.crashed_after(steps);
        crashed.run(after);
        let found = bodies(&crashed);
        let ok = allowed.iter().any(|allowed| {
            allowed.len() == found.len()
                && allowed.iter().all(|(body, count)| found.get(*body) == Some(count))
        });
        assert!(
            ok,
            "after {steps} of {}: {found:?}\n{}",
            world.journal.len(),
            crashed.broker.view()
        );
        warrener_broker::fuzzing::audit(&crashed.broker);
    }
}

const AT_LEAST_ONCE: &str = "arg:x-queue-type=quorum arg:x-dead-letter-exchange=dlx \
     arg:x-dead-letter-routing-key=k arg:x-dead-letter-strategy=at-least-once \
     arg:x-overflow=reject-publish";

#[test]
fn a_dead_letter_is_in_its_source_or_in_all_targets() {
    let before = format!(
        "1 connect
        1.1 open
        1.1 exchange.declare dlx fanout durable
        1.1 queue.declare a durable
        1.1 queue.declare b durable
        1.1 queue.bind a dlx -
        1.1 queue.bind b dlx -
        1.1 queue.declare q durable {AT_LEAST_ONCE}
        1.1 publish - q hello persistent
        1.1 get q",
    );
    let both: &[(&str, u32)] = &[("hello", 2)];
    check_each_crash(&before, "1.1 reject 1", "wait 5s", &[&[("hello", 1)], both]);
}

#[test]
fn a_dead_letter_that_had_to_wait_is_in_its_source_or_in_its_target() {
    let before = format!(
        "1 connect
        1.1 open
        1.1 queue.declare q durable {AT_LEAST_ONCE}
        1.1 queue.declare grave durable
        1.1 publish - q hello persistent
        1.1 get q",
    );
    let script = "1.1 reject 1
        1.1 exchange.declare dlx fanout durable
        1.1 queue.bind grave dlx -
        wait 2s";
    let after = "1 connect
        1.1 open
        1.1 exchange.declare dlx fanout durable
        1.1 queue.bind grave dlx -
        wait 2s";
    check_each_crash(&before, script, after, &[&[("hello", 1)]]);
}

#[test]
fn a_delayed_message_is_in_its_exchange_or_where_it_went() {
    let before = "1 connect
        1.1 open
        1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
        1.1 queue.declare q durable
        1.1 queue.bind q x k
        1.1 publish x k hello persistent h:x-delay=1000";
    check_each_crash(before, "wait 2s", "wait 2s", &[&[("hello", 1)]]);
}

#[test]
fn a_dead_letter_that_is_taken_at_most_once_is_not_doubled_either() {
    let before = "1 connect
        1.1 open
        1.1 queue.declare grave durable
        1.1 queue.declare q durable arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
        1.1 publish - q one persistent
        1.1 publish - q two persistent expiration=10
        1.1 get q";
    let one_each: &[(&str, u32)] = &[("one", 1), ("two", 1)];
    check_each_crash(before, "1.1 reject 1\nwait 20ms", "wait 20ms", &[one_each]);
}

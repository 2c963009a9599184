//! Every moment at which a broker can end: whatever of its journal the log has, no message is lost and none is doubled.

use std::collections::BTreeMap;

use crate::script::World;

/// Which bodies wait in which queue, as `queue body`, and how many of each.
fn bodies(world: &World) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    let mut queue = String::new();
    for line in world.broker.view().to_string().lines() {
        if let Some(name) = line.strip_prefix("queue '") {
            queue = name.split('\'').next().expect("a name").to_owned();
        } else if let Some((_, body)) =
            line.strip_suffix('"').and_then(|line| line.rsplit_once('"'))
        {
            *found.entry(format!("{queue} {body}")).or_default() += 1;
        }
    }
    found
}

/// Runs a script after others, and ends the broker after each step that its log took of it. `after` brings to light
/// what is still on its way; then exactly one of these must be so, each `queue body` once.
fn check_each_crash(before: &str, script: &str, after: &str, allowed: &[&[&str]]) {
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
            allowed.len() == found.len() && allowed.iter().all(|body| found.get(*body) == Some(&1))
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
    let (source, both) = (&["q hello"][..], &["a hello", "b hello"][..]);
    check_each_crash(&before, "1.1 reject 1", "wait 5s", &[source, both]);
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
    check_each_crash(&before, script, after, &[&["q hello"], &["grave hello"]]);
}

#[test]
fn a_delayed_message_is_in_its_exchange_or_where_it_went() {
    let before = "1 connect
        1.1 open
        1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
        1.1 queue.declare q durable
        1.1 queue.bind q x k
        1.1 publish x k hello persistent h:x-delay=1000";
    check_each_crash(before, "wait 2s", "wait 2s", &[&["q hello"]]);
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
    let (source, grave) = (&["q one", "grave two"][..], &["grave one", "grave two"][..]);
    check_each_crash(before, "1.1 reject 1\nwait 20ms", "wait 20ms", &[source, grave]);
}

#[test]
fn what_failed_too_often_before_the_end_goes_to_its_grave_after_it() {
    for strategy in ["", "arg:x-dead-letter-strategy=at-least-once arg:x-overflow=reject-publish"] {
        let before = format!(
            "1 connect
            1.1 open
            1.1 queue.declare grave durable
            1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-delivery-limit=0 \
             arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave {strategy}
            1.1 publish - q once persistent
            1.1 get q",
        );
        // Only an end before the log had heard of its failure brings it back.
        let (back, dead) = (&["q once"][..], &["grave once"][..]);
        let mut world = World::new();
        world.run(&before);
        let failed = world.journal.len() + 1;
        world.run("1.1 reject 1 requeue");
        let mut crashed = world.crashed_after(failed);
        crashed.run("wait 1ms");
        assert_eq!(bodies(&crashed), BTreeMap::from([("grave once".to_owned(), 1)]), "{strategy}");
        check_each_crash(&before, "1.1 reject 1 requeue", "wait 1ms", &[back, dead]);
    }
}

#[test]
fn a_transaction_is_all_or_nothing_dead_letters_included() {
    let before = "1 connect
        1.1 open
        1.1 queue.declare grave durable
        1.1 queue.declare other durable
        1.1 queue.declare q durable arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
        1.1 publish - q acked persistent
        1.1 publish - q rejected persistent
        1.1 publish - q waiting persistent
        1.1 get q
        1.1 get q
        1.1 tx.select
        1.1 ack 1
        1.1 reject 2
        1.1 publish - other new persistent
        1.1 publish - q more persistent";
    let nothing = &["q acked", "q rejected", "q waiting"][..];
    let all = &["grave rejected", "q waiting", "other new", "q more"][..];
    check_each_crash(before, "1.1 tx.commit", "wait 1s", &[nothing, all]);
    let mut world = World::new();
    world.run(before);
    world.run("1.1 tx.commit");
    world.run("restart\n1 connect\n1.1 open\n1.1 get grave");
    assert_eq!(world.broker.view().queue("/", "grave").expect("it is durable").unacked, 1);
}

#[test]
fn a_transaction_that_rejects_what_goes_on_at_least_once_is_all_or_nothing() {
    let before = format!(
        "1 connect
        1.1 open
        1.1 exchange.declare dlx fanout durable
        1.1 queue.declare grave durable
        1.1 queue.bind grave dlx -
        1.1 queue.declare other durable
        1.1 queue.declare q durable {AT_LEAST_ONCE}
        1.1 publish - q rejected persistent
        1.1 get q
        1.1 tx.select
        1.1 publish - other new persistent
        1.1 reject 1",
    );
    let (nothing, all) = (&["q rejected"][..], &["grave rejected", "other new"][..]);
    check_each_crash(&before, "1.1 tx.commit", "wait 1s", &[nothing, all]);
}

#[test]
fn a_dead_letter_that_is_refused_is_in_its_source_or_where_it_is_sent_on_to() {
    let before = "1 connect
        1.1 open
        1.1 queue.declare grave durable
        1.1 queue.declare next durable arg:x-max-length=0 arg:x-overflow=reject-publish-dlx \
         arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
        1.1 queue.declare full durable arg:x-max-length=0 arg:x-overflow=reject-publish-dlx \
         arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=next
        1.1 queue.declare q durable arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=full
        1.1 queue.declare other durable
        1.1 exchange.declare x fanout durable
        1.1 queue.bind q x -
        1.1 queue.bind other x -
        1.1 publish x - one persistent
        1.1 publish - q two persistent
        1.1 get q
        1.1 get q";
    // One of them is in another queue as well, the other leaves its record altogether.
    let both = &["other one", "q one", "q two"][..];
    let one = &["other one", "grave one", "q two"][..];
    let none = &["other one", "grave one", "grave two"][..];
    check_each_crash(before, "1.1 reject 1\n1.1 reject 2", "wait 1ms", &[both, one, none]);
}

#[test]
fn a_delayed_message_that_is_refused_is_in_its_exchange_or_where_it_is_sent_on_to() {
    let before = "1 connect
        1.1 open
        1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
        1.1 queue.declare grave durable
        1.1 queue.declare full durable arg:x-max-length=0 arg:x-overflow=reject-publish-dlx \
         arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
        1.1 queue.bind full x k
        1.1 publish x k hello persistent h:x-delay=1000";
    check_each_crash(before, "wait 2s", "wait 2s", &[&["grave hello"]]);
}

#[test]
fn a_full_queue_is_not_longer_after_a_crash() {
    let before = "1 connect
        1.1 open
        1.1 queue.declare grave durable
        1.1 queue.declare q durable arg:x-max-length=1
        1.1 queue.declare buried durable arg:x-max-length=1 arg:x-dead-letter-exchange=s! \
         arg:x-dead-letter-routing-key=grave
        1.1 publish - q one persistent
        1.1 publish - buried alpha persistent";
    let plain = [&["q one", "buried alpha"][..], &["q two", "buried alpha"]];
    check_each_crash(before, "1.1 publish - q two persistent", "wait 1ms", &plain);
    let buried = [&["q one", "buried alpha"][..], &["q one", "buried beta", "grave alpha"]];
    check_each_crash(before, "1.1 publish - buried beta persistent", "wait 1ms", &buried);
}

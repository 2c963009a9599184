//! Policies: which applies, what it says together with others, and that it applies to what is there.

use proptest::prelude::*;
use warrener_broker::{Command, Json, Object, Outcome, PolicyDefinition};

use crate::script::{World, parse_name as short};

fn policy(name: &str, pattern: &str, apply_to: &str, definition: Object) -> PolicyDefinition {
    PolicyDefinition {
        vhost: short("/"),
        name: short(name),
        pattern: pattern.into(),
        apply_to: apply_to.into(),
        definition,
        ..PolicyDefinition::default()
    }
}

fn one(key: &str, value: impl Into<Json>) -> Object {
    Object::new().with(key, value)
}

fn clear(name: &str) -> Command {
    Command::ClearPolicy { vhost: short("/"), name: short(name) }
}

/// A world with an open channel of guest's.
fn world() -> World {
    let mut world = World::new();
    world.run("1 connect\n1.1 open");
    world
}

fn ready(world: &World, queue: &str) -> u64 {
    world.broker.view().queue("/", queue).expect("a queue").ready
}

#[test]
fn a_policy_applies_to_messages_that_are_there_and_goes_as_it_came() {
    let mut world = world();
    world.run("1.1 queue.declare q durable\n1.1 queue.declare other");
    for body in 0..10 {
        world.run(&format!("1.1 publish - q {body}\n1.1 publish - other {body}"));
    }
    let shorter = policy("short", "^q$", "queues", one("max-length", 3_i64));
    assert_eq!(world.obeyed(Command::SetPolicy(shorter.clone())), Outcome::Created);
    assert_eq!((ready(&world, "q"), ready(&world, "other")), (3, 10));
    assert_eq!(world.obeyed(Command::SetPolicy(shorter)), Outcome::Changed);
    let brief = policy("brief", "^q$", "queues", one("message-ttl", 1_000_i64));
    world.obeyed(Command::SetPolicy(PolicyDefinition { priority: 1, ..brief }));
    world.run("1.1 publish - q more\n1.1 publish - q more\nwait 500ms");
    assert_eq!(ready(&world, "q"), 5, "only the policy of the highest priority applies");
    world.run("wait 500ms");
    assert_eq!(ready(&world, "q"), 0);
    assert_eq!(world.obeyed(clear("brief")), Outcome::Deleted);
    assert_eq!(world.obeyed(clear("short")), Outcome::Deleted);
    assert_eq!(world.obeyed(clear("short")), Outcome::Absent);
    for body in 0..10 {
        world.run(&format!("1.1 publish - q {body}"));
    }
    world.run("wait 5s");
    assert_eq!(ready(&world, "q"), 10);
}

#[test]
fn a_policy_survives_a_restart_and_applies_to_what_comes_later() {
    let mut world = World::new();
    world.obeyed(Command::SetPolicy(policy("p", "^q", "all", one("max-length", 1_i64))));
    for _ in 0..2 {
        world.run("1 connect\n1.1 open\n1.1 queue.declare q1 durable");
        world.run("1.1 publish - q1 a persistent\n1.1 publish - q1 b persistent");
        assert_eq!(ready(&world, "q1"), 1);
        world.restart(&mut String::new());
    }
}

#[test]
fn dead_letters_go_where_a_policy_says_unless_the_arguments_do() {
    let mut world = world();
    world.run(
        "
        1.1 exchange.declare dlx fanout
        1.1 queue.declare dead
        1.1 queue.bind dead dlx -
        1.1 queue.declare plain
        1.1 queue.declare own arg:x-dead-letter-exchange=nowhere
        ",
    );
    let both = one("dead-letter-exchange", "dlx").with("dead-letter-routing-key", "k");
    world.obeyed(Command::SetPolicy(policy("p", "^(plain|own)$", "queues", both)));
    world.run("1.1 publish - plain a\n1.1 publish - own b\n1.1 get plain\n1.1 get own\n1.1 nack 2 multiple");
    let got = world.run("1.1 get dead");
    assert!(got.contains("get-ok 3 dlx k \"a\"") && got.contains("(0 left)"), "{got}");
}

#[test]
fn an_exchange_gets_its_alternate_from_a_policy_unless_it_has_one() {
    let mut world = world();
    world.run(
        "
        1.1 exchange.declare ae fanout
        1.1 queue.declare lost
        1.1 queue.bind lost ae -
        1.1 exchange.declare x direct
        1.1 exchange.declare y direct arg:alternate-exchange=nowhere
        ",
    );
    let alternate = policy("p", "^[xy]$", "exchanges", one("alternate-exchange", "ae"));
    world.obeyed(Command::SetPolicy(alternate));
    world.run("1.1 publish x k a\n1.1 publish y k b\n1.1 exchange.declare xx direct");
    assert_eq!(ready(&world, "lost"), 1);
    world.obeyed(clear("p"));
    world.run("1.1 publish x k c");
    assert_eq!(ready(&world, "lost"), 1);
}

#[test]
fn a_policy_with_what_a_type_does_not_know_does_not_apply_to_it() {
    let mut world = world();
    world.run("1.1 queue.declare qq durable arg:x-queue-type=quorum\n1.1 queue.declare qc durable");
    let both = one("delivery-limit", 1_i64).with("max-length", 1_i64);
    world.obeyed(Command::SetPolicy(policy("p", "^q", "queues", both)));
    for queue in ["qq", "qc"] {
        world.run(&format!("1.1 publish - {queue} a\n1.1 publish - {queue} b"));
    }
    assert_eq!((ready(&world, "qq"), ready(&world, "qc")), (1, 2));
    world.obeyed(Command::SetPolicy(policy("p", "^q", "classic_queues", one("max-length", 1_i64))));
    for queue in ["qq", "qc"] {
        world.run(&format!("1.1 publish - {queue} a\n1.1 publish - {queue} b"));
    }
    assert_eq!((ready(&world, "qq"), ready(&world, "qc")), (3, 1));
}

/// What a RabbitMQ 4.3.6 applied to a classic and to a quorum queue, beside a `max-length`.
const APPLIED: [(&str, &str, bool, bool); 11] = [
    ("delivery-limit", "2", false, true),
    ("queue-mode", "lazy", true, false),
    ("queue-version", "2", true, true),
    ("consumer-timeout", "60000", true, true),
    ("dead-letter-strategy", "at-most-once", false, true),
    ("max-age", "1h", false, false),
    ("max-in-memory-length", "5", false, true),
    ("target-group-size", "3", false, true),
    ("initial-cluster-size", "3", false, false),
    ("queue-leader-locator", "balanced", true, true),
    ("alternate-exchange", "x", true, true),
];

#[test]
fn policies_apply_to_the_types_that_rabbitmq_applies_them_to() {
    for (key, value, classic, quorum) in APPLIED {
        let mut world = world();
        world.run(
            "1.1 queue.declare q1 durable\n1.1 queue.declare q2 durable arg:x-queue-type=quorum",
        );
        let value = value.parse::<i64>().map_or_else(|_| Json::from(value), Json::from);
        let definition = one("max-length", 5_i64).with(key, value);
        world.obeyed(Command::SetPolicy(policy("p", "^q", "queues", definition)));
        let applies =
            |queue| world.broker.view().policies("/", queue).expect("a queue")[0].is_some();
        assert_eq!((applies("q1"), applies("q2")), (classic, quorum), "{key}");
    }
}

#[test]
fn policies_are_refused_in_rabbitmqs_words() {
    let mut world = world();
    for (definition, text) in [
        (Object::new(), "no policy provided\n"),
        (one("foo", 1_i64), "[{<<\"foo\">>,1}] are not recognised policy settings\n"),
        (one("message-ttl", -1_i64), "-1 is not a valid message TTL\n"),
        (one("message-ttl", "a"), "<<\"a\">> is not a valid message TTL\n"),
        (one("overflow", "a"), "<<\"a\">> is not a valid overflow value\n"),
        (one("expires", 0_i64), "0 is not a valid queue expiry\n"),
        (one("dead-letter-exchange", 5_i64), "5 is not a valid dead letter exchange name\n"),
        (one("alternate-exchange", 5_i64), "5 is not a valid alternate exchange name\n"),
        (one("dead-letter-strategy", "foo"), "<<\"foo\">> is not a valid dead letter strategy\n"),
        (
            one("max-priority", 3_i64),
            "[{<<\"max-priority\">>,3}] are not recognised policy settings\n",
        ),
    ] {
        let refused = world.refused(Command::SetPolicy(policy("p", "x", "all", definition)));
        assert_eq!(refused, format!("Validation failed\n\n{text}"));
    }
    let ttl = || one("message-ttl", 1_i64);
    let refused = world.refused(Command::SetPolicy(policy("p", "x", "foo", ttl())));
    assert!(
        refused.contains("apply-to 'foo' unrecognised; should be one of: 'queues'"),
        "{refused}"
    );
    let refused = world.refused(Command::SetPolicy(policy("p", "(", "all", ttl())));
    assert!(refused.contains("pattern should be regular expression but is invalid"), "{refused}");
    let dlx = policy("p", "x", "all", one("dead-letter-exchange", "a"));
    let refused = world.refused(Command::SetOperatorPolicy(dlx));
    assert!(refused.contains("are not recognised policy settings"), "{refused}");
    assert_eq!(world.records(), 0);
}

#[test]
fn a_pattern_that_costs_too_much_applies_nowhere_and_is_reported_once() {
    let mut world = world();
    let name = "a".repeat(250);
    world
        .run(&format!("1.1 queue.declare {name}1\n1.1 queue.declare {name}2\n1.1 queue.declare q"));
    let evil = policy("evil", "^(?:(?=(a*))a){100}[z12]|^q$", "all", one("max-length", 1_i64));
    let (_, told) = world.command(Command::SetPolicy(evil));
    assert_eq!(told.matches("warning: policy 'evil' in vhost '/'").count(), 1, "{told}");
    world.run("1.1 publish - q a\n1.1 publish - q b");
    assert_eq!(ready(&world, "q"), 1, "where it can be decided it applies");
}

#[test]
fn very_many_costly_patterns_cost_a_name_no_more_than_a_few_do() {
    let mut world = world();
    for number in 0..100 {
        let evil = policy(
            &format!("p{number:03}"),
            "^(?:(?=(a*))a){100}z",
            "all",
            one("max-length", 1_i64),
        );
        world.obeyed(Command::SetPolicy(evil));
    }
    let told = world.run(&format!("1.1 queue.declare {}", "a".repeat(250)));
    let told = told.matches("does not apply everywhere").count();
    assert_eq!(told, 1, "one is told of, and the others are not tried");
    // A name on which they fail at once is tried with all of them.
    let last = policy("z", "^q$", "all", one("max-length", 1_i64));
    world.obeyed(Command::SetPolicy(last));
    world.run("1.1 queue.declare q\n1.1 publish - q a\n1.1 publish - q b");
    assert_eq!(ready(&world, "q"), 1);
}

#[test]
fn many_queues_are_looked_at_in_slices() {
    let mut world = world();
    for queue in 0..1_000 {
        world.run(&format!("1.1 queue.declare q{queue} no-wait"));
    }
    let said = world.begin(Command::SetPolicy(policy("p", ".*", "all", one("max-length", 0_i64))));
    assert!(said.contains("done Created"), "{said}");
    // What comes meanwhile follows the new rules at once.
    world.run("1.1 queue.declare new\n1.1 publish - new a");
    assert_eq!(ready(&world, "new"), 0);
    world.work(&mut String::new());
    world.run("1.1 publish - q999 a");
    assert_eq!(ready(&world, "q999"), 0);
}

/// What the model knows of a queue: how many messages it keeps at most, and how it overflows.
#[derive(Clone, Copy, Debug)]
struct Said {
    length: Option<u8>,
    overflow: Option<&'static str>,
    priority: i64,
    matches: bool,
}

fn said() -> impl Strategy<Value = Said> {
    let overflow = prop_oneof![Just(None), Just(Some("drop-head")), Just(Some("reject-publish"))];
    (prop::option::of(0..5_u8), overflow, 0..3_i64, any::<bool>())
        .prop_filter("policies say something", |(length, overflow, ..)| {
            length.is_some() || overflow.is_some()
        })
        .prop_map(|(length, overflow, priority, matches)| Said {
            length,
            overflow,
            priority,
            matches,
        })
}

fn definition(said: Said) -> Object {
    let mut definition = Object::new();
    if let Some(length) = said.length {
        definition.set("max-length", i64::from(length));
    }
    if let Some(overflow) = said.overflow {
        definition.set("overflow", overflow);
    }
    definition
}

/// The one that applies: it matches, its priority is the highest, and its name the first.
fn chosen(all: &[Said]) -> Option<Said> {
    let mut best: Option<Said> = None;
    for said in all.iter().filter(|said| said.matches) {
        if best.is_none_or(|best| said.priority > best.priority) {
            best = Some(*said);
        }
    }
    best
}

/// How many of these messages a queue keeps, and which is the first, when everything is published at once.
fn model(quorum: bool, arguments: Said, policies: &[Said], operators: &[Said]) -> (u64, u64) {
    const PUBLISHED: u64 = 6;
    let (user, operator) = (chosen(policies), chosen(operators));
    let lengths = [Some(arguments), user, operator].into_iter().flatten();
    let length = lengths.filter_map(|said| said.length).min().map_or(PUBLISHED, u64::from);
    let policy = operator.and_then(|said| said.overflow).or_else(|| user?.overflow);
    let overflow =
        if quorum { policy.or(arguments.overflow) } else { arguments.overflow.or(policy) };
    let kept = length.min(PUBLISHED);
    let first = if overflow == Some("reject-publish") { 0 } else { PUBLISHED - kept };
    (kept, first)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn queues_do_what_arguments_policies_and_operators_say_together(
        quorum in any::<bool>(),
        arguments in said(),
        policies in prop::collection::vec(said(), 0..4),
        operators in prop::collection::vec(said(), 0..3),
        queue_first in any::<bool>(),
        restart in any::<bool>(),
    ) {
        let mut world = world();
        let kind = if quorum { "quorum" } else { "classic" };
        let mut declare = format!("1.1 queue.declare q durable arg:x-queue-type={kind}");
        if let Some(length) = arguments.length {
            declare += &format!(" arg:x-max-length={length}");
        }
        if let Some(overflow) = arguments.overflow {
            declare += &format!(" arg:x-overflow={overflow}");
        }
        if queue_first {
            world.run(&declare);
        }
        for (level, all) in [&policies, &operators].into_iter().enumerate() {
            for (number, said) in all.iter().enumerate() {
                let pattern = if said.matches { "^q$" } else { "^p$" };
                let set = policy(&format!("p{number}"), pattern, "queues", definition(*said));
                let set = PolicyDefinition { priority: said.priority, ..set };
                world.obeyed(if level == 0 { Command::SetPolicy(set) } else { Command::SetOperatorPolicy(set) });
            }
        }
        if restart {
            world.restart(&mut String::new());
            world.run("1 connect\n1.1 open");
        }
        world.run(&declare);
        for body in 0..6 {
            world.run(&format!("1.1 publish - q {body} persistent"));
        }
        let (kept, first) = model(quorum, arguments, &policies, &operators);
        prop_assert_eq!(ready(&world, "q"), kept);
        if kept > 0 {
            let got = world.run("1.1 get q no-ack");
            prop_assert!(got.contains(&format!("\"{first}\"")), "{}", got);
        }
    }
}

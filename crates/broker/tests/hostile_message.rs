//! Messages and graphs that are small to send and large to work on: what each turn does for them is bounded.

use core::fmt::Write as _;

use allocation_counter::measure;
use warrener_broker::{EFFECTS_PER_TURN, Effect, Input};
use warrener_codec::ChannelId;
use warrener_codec::method::basic;

use crate::script::{World, parse_name};

/// What a turn may ask of the allocator or give back to it: a few histories of the greatest length.
const OCTETS_A_TURN: u64 = 16 << 20;

fn world() -> World {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n2 connect\n2.1 open");
    world
}

/// Does what a script says and all that follows from it.
fn run(world: &mut World, script: &str) -> String {
    let mut seen = world.run(script);
    world.work(&mut seen);
    seen
}

/// Does what a line says and all that follows from it; how many octets the heaviest turn asked for, and how many turns
/// there were.
fn heaviest(world: &mut World, line: &str) -> (u64, usize) {
    let mut seen = String::new();
    let mut heaviest = measure(|| seen = world.run(line)).bytes_total;
    let mut turns = 0;
    while world.broker.poll_timeout().is_some_and(|(due, _)| due <= world.now()) {
        heaviest = heaviest.max(measure(|| world.take_turn(&mut seen)).bytes_total);
        turns += 1;
        assert!(turns < 100_000, "it comes to an end");
    }
    (heaviest, turns)
}

#[test]
fn a_message_that_dies_in_very_many_queues_goes_on_in_slices_and_no_further_than_it_may() {
    let mut world = world();
    let mut script = String::new();
    // Long names make long histories of few deaths.
    let name = |number: usize| format!("{number:x>200}");
    for number in 0..900 {
        writeln!(
            script,
            "1.1 queue.declare {} arg:x-message-ttl=0 arg:x-dead-letter-exchange=s! \
             arg:x-dead-letter-routing-key={}",
            name(number),
            name(number + 1)
        )
        .expect("strings take text");
    }
    world.run(&script);
    world.run(&format!("1.1 queue.declare {}", name(900)));
    let before = world.broker.view().memory_bytes();
    let (octets, turns) = heaviest(&mut world, &format!("2.1 publish - {} m", name(0)));
    assert!(octets < OCTETS_A_TURN, "{octets} octets in one turn");
    assert!(turns > 10, "{turns} turns");
    assert_eq!(world.broker.view().messages(), 0, "its history is too long");
    assert_eq!(world.broker.view().memory_bytes(), before);
    // From a little further on it arrives, and what it says of its deaths counts as memory.
    heaviest(&mut world, &format!("2.1 publish - {} m", name(700)));
    assert_eq!(world.broker.view().messages(), 1);
    assert!(world.broker.view().memory_bytes() > before + 50_000);
}

#[test]
fn the_keys_of_a_message_count_in_each_of_its_deaths() {
    let mut world = world();
    let mut script = String::new();
    for number in 0..100 {
        writeln!(
            script,
            "1.1 exchange.declare x{number} fanout\n\
             1.1 queue.declare q{number} arg:x-message-ttl=0 arg:x-dead-letter-exchange=x{}\n\
             1.1 queue.bind q{number} x{number} -",
            number + 1
        )
        .expect("strings take text");
    }
    world.run(&script);
    world.run(
        "1.1 exchange.declare x100 fanout\n1.1 queue.declare grave\n1.1 queue.bind grave x100 -",
    );
    let keys = |count: usize| (0..count).map(|key| format!("k{key}")).collect::<Vec<_>>().join(",");
    let line = format!("2.1 publish x0 - m h:CC=a!{}", keys(4_000));
    let (octets, _) = heaviest(&mut world, &line);
    assert!(octets < OCTETS_A_TURN, "{octets} octets in one turn");
    assert_eq!(world.broker.view().messages(), 0);
    heaviest(&mut world, &format!("2.1 publish x0 - m h:CC=a!{}", keys(20)));
    assert_eq!(world.broker.view().messages(), 1);
}

#[test]
fn very_many_messages_with_large_headers_die_in_slices() {
    let mut world = world();
    world.run("1.1 queue.declare grave");
    world.run(
        "1.1 queue.declare q arg:x-message-ttl=1000 arg:x-dead-letter-exchange=s! \
         arg:x-dead-letter-routing-key=grave",
    );
    let large = "x".repeat(60_000);
    for _ in 0..600 {
        world.run(&format!("2.1 publish - q m h:a={large}"));
    }
    let before = world.turns;
    world.run("wait 2s");
    assert!(world.turns > before + 10, "{} turns", world.turns - before);
    assert_eq!(world.broker.view().queue("/", "grave").expect("there").ready, 600);
}

#[test]
fn a_message_with_very_many_keys_is_refused_and_each_queue_and_requester_gets_it_once() {
    let mut world = world();
    let keys =
        |count: usize| (0..count).map(|key| format!("{key:x}")).collect::<Vec<_>>().join(",");
    let refused = world.run(&format!("2.1 publish - q m h:CC=a!{}", keys(4_096)));
    assert!(
        refused.contains(
            "406 PRECONDITION_FAILED - message with 4097 routing keys: there may be 4096 (60, 40)"
        ),
        "{}",
        &refused[refused.len() - 200..],
    );
    world.run("2.1 closed\n2.1 open");
    let mut script = String::new();
    for key in 0..1_000 {
        writeln!(script, "1.1 queue.declare {key:x}").expect("strings take text");
    }
    world.run(&script);
    world.run("1 drained 1000000");
    world.run(&format!("2.1 publish - 0 m h:CC=a!{0} h:BCC=a!{0}", keys(1_000)));
    assert_eq!(world.broker.view().messages(), 1);
    for key in 0..1_000 {
        let ready = world.broker.view().queue("/", &format!("{key:x}")).expect("there").ready;
        assert_eq!(ready, 1);
    }
    // A requester that is named a thousand times has one reply.
    world.run("1.2 open");
    let seen = world.run("1.2 consume amq.rabbitmq.reply-to c no-ack\n1.2 publish - 0 ask reply-to=amq.rabbitmq.reply-to");
    assert!(seen.contains("consume-ok"), "{seen}");
    world.run("2.1 get 0 no-ack");
    let mut effects = Vec::new();
    let get = basic::Get { queue: parse_name("0"), no_ack: true, ..basic::Get::default() };
    let get = Input::Method(World::connection(2), ChannelId::new(1), get.into());
    world.broker.handle(world.now(), get, &mut effects);
    let Some(Effect::GetOk(got)) = effects.first() else { panic!("the request is there") };
    let properties = got.content.properties.read().expect("it was taken");
    let address = properties.reply_to.expect("it has an address").to_string();
    let many = vec![address.as_str(); 1_000].join(",");
    let seen = world.run(&format!("2.1 publish - {address} answer h:CC=a!{many}"));
    assert_eq!(seen.matches("1.2 deliver c").count(), 1, "{address}");
}

#[test]
fn patterns_that_share_nothing_and_match_everywhere_are_not_followed_for_ever() {
    let mut world = world();
    for number in 0..8 {
        world.run(&format!("1.1 queue.declare q{number}"));
    }
    for number in 0..20_000_usize {
        let word = |place: usize| ["a", "*", "#", "b"][(number >> (2 * place)) & 3];
        let key: Vec<&str> = (0..8).map(word).collect();
        let bind = format!("1.1 queue.bind q{} amq.topic {}.#.z", number % 8, key.join("."));
        world.run(&bind);
        world.run("1 drained 1000");
    }
    let key = ["a"; 120].join(".");
    let refused = run(&mut world, &format!("2.1 publish amq.topic {key} m"));
    assert!(
        refused.contains(
            "406 PRECONDITION_FAILED - routing by exchange 'amq.topic' in vhost '/' takes more than 65536 steps (60, 40)"
        ),
        "{refused}"
    );
    // It was charged for what it took, as others are.
    let mut seen = String::new();
    for channel in 2..22 {
        seen += &world.run(&format!("2.{channel} open\n2.{channel} publish amq.topic {key} m"));
    }
    assert!(seen.contains("2 paused"), "{seen}");
    // A key of few words costs few steps, and so does any key where there are no such patterns.
    world.run("1.1 queue.bind q0 amq.topic short.#");
    world.work(&mut seen);
    let seen = world.run("2.1 closed\n2.1 open\n2.1 publish amq.topic short.key m mandatory");
    assert!(!seen.contains("return") && !seen.contains("close channel"), "{seen}");
}

#[test]
fn dead_letters_and_delayed_messages_take_no_endless_ways_either() {
    let mut world = world();
    world.run("1.1 exchange.declare h headers\n1.1 queue.declare q");
    for number in 0..1_350 {
        let conditions: String = (0..200).fold(String::new(), |mut all, own| {
            write!(all, " arg:h{own}=1").expect("strings take text");
            all
        });
        world.run(&format!("1.1 queue.bind q h k{number} arg:x-match=any{conditions}"));
        world.run("1 drained 100000");
    }
    world.work(&mut String::new());
    let headers: String = (0..202).fold(String::new(), |mut all, own| {
        write!(all, " h:h{own}=1").expect("strings take text");
        all
    });
    let refused = run(&mut world, &format!("2.1 publish h k m{headers}"));
    assert!(refused.contains("takes more than 65536 steps"), "{refused}");
    world.run("2.1 closed\n2.1 open");
    world.run("2.1 queue.declare dying arg:x-message-ttl=0 arg:x-dead-letter-exchange=h");
    run(&mut world, &format!("2.1 publish - dying m{headers}"));
    assert_eq!(world.broker.view().messages(), 0, "it goes nowhere");
}

#[test]
fn very_many_dead_that_each_are_for_very_many_queues_are_tried_in_slices() {
    let mut world = world();
    world.run("1.1 exchange.declare wide fanout\n1.1 queue.declare full arg:x-max-length=0 arg:x-overflow=reject-publish");
    for number in 0..500 {
        world.run(&format!("1.1 queue.declare q{number}\n1.1 queue.bind q{number} wide -"));
        world.run("1 drained 1000");
    }
    world.run("1.1 queue.bind full wide -");
    world.run(
        "1.1 queue.declare dying durable arg:x-queue-type=quorum arg:x-message-ttl=1000 \
         arg:x-dead-letter-exchange=wide arg:x-dead-letter-strategy=at-least-once arg:x-overflow=reject-publish",
    );
    for _ in 0..2_000 {
        world.run("2.1 publish - dying m");
    }
    world.run("wait 2s");
    let turns = world.turns;
    world.run("wait 2s");
    assert!(world.turns > turns + 20, "{} turns", world.turns - turns);
    assert_eq!(world.broker.view().queue("/", "dying").expect("there").held, 2_000);
    // When there is room, all of them go on.
    world.run("1.1 queue.delete full\nwait 2s");
    world.work(&mut String::new());
    assert_eq!(world.broker.view().queue("/", "q499").expect("there").ready, 2_000);
}

/// A client is refused, agrees, and opens a channel of the same number, before it can be cleared of all that it holds.
#[test]
fn the_number_of_a_channel_that_was_refused_is_free_when_its_client_hears_of_it() {
    let mut world = world();
    world.run("1.1 queue.declare q");
    for _ in 0..20_000 {
        world.run("1.1 publish - q m");
    }
    world.run("2.1 consume q c");
    let mut seen = String::new();
    while world.broker.view().unacked() < 20_000 {
        world.run("2 drained 4000000");
        world.work(&mut seen);
    }
    seen = world.run("2.1 ack 999999");
    while !seen.contains("close channel") {
        world.take_turn(&mut seen);
    }
    assert!(seen.contains("406 PRECONDITION_FAILED - unknown delivery tag 999999"), "{seen}");
    let seen = world.run("2.1 closed\n2.1 open\n2.1 get q no-ack");
    assert!(seen.contains("channel.open-ok") && seen.contains("get-ok"), "{seen}");
    world.work(&mut String::new());
    assert_eq!((world.broker.view().unacked(), world.broker.view().messages()), (0, 19_999));
}

#[test]
fn a_history_for_very_many_new_bindings_is_told_one_after_the_other() {
    let mut world = world();
    world.run("1.1 exchange.declare past x-recent-history arg:x-recent-history-length=500");
    for number in 0..500 {
        world.run(&format!("2.1 publish past k m{number}"));
    }
    for number in 0..600 {
        world.run(&format!("1.1 queue.declare q{number}"));
        world.run("1 drained 1000");
    }
    // While the first of them is told, all others come.
    let mut seen = String::new();
    for number in 0..600 {
        let bind = format!("1.1 queue.bind q{number} past -");
        world.run(&bind);
        world.run("1 drained 1000");
    }
    world.work(&mut seen);
    assert!(world.longest.0 <= EFFECTS_PER_TURN);
    for number in [0, 1, 599] {
        let ready = world.broker.view().queue("/", &format!("q{number}")).expect("there").ready;
        assert_eq!(ready, 500);
    }
}

//! What a connection can take: frames of a size, and so much at a time.

use expect_test::expect;
use warrener_broker::{Effect, Input};
use warrener_codec::method::basic;
use warrener_codec::{ChannelId, ShortStr};

use crate::script::{World, check};

#[test]
fn a_header_that_does_not_fit_a_frame_is_never_sent() {
    let long = "x".repeat(100 << 10);
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare q");
    world.run(&format!("1.1 publish - q wide h:long={long}\n1.1 publish - q narrow"));
    let seen = world.run(
        "
        2 connect frame-max=4096
        2.1 open
        2.1 consume q told
        2.1 consume q told-again no-ack
        2.1 get q
        3 connect frame-max=4096 no-cancel
        3.1 open
        3.1 consume q untold
        4 connect frame-max=131072
        4.1 open
        4.1 get q
        4.1 get q
        ",
    );
    expect![[r#"
        2 connect frame-max=4096
            2 opened
        2.1 open
            2.1 channel.open-ok
        2.1 consume q told
            2.1 basic.consume-ok told
            2.1 basic.cancel told
        2.1 consume q told-again no-ack
            2.1 basic.consume-ok told-again
            2.1 basic.cancel told-again
        2.1 get q
            2.1 close channel 406 PRECONDITION_FAILED - message headers of 102416 bytes do not fit the negotiated frame_max (4096) (60, 70)
        3 connect frame-max=4096 no-cancel
            3 opened
        3.1 open
            3.1 channel.open-ok
        3.1 consume q untold
            3.1 basic.consume-ok untold
            3.1 close channel 406 PRECONDITION_FAILED - message headers of 102416 bytes do not fit the negotiated frame_max (4096) (0, 0)
        4 connect frame-max=131072
            4 opened
        4.1 open
            4.1 channel.open-ok
        4.1 get q
            4.1 get-ok 1 - q "wide" {"long": "long"} (1 left)
        4.1 get q
            4.1 get-ok 2 - q "narrow" (0 left)
    "#]].assert_eq(&seen.replace(&long, "long"));
}

#[test]
fn a_connection_that_does_not_read_gets_nothing_more_and_the_others_do() {
    let mut world = World::new();
    let body = "x".repeat(300_000);
    world.run("1 connect\n1.1 open\n1.1 queue.declare q\n2 connect\n2.1 open");
    world.run("2.1 consume q slow no-ack");
    for _ in 0..5 {
        world.run(&format!("1.1 publish - q {body}"));
    }
    let seen = world.run(
        "
        1.1 queue.declare q passive
        2 drained 100000
        1.1 queue.declare q passive
        2 drained 900000
        1.1 queue.declare q passive
        1.1 publish - q more
        ",
    );
    expect![[r#"
        1.1 queue.declare q passive
            1.1 queue.declare-ok q 1 messages 1 consumers
        2 drained 100000
        1.1 queue.declare q passive
            1.1 queue.declare-ok q 1 messages 1 consumers
        2 drained 900000
            2.1 deliver slow 5 - q "body"
        1.1 queue.declare q passive
            1.1 queue.declare-ok q 0 messages 1 consumers
        1.1 publish - q more
            2.1 deliver slow 6 - q "more"
    "#]]
    .assert_eq(&seen.replace(&body, "body"));
}

#[test]
fn a_connection_that_asks_and_does_not_read_is_not_read() {
    let mut world = World::new();
    let body = "x".repeat(6_000_000);
    world.run("1 connect\n1.1 open\n1.1 queue.declare q");
    for _ in 0..3 {
        world.run(&format!("1.1 publish - q {body}"));
    }
    let seen = world.run(
        "
        1.1 get q no-ack
        1.1 get q no-ack
        1.1 get q no-ack
        1 drained 17000000
        1 drained 1000000
        ",
    );
    expect![[r#"
        1.1 get q no-ack
            1.1 get-ok 1 - q "body" (2 left)
        1.1 get q no-ack
            1.1 get-ok 2 - q "body" (1 left)
        1.1 get q no-ack
            1.1 get-ok 3 - q "body" (0 left)
            1 paused
        1 drained 17000000
        1 drained 1000000
            1 resumed
    "#]]
    .assert_eq(&seen.replace(&body, "body"));
}

#[test]
fn a_stopped_channel_gets_nothing_until_it_goes_on() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare q
        1.1 consume q held
        1.1 flow off
        1.1 publish - q one
        1.1 get q
        1.1 flow on
        1.1 publish - q two
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 consume q held
                1.1 basic.consume-ok held
            1.1 flow off
                1.1 channel.flow-ok false
            1.1 publish - q one
            1.1 get q
                1.1 get-ok 1 - q "one" (0 left)
            1.1 flow on
                1.1 channel.flow-ok true
            1.1 publish - q two
                1.1 deliver held 2 - q "two"
        "#]],
    );
}

#[test]
fn a_message_of_many_deaths_waits_for_whoever_can_take_it() {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare q60");
    for hop in (0..60).rev() {
        let next = hop + 1;
        let to = format!("arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=q{next}");
        world.run(&format!("1.1 queue.declare q{hop} arg:x-message-ttl=1 {to}"));
    }
    world.run("1.1 publish - q0 hello\nwait 100ms");
    let narrow = world.run("2 connect frame-max=4096\n2.1 open\n2.1 consume q60 c");
    assert!(narrow.ends_with("2.1 basic.cancel c\n"), "{narrow}");
    let wide = world.run("3 connect frame-max=131072\n3.1 open\n3.1 consume q60 c");
    assert!(wide.contains("3.1 deliver c 1 - q60 \"hello\""), "{wide}");
    assert_eq!(wide.matches("\"reason\": \"expired\"").count(), 60);
    assert!(!wide.contains("redelivered"), "nobody had it before");
}

/// A requester of replies joins; gives its address.
fn requester(world: &mut World, connect: &str, place: &str) -> String {
    world.run(&format!(
        "{connect}
        {place} open
        {place} consume amq.rabbitmq.reply-to c no-ack
        {place} publish - requests hello reply-to=amq.rabbitmq.reply-to"
    ));
    let get = basic::Get { queue: ShortStr::from_static("requests"), ..basic::Get::default() };
    let get = Input::Method(World::connection(1), ChannelId::new(1), get.into());
    let mut effects = Vec::new();
    world.broker.handle(world.now(), get, &mut effects);
    let Some(Effect::GetOk(got)) = effects.pop() else { panic!("no request") };
    let properties = got.content.properties.read().expect("properties");
    properties.reply_to.expect("an address").to_string()
}

#[test]
fn a_reply_that_does_not_fit_ends_the_consumer_of_replies() {
    let long = "x".repeat(5_000);
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare requests");
    let told = requester(&mut world, "2 connect frame-max=4096", "2.1");
    let seen = world.run(&format!("1.1 publish - {told} hello h:long={long}"));
    assert!(seen.ends_with("2.1 basic.cancel c\n"), "{seen}");
    let untold = requester(&mut world, "3 connect frame-max=4096 no-cancel", "3.1");
    let seen = world.run(&format!("1.1 publish - {untold} hello h:long={long}"));
    assert!(seen.contains("3.1 close channel 406"), "{seen}");
}

#[test]
fn what_would_come_back_too_large_is_refused() {
    let long = "x".repeat(4_030);
    let mut world = World::new();
    world.run("1 connect frame-max=4096\n1.1 open\n1.1 consume amq.rabbitmq.reply-to c no-ack");
    let publish =
        format!("1.1 publish - nowhere hello h:long={long} reply-to=amq.rabbitmq.reply-to");
    let seen = world.run(&format!("{publish}\n{publish} mandatory"));
    let refused = "do not fit the negotiated frame_max (4096) (60, 40)\n";
    assert!(seen.ends_with(refused), "{seen}");
}

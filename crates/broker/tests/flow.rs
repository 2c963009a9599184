//! What a connection can take: frames of a size, and so much at a time.

use expect_test::expect;

use crate::script::{World, check};

#[test]
fn a_header_that_does_not_fit_a_frame_is_never_sent() {
    let long = "x".repeat(4_100);
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
            2.1 close channel 406 PRECONDITION_FAILED - message headers of 4116 bytes do not fit the negotiated frame_max (4096) (60, 70)
        3 connect frame-max=4096 no-cancel
            3 opened
        3.1 open
            3.1 channel.open-ok
        3.1 consume q untold
            3.1 basic.consume-ok untold
            3.1 close channel 406 PRECONDITION_FAILED - message headers of 4116 bytes do not fit the negotiated frame_max (4096) (0, 0)
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

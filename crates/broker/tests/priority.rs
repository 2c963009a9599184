//! Priorities of messages.

use expect_test::expect;

use crate::script::check;

#[test]
fn higher_ones_go_first() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q arg:x-max-priority=5
        1.1 publish - q none
        1.1 publish - q three priority=3
        1.1 publish - q nine priority=9
        1.1 publish - q five priority=5
        1.1 get q no-ack
        1.1 get q no-ack
        1.1 get q no-ack
        1.1 get q no-ack
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-max-priority=5
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q none
            1.1 publish - q three priority=3
            1.1 publish - q nine priority=9
            1.1 publish - q five priority=5
            1.1 get q no-ack
                1.1 get-ok 1 - q "nine" (3 left)
            1.1 get q no-ack
                1.1 get-ok 2 - q "five" (2 left)
            1.1 get q no-ack
                1.1 get-ok 3 - q "three" (1 left)
            1.1 get q no-ack
                1.1 get-ok 4 - q "none" (0 left)
        "#]],
    );
}

#[test]
fn a_plain_queue_has_none() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 publish - q one
        1.1 publish - q two priority=9
        1.1 get q no-ack
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q one
            1.1 publish - q two priority=9
            1.1 get q no-ack
                1.1 get-ok 1 - q "one" (1 left)
        "#]],
    );
}

#[test]
fn a_quorum_queue_has_thirty_two() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q durable arg:x-queue-type=quorum
        1.1 publish - q none
        1.1 publish - q three priority=3
        1.1 publish - q five priority=5
        1.1 publish - q forty priority=40
        1.1 publish - q thirty priority=31
        1.1 get q no-ack
        1.1 get q no-ack
        1.1 get q no-ack
        1.1 get q no-ack
        1.1 get q no-ack
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q durable arg:x-queue-type=quorum
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q none
            1.1 publish - q three priority=3
            1.1 publish - q five priority=5
            1.1 publish - q forty priority=40
            1.1 publish - q thirty priority=31
            1.1 get q no-ack
                1.1 get-ok 1 - q "forty" (4 left)
            1.1 get q no-ack
                1.1 get-ok 2 - q "thirty" (3 left)
            1.1 get q no-ack
                1.1 get-ok 3 - q "five" (2 left)
            1.1 get q no-ack
                1.1 get-ok 4 - q "none" (1 left)
            1.1 get q no-ack
                1.1 get-ok 5 - q "three" (0 left)
        "#]],
    );
}

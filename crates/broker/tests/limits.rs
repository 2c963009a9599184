//! Limits of queues.

use expect_test::expect;

use crate::script::check;

#[test]
fn the_oldest_makes_room() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q arg:x-max-length=2
        1.1 publish - q one
        1.1 publish - q two
        1.1 publish - q three
        1.1 get q
        1.1 publish - q four
        1.1 publish - q five
        1.1 nack 1 requeue
        1.1 get q no-ack
        1.1 get q no-ack
        1.1 get q no-ack
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-max-length=2
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q one
            1.1 publish - q two
            1.1 publish - q three
            1.1 get q
                1.1 get-ok 1 - q "two" (1 left)
            1.1 publish - q four
            1.1 publish - q five
            1.1 nack 1 requeue
            1.1 get q no-ack
                1.1 get-ok 2 - q "four" (1 left)
            1.1 get q no-ack
                1.1 get-ok 3 - q "five" (0 left)
            1.1 get q no-ack
                1.1 basic.get-empty
        "#]],
    );
}

#[test]
fn octets_are_counted_without_properties() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q arg:x-max-length-bytes=10
        1.1 publish - q 12345
        1.1 publish - q 67890
        1.1 publish - q x
        1.1 queue.declare q passive
        1.1 publish - q 12345678901
        1.1 queue.declare q passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-max-length-bytes=10
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q 12345
            1.1 publish - q 67890
            1.1 publish - q x
            1.1 queue.declare q passive
                1.1 queue.declare-ok q 2 messages 0 consumers
            1.1 publish - q 12345678901
            1.1 queue.declare q passive
                1.1 queue.declare-ok q 0 messages 0 consumers
        "#]],
    );
}

#[test]
fn a_limit_of_zero_lets_through_what_is_taken_at_once() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q arg:x-max-length=0
        1.1 publish - q lost
        1.1 queue.declare q passive
        1.1 consume q c no-ack
        1.1 publish - q taken
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-max-length=0
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q lost
            1.1 queue.declare q passive
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 consume q c no-ack
                1.1 basic.consume-ok c
            1.1 publish - q taken
                1.1 deliver c 1 - q "taken"
        "#]],
    );
}

#[test]
fn the_lowest_priority_makes_room_first() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q arg:x-max-length=2 arg:x-max-priority=5
        1.1 publish - q high priority=5
        1.1 publish - q low priority=1
        1.1 publish - q middle priority=3
        1.1 get q no-ack
        1.1 get q no-ack
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-max-length=2 arg:x-max-priority=5
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q high priority=5
            1.1 publish - q low priority=1
            1.1 publish - q middle priority=3
            1.1 get q no-ack
                1.1 get-ok 1 - q "high" (1 left)
            1.1 get q no-ack
                1.1 get-ok 2 - q "middle" (0 left)
        "#]],
    );
}

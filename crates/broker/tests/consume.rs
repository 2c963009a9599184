//! Consumers: coming, going, and what they hold.

use expect_test::expect;

use crate::script::check;

#[test]
fn consumers_take_turns() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 consume q a
        1.1 consume q b
        1.1 publish - q one
        1.1 publish - q two
        1.1 publish - q three
        1.1 ack 3 multiple
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 consume q a
                1.1 basic.consume-ok a
            1.1 consume q b
                1.1 basic.consume-ok b
            1.1 publish - q one
                1.1 deliver a 1 - q "one"
            1.1 publish - q two
                1.1 deliver b 2 - q "two"
            1.1 publish - q three
                1.1 deliver a 3 - q "three"
            1.1 ack 3 multiple
        "#]],
    );
}

#[test]
fn a_prefetch_holds_for_consumers_that_come_later() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 publish - q one
        1.1 publish - q two
        1.1 publish - q three
        1.1 publish - q four
        1.1 qos 1
        1.1 consume q a
        1.1 qos 2
        1.1 ack 1
        1.1 ack 2
        1.1 cancel a
        1.1 ack 3
        1.1 consume q b
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q one
            1.1 publish - q two
            1.1 publish - q three
            1.1 publish - q four
            1.1 qos 1
                1.1 basic.qos-ok
            1.1 consume q a
                1.1 basic.consume-ok a
                1.1 deliver a 1 - q "one"
            1.1 qos 2
                1.1 basic.qos-ok
            1.1 ack 1
                1.1 deliver a 2 - q "two"
            1.1 ack 2
                1.1 deliver a 3 - q "three"
            1.1 cancel a
                1.1 basic.cancel-ok a
            1.1 ack 3
            1.1 consume q b
                1.1 basic.consume-ok b
                1.1 deliver b 4 - q "four"
        "#]],
    );
}

#[test]
fn a_shared_prefetch_holds_for_all_consumers_at_once() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 publish - q one
        1.1 publish - q two
        1.1 publish - q three
        1.1 publish - q four
        1.1 qos 2 global
        1.1 consume q a
        1.1 consume q b
        1.1 ack 1
        1.1 qos 3 global
        1.1 ack 4 multiple
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q one
            1.1 publish - q two
            1.1 publish - q three
            1.1 publish - q four
            1.1 qos 2 global
                1.1 basic.qos-ok
            1.1 consume q a
                1.1 basic.consume-ok a
                1.1 deliver a 1 - q "one"
                1.1 deliver a 2 - q "two"
            1.1 consume q b
                1.1 basic.consume-ok b
            1.1 ack 1
                1.1 deliver b 3 - q "three"
            1.1 qos 3 global
                1.1 basic.qos-ok
                1.1 deliver a 4 - q "four"
            1.1 ack 4 multiple
        "#]],
    );
}

#[test]
fn what_passes_through_one_queue_stays_in_another() {
    check(
        "
        1 connect
        1.1 open
        1.2 open
        1.1 queue.declare passed
        1.1 queue.declare kept
        1.1 queue.declare empty
        1.1 queue.bind passed amq.fanout -
        1.1 queue.bind kept amq.fanout -
        1.1 queue.bind empty amq.fanout -
        1.1 consume passed a no-ack
        1.1 consume kept b
        1.2 confirm.select
        1.2 publish amq.fanout - one mandatory expiration=0
        1.2 publish - passed two persistent priority=9
        1.1 cancel a
        1.2 publish amq.fanout - three
        1.1 consume passed c no-ack
        1.1 queue.declare passed passive
        1.1 queue.declare empty passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.2 open
                1.2 channel.open-ok
            1.1 queue.declare passed
                1.1 queue.declare-ok passed 0 messages 0 consumers
            1.1 queue.declare kept
                1.1 queue.declare-ok kept 0 messages 0 consumers
            1.1 queue.declare empty
                1.1 queue.declare-ok empty 0 messages 0 consumers
            1.1 queue.bind passed amq.fanout -
                1.1 queue.bind-ok
            1.1 queue.bind kept amq.fanout -
                1.1 queue.bind-ok
            1.1 queue.bind empty amq.fanout -
                1.1 queue.bind-ok
            1.1 consume passed a no-ack
                1.1 basic.consume-ok a
            1.1 consume kept b
                1.1 basic.consume-ok b
            1.2 confirm.select
                1.2 confirm.select-ok
            1.2 publish amq.fanout - one mandatory expiration=0
                1.1 deliver a 1 amq.fanout - "one" expiration="0"
                1.1 deliver b 2 amq.fanout - "one" expiration="0"
                1.2 ack 1
            1.2 publish - passed two persistent priority=9
                1.1 deliver a 3 - passed "two"
                1.2 ack 2
            1.1 cancel a
                1.1 basic.cancel-ok a
            1.2 publish amq.fanout - three
                1.1 deliver b 4 amq.fanout - "three"
                1.2 ack 3
            1.1 consume passed c no-ack
                1.1 basic.consume-ok c
                1.1 deliver c 5 amq.fanout - "three"
            1.1 queue.declare passed passive
                1.1 queue.declare-ok passed 0 messages 1 consumers
            1.1 queue.declare empty passive
                1.1 queue.declare-ok empty 1 messages 0 consumers
        "#]],
    );
}

#[test]
fn no_ack_consumers_hold_nothing() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 publish - q one
        1.1 publish - q two
        1.1 qos 1
        1.1 consume q a no-ack
        1.1 ack 1
        1.1 closed
        1.1 open
        1.1 queue.declare q passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q one
            1.1 publish - q two
            1.1 qos 1
                1.1 basic.qos-ok
            1.1 consume q a no-ack
                1.1 basic.consume-ok a
                1.1 deliver a 1 - q "one"
                1.1 deliver a 2 - q "two"
            1.1 ack 1
                1.1 close channel 406 PRECONDITION_FAILED - unknown delivery tag 1 (60, 80)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q passive
                1.1 queue.declare-ok q 0 messages 0 consumers
        "#]],
    );
}

#[test]
fn prefetch_by_octets_is_not_offered() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 qos 1 size=5
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 qos 1 size=5
                1 close connection 540 NOT_IMPLEMENTED - prefetch_size!=0 (5) (60, 10)
        "#]],
    );
}

#[test]
fn tags_are_unique_in_a_channel() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 consume q -
        1.1 consume q c
        1.2 open
        1.2 consume q c
        1.1 consume q c
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 consume q -
                1.1 basic.consume-ok amq.ctag-*
            1.1 consume q c
                1.1 basic.consume-ok c
            1.2 open
                1.2 channel.open-ok
            1.2 consume q c
                1.2 basic.consume-ok c
            1.1 consume q c
                1 close connection 530 NOT_ALLOWED - attempt to reuse consumer tag 'c' (60, 20)
        "#]],
    );
}

#[test]
fn an_exclusive_consumer_is_alone() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 consume q a exclusive
        1.2 open
        1.2 consume q b
        1.2 closed
        1.2 open
        1.1 cancel a
        1.2 consume q b
        1.1 consume q a exclusive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 consume q a exclusive
                1.1 basic.consume-ok a
            1.2 open
                1.2 channel.open-ok
            1.2 consume q b
                1.2 close channel 403 ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use (60, 20)
            1.2 closed
            1.2 open
                1.2 channel.open-ok
            1.1 cancel a
                1.1 basic.cancel-ok a
            1.2 consume q b
                1.2 basic.consume-ok b
            1.1 consume q a exclusive
                1.1 close channel 403 ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use (60, 20)
        "#]],
    );
}

#[test]
fn the_highest_priority_with_room_is_served() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 qos 1
        1.1 consume q low
        1.1 consume q high arg:x-priority=5
        1.1 publish - q one
        1.1 publish - q two
        1.1 publish - q three
        1.1 ack 1
        1.1 consume q odd arg:x-priority=s!5
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 qos 1
                1.1 basic.qos-ok
            1.1 consume q low
                1.1 basic.consume-ok low
            1.1 consume q high arg:x-priority=5
                1.1 basic.consume-ok high
            1.1 publish - q one
                1.1 deliver high 1 - q "one"
            1.1 publish - q two
                1.1 deliver low 2 - q "two"
            1.1 publish - q three
            1.1 ack 1
                1.1 deliver high 3 - q "three"
            1.1 consume q odd arg:x-priority=s!5
                1.1 close channel 406 PRECONDITION_FAILED - invalid arg 'x-priority' for queue 'q' in vhost '/': "expected integer, got longstr" (60, 20)
        "#]],
    );
}

#[test]
fn a_single_active_consumer_is_followed_by_the_next() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q arg:x-single-active-consumer=true
        1.1 consume q a
        1.1 consume q b
        1.1 publish - q one
        1.1 publish - q two
        1.1 cancel a
        1.1 publish - q three
        1.1 get q
        1.2 open
        1.2 consume q c exclusive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-single-active-consumer=true
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 consume q a
                1.1 basic.consume-ok a
            1.1 consume q b
                1.1 basic.consume-ok b
            1.1 publish - q one
                1.1 deliver a 1 - q "one"
            1.1 publish - q two
                1.1 deliver a 2 - q "two"
            1.1 cancel a
                1.1 basic.cancel-ok a
            1.1 publish - q three
                1.1 deliver b 3 - q "three"
            1.1 get q
                1.1 basic.get-empty
            1.2 open
                1.2 channel.open-ok
            1.2 consume q c exclusive
                1.2 close channel 403 ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use (60, 20)
        "#]],
    );
}

#[test]
fn what_a_cancelled_consumer_holds_can_be_acknowledged() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 publish - q one
        1.1 consume q a
        1.1 cancel a
        1.1 cancel a
        1.1 ack 1
        1.1 queue.declare q passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q one
            1.1 consume q a
                1.1 basic.consume-ok a
                1.1 deliver a 1 - q "one"
            1.1 cancel a
                1.1 basic.cancel-ok a
            1.1 cancel a
                1.1 basic.cancel-ok a
            1.1 ack 1
            1.1 queue.declare q passive
                1.1 queue.declare-ok q 0 messages 0 consumers
        "#]],
    );
}

#[test]
fn what_a_closed_channel_holds_goes_back() {
    check(
        "
        1 connect
        1.1 open
        
        1.2 open
        1.1 queue.declare q
        1.1 publish - q one
        1.1 publish - q two
        1.2 consume q a
        1.2 close
        1.1 get q
        1.1 get q
        2 connect
        2.1 open
        1 disconnect
        2.1 get q
        2.1 get q
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.2 open
                1.2 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q one
            1.1 publish - q two
            1.2 consume q a
                1.2 basic.consume-ok a
                1.2 deliver a 1 - q "one"
                1.2 deliver a 2 - q "two"
            1.2 close
                1.2 channel.close-ok
            1.1 get q
                1.1 get-ok 1 - q "one" (1 left) redelivered
            1.1 get q
                1.1 get-ok 2 - q "two" (0 left) redelivered
            2 connect
                2 opened
            2.1 open
                2.1 channel.open-ok
            1 disconnect
                1 closed
            2.1 get q
                2.1 get-ok 1 - q "one" (1 left) redelivered
            2.1 get q
                2.1 get-ok 2 - q "two" (0 left) redelivered
        "#]],
    );
}

#[test]
fn a_stopped_channel_gets_nothing() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare q
        1.1 consume q a
        1.1 flow off
        1.2 open
        1.2 publish - q one
        1.1 flow on
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 consume q a
                1.1 basic.consume-ok a
            1.1 flow off
                1.1 channel.flow-ok false
            1.2 open
                1.2 channel.open-ok
            1.2 publish - q one
            1.1 flow on
                1.1 channel.flow-ok true
                1.1 deliver a 1 - q "one"
        "#]],
    );
}

#[test]
fn settling_goes_by_tags() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 ack 0 multiple
        1.1 publish - q one
        1.1 publish - q two
        1.1 publish - q three
        1.1 consume q a
        1.1 ack 2
        1.1 ack 2
        1.1 closed
        1.1 open
        1.1 ack 0
        1.1 closed
        1.1 open
        1.1 nack 7 multiple
        1.1 closed
        1.1 open
        1.1 reject 1
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 ack 0 multiple
            1.1 publish - q one
            1.1 publish - q two
            1.1 publish - q three
            1.1 consume q a
                1.1 basic.consume-ok a
                1.1 deliver a 1 - q "one"
                1.1 deliver a 2 - q "two"
                1.1 deliver a 3 - q "three"
            1.1 ack 2
            1.1 ack 2
                1.1 close channel 406 PRECONDITION_FAILED - unknown delivery tag 2 (60, 80)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 ack 0
                1.1 close channel 406 PRECONDITION_FAILED - unknown delivery tag 0 (60, 80)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 nack 7 multiple
                1.1 close channel 406 PRECONDITION_FAILED - unknown delivery tag 7 (60, 120)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 reject 1
                1.1 close channel 406 PRECONDITION_FAILED - unknown delivery tag 1 (60, 90)
        "#]],
    );
}

#[test]
fn requeued_messages_keep_their_place() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 publish - q one
        1.1 publish - q two
        1.1 publish - q three
        1.1 get q
        1.1 get q
        1.1 nack 1 requeue
        1.1 get q
        1.1 nack 0 multiple requeue
        1.1 get q
        1.1 reject 4
        1.1 get q
        1.1 get q
        1.1 get q
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q one
            1.1 publish - q two
            1.1 publish - q three
            1.1 get q
                1.1 get-ok 1 - q "one" (2 left)
            1.1 get q
                1.1 get-ok 2 - q "two" (1 left)
            1.1 nack 1 requeue
            1.1 get q
                1.1 get-ok 3 - q "one" (1 left) redelivered
            1.1 nack 0 multiple requeue
            1.1 get q
                1.1 get-ok 4 - q "one" (2 left) redelivered
            1.1 reject 4
            1.1 get q
                1.1 get-ok 5 - q "two" (1 left) redelivered
            1.1 get q
                1.1 get-ok 6 - q "three" (0 left)
            1.1 get q
                1.1 basic.get-empty
        "#]],
    );
}

#[test]
fn recover_requeues_everything() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 publish - q one
        1.1 get q
        1.1 recover
        1.1 get q
        1.1 recover requeue=false
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q one
            1.1 get q
                1.1 get-ok 1 - q "one" (0 left)
            1.1 recover
                1.1 basic.recover-ok
            1.1 get q
                1.1 get-ok 2 - q "one" (0 left) redelivered
            1.1 recover requeue=false
                1 close connection 540 NOT_IMPLEMENTED - requeue=false (60, 110)
        "#]],
    );
}

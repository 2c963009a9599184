//! Publisher confirms: when, in which order, and up to where.

use expect_test::expect;

use crate::script::check;

#[test]
fn every_publish_is_confirmed() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 publish - q before
        1.1 confirm.select
        1.1 publish - q first
        1.1 publish - q second persistent
        1.1 confirm.select
        1.1 publish - q third
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q before
            1.1 confirm.select
                1.1 confirm.select-ok
            1.1 publish - q first
                1.1 ack 1
            1.1 publish - q second persistent
                1.1 ack 2
            1.1 confirm.select
                1.1 confirm.select-ok
            1.1 publish - q third
                1.1 ack 3
        "#]],
    );
}

#[test]
fn a_returned_message_is_confirmed_after_its_return() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 confirm.select
        1.1 publish - nowhere hello mandatory
        1.1 publish - nowhere hello
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 confirm.select
                1.1 confirm.select-ok
            1.1 publish - nowhere hello mandatory
                1.1 return 312 NO_ROUTE - nowhere "hello"
                1.1 ack 1
            1.1 publish - nowhere hello
                1.1 ack 2
        "#]],
    );
}

#[test]
fn a_full_queue_says_no() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 confirm.select
        1.1 queue.declare q arg:x-max-length=1 arg:x-overflow=reject-publish
        1.1 queue.declare other
        1.1 queue.bind q amq.fanout -
        1.1 queue.bind other amq.fanout -
        1.1 publish amq.fanout - one
        1.1 publish amq.fanout - two
        1.1 queue.declare other passive
        1.1 publish - other three
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 confirm.select
                1.1 confirm.select-ok
            1.1 queue.declare q arg:x-max-length=1 arg:x-overflow=reject-publish
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.declare other
                1.1 queue.declare-ok other 0 messages 0 consumers
            1.1 queue.bind q amq.fanout -
                1.1 queue.bind-ok
            1.1 queue.bind other amq.fanout -
                1.1 queue.bind-ok
            1.1 publish amq.fanout - one
                1.1 ack 1
            1.1 publish amq.fanout - two
                1.1 nack 2
            1.1 queue.declare other passive
                1.1 queue.declare-ok other 2 messages 0 consumers
            1.1 publish - other three
                1.1 ack 3
        "#]],
    );
}

#[test]
fn confirms_wait_for_the_disk_and_are_told_as_ranges() {
    check(
        "
        1 connect
        1.1 open
        
        disk slow
        1.1 queue.declare q durable
        disk done
        1.1 confirm.select
        1.1 publish - q one persistent
        1.1 publish - q two persistent
        1.1 publish - q three
        1.1 publish - q four persistent
        disk done
        1.1 publish - q five persistent
        1.1 queue.delete q
        disk done
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            disk slow
            1.1 queue.declare q durable
            disk done
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 confirm.select
                1.1 confirm.select-ok
            1.1 publish - q one persistent
            1.1 publish - q two persistent
            1.1 publish - q three
                1.1 ack 3
            1.1 publish - q four persistent
            disk done
                1.1 ack 4 multiple
            1.1 publish - q five persistent
            1.1 queue.delete q
            disk done
                1.1 queue.delete-ok 5 messages
                1.1 ack 5
        "#]],
    );
}

#[test]
fn a_channel_that_closed_is_told_nothing_more() {
    check(
        "
        1 connect
        1.1 open
        
        disk slow
        1.1 queue.declare q durable
        disk done
        1.1 confirm.select
        1.1 publish - q one persistent
        1.1 ack 9
        disk done
        1.1 closed
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            disk slow
            1.1 queue.declare q durable
            disk done
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 confirm.select
                1.1 confirm.select-ok
            1.1 publish - q one persistent
            1.1 ack 9
                1.1 close channel 406 PRECONDITION_FAILED - unknown delivery tag 9 (60, 80)
            disk done
            1.1 closed
            view
                vhost '/'
                queue 'q' classic durable: 1 ready, 0 unacked, 0 consumers
                  "" "q" "one"
        "#]],
    );
}

#[test]
fn deliveries_wait_for_nothing() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q durable
        disk slow
        1.1 confirm.select
        1.1 consume q c
        1.1 publish - q one persistent
        1.1 ack 1
        disk done
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            disk slow
            1.1 confirm.select
                1.1 confirm.select-ok
            1.1 consume q c
                1.1 basic.consume-ok c
            1.1 publish - q one persistent
                1.1 deliver c 1 - q "one"
            1.1 ack 1
            disk done
                1.1 ack 1
        "#]],
    );
}

#[test]
fn confirm_and_tx_exclude_each_other() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 confirm.select
        1.1 tx.select
        1.1 closed
        1.1 open
        1.1 tx.select
        1.1 confirm.select
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 confirm.select
                1.1 confirm.select-ok
            1.1 tx.select
                1.1 close channel 406 PRECONDITION_FAILED - cannot switch from confirm to tx mode (90, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 tx.select
                1.1 tx.select-ok
            1.1 confirm.select
                1.1 close channel 406 PRECONDITION_FAILED - cannot switch from tx to confirm mode (85, 10)
        "#]],
    );
}

#[test]
fn a_host_that_wants_no_more_messages_has_them_refused_and_keeps_what_it_has() {
    check(
        "
        1 connect
        1.1 open

        1.1 queue.declare q
        1.1 confirm.select
        1.1 publish - q taken
        refuse on
        1.1 publish - q refused persistent
        1.1 publish - nowhere lost mandatory
        refuse off
        1.1 publish - q again
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
            1.1 confirm.select
                1.1 confirm.select-ok
            1.1 publish - q taken
                1.1 ack 1
            refuse on
            1.1 publish - q refused persistent
                1.1 nack 2
            1.1 publish - nowhere lost mandatory
                1.1 return 312 NO_ROUTE - nowhere "lost"
                1.1 ack 3
            refuse off
            1.1 publish - q again
                1.1 ack 4
            1.1 get q
                1.1 get-ok 1 - q "taken" (1 left)
            1.1 get q
                1.1 get-ok 2 - q "again" (0 left)
            1.1 get q
                1.1 basic.get-empty
        "#]],
    );
}

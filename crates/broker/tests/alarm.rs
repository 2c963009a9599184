//! Alarms: who publishes while the host runs short waits, who consumes does not.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_publisher_is_stopped_by_its_first_publish_and_goes_on_when_no_alarm_is_left() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare q
        2 connect no-blocked
        2.1 open
        3 connect
        3.1 open
        3.1 consume q c no-ack
        alarm disk on
        1.1 publish - q one
        1.1 publish - q two
        2.1 publish - q three
        alarm memory on
        alarm disk off
        alarm memory off
        1.1 publish - q four
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            2 connect no-blocked
                2 opened
            2.1 open
                2.1 channel.open-ok
            3 connect
                3 opened
            3.1 open
                3.1 channel.open-ok
            3.1 consume q c no-ack
                3.1 basic.consume-ok c
            alarm disk on
            1.1 publish - q one
                3.1 deliver c 1 - q "one"
                1 paused
                1.0 connection.blocked
            1.1 publish - q two
                3.1 deliver c 2 - q "two"
            2.1 publish - q three
                3.1 deliver c 3 - q "three"
                2 paused
            alarm memory on
            alarm disk off
            alarm memory off
                1 resumed
                1.0 connection.unblocked
                2 resumed
            1.1 publish - q four
                3.1 deliver c 4 - q "four"
        "#]],
    );
}

#[test]
fn a_log_that_fails_closes_every_connection_and_confirms_nothing() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare q durable
        1.1 confirm.select
        disk slow
        1.1 publish - q one persistent
        failed
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 confirm.select
                1.1 confirm.select-ok
            disk slow
            1.1 publish - q one persistent
            failed
                1 close connection 541 INTERNAL_ERROR - the broker's log has failed; what was not confirmed may be lost (0, 0)
        "#]],
    );
}

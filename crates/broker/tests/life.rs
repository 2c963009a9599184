//! Connections and channels: opening, closing, and what is refused.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_virtual_host_must_be_there_and_open_to_the_user() {
    check(
        "
        1 connect vhost=nowhere
        2 connect user=outsider
        3 connect user=nobody
        4 connect
        4.1 open
        4.1 access.request
        shutdown
        view
        ",
        expect![[r#"
            1 connect vhost=nowhere
                1 close connection 530 NOT_ALLOWED - vhost nowhere not found (10, 40)
            2 connect user=outsider
                2 close connection 530 NOT_ALLOWED - access to vhost '/' refused for user 'outsider' (10, 40)
            3 connect user=nobody
                3 close connection 530 NOT_ALLOWED - access to vhost '/' refused for user 'nobody' (10, 40)
            4 connect
                4 opened
            4.1 open
                4.1 channel.open-ok
            4.1 access.request
                4.1 access.request-ok
            shutdown
                4 close connection 320 CONNECTION_FORCED - broker forced connection closure with reason 'shutdown' (0, 0)
            view
                vhost '/'
        "#]],
    );
}

#[test]
fn after_a_refusal_the_channel_is_deaf_until_it_is_closed() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare q passive
        1.1 queue.declare q
        1.1 publish - q lost
        1.2 open
        1.2 queue.declare q passive
        1.2 closed
        1.1 closed
        1.1 open
        1.1 queue.declare q
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q passive
                1.1 close channel 404 NOT_FOUND - no queue 'q' in vhost '/' (50, 10)
            1.1 queue.declare q
            1.1 publish - q lost
            1.2 open
                1.2 channel.open-ok
            1.2 queue.declare q passive
                1.2 close channel 404 NOT_FOUND - no queue 'q' in vhost '/' (50, 10)
            1.2 closed
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
        "#]],
    );
}

#[test]
fn both_sides_may_close_a_channel_at_once() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare q passive
        1.1 close
        1.1 open
        1.1 queue.declare q
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q passive
                1.1 close channel 404 NOT_FOUND - no queue 'q' in vhost '/' (50, 10)
            1.1 close
                1.1 channel.close-ok
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
        "#]],
    );
}

#[test]
fn a_connection_takes_its_queues_and_channels_along() {
    check(
        "
        1 connect
        1.1 open
        1.2 open
        1.1 queue.declare mine exclusive
        1.1 queue.declare ours
        1.1 publish - mine one
        1.1 publish - ours two
        1.2 consume ours c
        1.2 tx.select
        1.2 publish - ours three
        1 disconnect
        view
        1 disconnect
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.2 open
                1.2 channel.open-ok
            1.1 queue.declare mine exclusive
                1.1 queue.declare-ok mine 0 messages 0 consumers
            1.1 queue.declare ours
                1.1 queue.declare-ok ours 0 messages 0 consumers
            1.1 publish - mine one
            1.1 publish - ours two
            1.2 consume ours c
                1.2 basic.consume-ok c
                1.2 deliver c 1 - ours "two"
            1.2 tx.select
                1.2 tx.select-ok
            1.2 publish - ours three
            1 disconnect
                1 closed
            view
                vhost '/'
                queue 'ours' classic: 1 ready, 0 unacked, 0 consumers
                  "" "ours" "two"
            1 disconnect
        "#]],
    );
}

#[test]
fn a_hard_error_on_a_channel_ends_the_connection() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare mine exclusive
        1.2 open
        1.2 recover requeue=false
        1.1 queue.declare late
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare mine exclusive
                1.1 queue.declare-ok mine 0 messages 0 consumers
            1.2 open
                1.2 channel.open-ok
            1.2 recover requeue=false
                1 close connection 540 NOT_IMPLEMENTED - requeue=false (60, 110)
            1.1 queue.declare late
            view
                vhost '/'
        "#]],
    );
}

#[test]
fn the_last_word_waits_for_the_disk_too() {
    check(
        "
        1 connect
        1.1 open
        1.2 open
        disk slow
        1.1 queue.declare q durable
        1.1 close
        1.2 queue.declare p durable
        1.2 queue.declare missing passive
        1.2 close
        disk done
        1.1 open
        1.2 open
        1.1 queue.declare late durable
        1 disconnect
        disk done
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.2 open
                1.2 channel.open-ok
            disk slow
            1.1 queue.declare q durable
            1.1 close
            1.2 queue.declare p durable
            1.2 queue.declare missing passive
            1.2 close
            disk done
                1.1 queue.declare-ok q 0 messages 0 consumers
                1.1 channel.close-ok
                1.2 queue.declare-ok p 0 messages 0 consumers
                1.2 channel.close-ok
            1.1 open
                1.1 channel.open-ok
            1.2 open
                1.2 channel.open-ok
            1.1 queue.declare late durable
            1 disconnect
                1 closed
            disk done
        "#]],
    );
}

#[test]
fn a_client_that_leaves_is_told_first_what_it_is_owed() {
    check(
        "
        1 connect
        1.1 open
        1.2 open
        1.3 open
        1.1 queue.declare q durable
        1.1 confirm.select
        1.2 tx.select
        1.4 open
        1.4 queue.declare mine exclusive
        disk slow
        1.1 publish - q confirmed persistent
        1.2 publish - q committed persistent
        1.2 tx.commit
        1.3 queue.declare another durable
        1 leave
        2 connect
        2.1 open
        2.1 get q
        disk done
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.2 open
                1.2 channel.open-ok
            1.3 open
                1.3 channel.open-ok
            1.1 queue.declare q durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 confirm.select
                1.1 confirm.select-ok
            1.2 tx.select
                1.2 tx.select-ok
            1.4 open
                1.4 channel.open-ok
            1.4 queue.declare mine exclusive
                1.4 queue.declare-ok mine 0 messages 0 consumers
            disk slow
            1.1 publish - q confirmed persistent
            1.2 publish - q committed persistent
            1.2 tx.commit
            1.3 queue.declare another durable
            1 leave
            2 connect
                2 opened
            2.1 open
                2.1 channel.open-ok
            2.1 get q
                2.1 get-ok 1 - q "confirmed" (1 left)
            disk done
                1.1 ack 1
                1.2 tx.commit-ok
                1.3 queue.declare-ok another 0 messages 0 consumers
                1 closed
            view
                vhost '/'
                queue 'another' classic durable: 0 ready, 0 unacked, 0 consumers
                queue 'q' classic durable: 1 ready, 1 unacked, 0 consumers
                  "" "q" "committed"
        "#]],
    );
}

#[test]
fn a_channel_that_is_closed_confirms_first() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare q durable
        1.1 confirm.select
        disk slow
        1.1 publish - q one persistent
        1.1 publish - q two persistent
        1.1 close
        disk done
        1.1 open
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
            1.1 publish - q two persistent
            1.1 close
            disk done
                1.1 ack 2 multiple
                1.1 channel.close-ok
            1.1 open
                1.1 channel.open-ok
        "#]],
    );
}

#[test]
fn a_client_that_breaks_away_while_it_leaves_is_forgotten() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare q durable
        1.1 confirm.select
        disk slow
        1.1 publish - q one persistent
        1 leave
        1 disconnect
        disk done
        view
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
            1 leave
            1 disconnect
                1 closed
            disk done
            view
                vhost '/'
                queue 'q' classic durable: 1 ready, 0 unacked, 0 consumers
                  "" "q" "one"
        "#]],
    );
}

#[test]
fn a_client_that_is_owed_nothing_leaves_at_once() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare q
        1.1 consume q c
        1.1 publish - q hello
        1 leave
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 consume q c
                1.1 basic.consume-ok c
            1.1 publish - q hello
                1.1 deliver c 1 - q "hello"
            1 leave
                1 closed
            view
                vhost '/'
                queue 'q' classic: 1 ready, 0 unacked, 0 consumers
                  "" "q" "hello"
        "#]],
    );
}

#[test]
fn a_client_that_is_leaving_when_the_host_stops_gets_its_answer() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare q durable
        1.1 confirm.select
        disk slow
        1.1 publish - q one persistent
        1 leave
        shutdown
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
            1 leave
            shutdown
                1 closed
        "#]],
    );
}

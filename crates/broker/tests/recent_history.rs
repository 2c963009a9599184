//! Exchanges that remember.

use expect_test::expect;

use crate::script::check;

#[test]
fn whoever_is_bound_gets_the_last_messages_first() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-recent-history durable arg:x-recent-history-length=2
        1.1 publish x k one
        1.1 publish x k two
        1.1 publish x k three
        1.1 queue.declare q
        1.1 consume q c no-ack
        1.1 queue.bind q x -
        1.1 queue.bind q x -
        1.1 publish x k four
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-recent-history durable arg:x-recent-history-length=2
                1.1 exchange.declare-ok
            1.1 publish x k one
            1.1 publish x k two
            1.1 publish x k three
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 consume q c no-ack
                1.1 basic.consume-ok c
            1.1 queue.bind q x -
                1.1 queue.bind-ok
                1.1 deliver c 1 x k "two"
                1.1 deliver c 2 x k "three"
            1.1 queue.bind q x -
                1.1 queue.bind-ok
            1.1 publish x k four
                1.1 deliver c 3 x k "four"
            view
                vhost '/'
                  exchange 'x' x-recent-history durable: 2 kept
                  binding 'x' -''-> queue 'q'
                queue 'q' classic: 0 ready, 0 unacked, 1 consumers
        "#]],
    );
}

#[test]
fn a_message_may_ask_not_to_be_kept() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-recent-history durable arg:x-recent-history-length=2
        1.1 publish x k kept
        1.1 publish x k not h:x-recent-history-no-store=true
        1.1 queue.declare q
        1.1 queue.bind q x -
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-recent-history durable arg:x-recent-history-length=2
                1.1 exchange.declare-ok
            1.1 publish x k kept
            1.1 publish x k not h:x-recent-history-no-store=true
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q x -
                1.1 queue.bind-ok
            view
                vhost '/'
                  exchange 'x' x-recent-history durable: 1 kept
                  binding 'x' -''-> queue 'q'
                queue 'q' classic: 1 ready, 0 unacked, 0 consumers
                  "x" "k" "kept"
        "#]],
    );
}

#[test]
fn what_is_only_remembered_is_unroutable() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-recent-history durable arg:x-recent-history-length=2
        1.1 confirm.select
        1.1 publish x k one mandatory persistent
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-recent-history durable arg:x-recent-history-length=2
                1.1 exchange.declare-ok
            1.1 confirm.select
                1.1 confirm.select-ok
            1.1 publish x k one mandatory persistent
                1.1 return 312 NO_ROUTE x k "one"
                1.1 ack 1
            view
                vhost '/'
                  exchange 'x' x-recent-history durable: 1 kept
        "#]],
    );
}

#[test]
fn an_exchange_that_is_bound_passes_the_last_messages_on() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-recent-history durable arg:x-recent-history-length=2
        1.1 exchange.declare topic topic
        1.1 queue.declare q
        1.1 queue.bind q topic a.*
        1.1 publish x a.b one
        1.1 publish x c two
        1.1 exchange.bind topic x -
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-recent-history durable arg:x-recent-history-length=2
                1.1 exchange.declare-ok
            1.1 exchange.declare topic topic
                1.1 exchange.declare-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q topic a.*
                1.1 queue.bind-ok
            1.1 publish x a.b one
            1.1 publish x c two
            1.1 exchange.bind topic x -
                1.1 exchange.bind-ok
            view
                vhost '/'
                  exchange 'topic' topic
                  binding 'topic' -'a.*'-> queue 'q'
                  exchange 'x' x-recent-history durable: 2 kept
                  binding 'x' -''-> exchange 'topic'
                queue 'q' classic: 1 ready, 0 unacked, 0 consumers
                  "x" "a.b" "one"
        "#]],
    );
}

#[test]
fn what_is_persistent_is_remembered_after_a_restart() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-recent-history durable arg:x-recent-history-length=2
        1.1 publish x k one persistent
        1.1 publish x k two
        1.1 queue.declare q durable
        restart
        1 connect
        1.1 open
        1.1 queue.bind q x -
        view
        1.1 exchange.delete x
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-recent-history durable arg:x-recent-history-length=2
                1.1 exchange.declare-ok
            1.1 publish x k one persistent
            1.1 publish x k two
            1.1 queue.declare q durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            restart
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.bind q x -
                1.1 queue.bind-ok
            view
                vhost '/'
                  exchange 'x' x-recent-history durable: 1 kept
                  binding 'x' -''-> queue 'q'
                queue 'q' classic durable: 1 ready, 0 unacked, 0 consumers
                  "x" "k" "one"
            1.1 exchange.delete x
                1.1 exchange.delete-ok
            view
                vhost '/'
                queue 'q' classic durable: 1 ready, 0 unacked, 0 consumers
                  "x" "k" "one"
        "#]],
    );
}

#[test]
fn a_length_is_a_positive_number() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-recent-history arg:x-recent-history-length=0
        1.2 open
        1.2 exchange.declare x x-recent-history
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-recent-history arg:x-recent-history-length=0
                1.1 close channel 406 PRECONDITION_FAILED - Invalid argument 0, 'x-recent-history-length' must be a positive integer (40, 10)
            1.2 open
                1.2 channel.open-ok
            1.2 exchange.declare x x-recent-history
                1.2 exchange.declare-ok
        "#]],
    );
}

#[test]
fn what_is_dropped_at_once_is_remembered_all_the_same() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-recent-history
        1.1 publish x k one
        1.1 queue.declare none arg:x-max-length=0
        1.1 queue.bind none x -
        1.1 queue.declare q
        1.1 queue.bind q x -
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-recent-history
                1.1 exchange.declare-ok
            1.1 publish x k one
            1.1 queue.declare none arg:x-max-length=0
                1.1 queue.declare-ok none 0 messages 0 consumers
            1.1 queue.bind none x -
                1.1 queue.bind-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q x -
                1.1 queue.bind-ok
            view
                vhost '/'
                  exchange 'x' x-recent-history: 1 kept
                  binding 'x' -''-> queue 'none'
                  binding 'x' -''-> queue 'q'
                queue 'none' classic: 0 ready, 0 unacked, 0 consumers
                queue 'q' classic: 1 ready, 0 unacked, 0 consumers
                  "x" "k" "one"
        "#]],
    );
}

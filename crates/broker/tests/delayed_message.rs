//! Exchanges that delay.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_delayed_message_arrives_exactly_on_time_and_says_that_it_was_delayed() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
        1.1 queue.declare q durable
        1.1 queue.bind q x k
        1.1 consume q c
        1.1 publish x k later h:x-delay=1000 h:a=1
        1.1 publish x k now
        wait 999ms
        view
        wait 1ms
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
                1.1 exchange.declare-ok
            1.1 queue.declare q durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q x k
                1.1 queue.bind-ok
            1.1 consume q c
                1.1 basic.consume-ok c
            1.1 publish x k later h:x-delay=1000 h:a=1
            1.1 publish x k now
                1.1 deliver c 1 x k "now"
            wait 999ms
            view
                vhost '/'
                  exchange 'x' x-delayed-message durable: 1 kept
                  binding 'x' -'k'-> queue 'q'
                queue 'q' classic durable: 0 ready, 1 unacked, 1 consumers
            wait 1ms
                1.1 deliver c 2 x k "later" {"x-delay": -1000i32, "a": 1i32}
            view
                vhost '/'
                  exchange 'x' x-delayed-message durable: 0 kept
                  binding 'x' -'k'-> queue 'q'
                queue 'q' classic durable: 0 ready, 2 unacked, 1 consumers
        "#]],
    );
}

#[test]
fn messages_arrive_in_the_order_in_which_they_are_due() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
        1.1 queue.declare q durable
        1.1 queue.bind q x k
        1.1 consume q c no-ack
        1.1 publish x k third h:x-delay=300
        1.1 publish x k first h:x-delay=100
        1.1 publish x k fourth h:x-delay=300
        1.1 publish x k second h:x-delay=200
        wait 400ms
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
                1.1 exchange.declare-ok
            1.1 queue.declare q durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q x k
                1.1 queue.bind-ok
            1.1 consume q c no-ack
                1.1 basic.consume-ok c
            1.1 publish x k third h:x-delay=300
            1.1 publish x k first h:x-delay=100
            1.1 publish x k fourth h:x-delay=300
            1.1 publish x k second h:x-delay=200
            wait 400ms
                1.1 deliver c 1 x k "first" {"x-delay": -100i32}
                1.1 deliver c 2 x k "second" {"x-delay": -200i32}
                1.1 deliver c 3 x k "third" {"x-delay": -300i32}
                1.1 deliver c 4 x k "fourth" {"x-delay": -300i32}
        "#]],
    );
}

#[test]
fn a_delay_that_is_none_delays_nothing() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
        1.1 queue.declare q durable
        1.1 queue.bind q x k
        1.1 consume q c no-ack
        1.1 publish x k zero h:x-delay=0
        1.1 publish x k negative h:x-delay=-5
        1.1 publish x k endless h:x-delay=4294967296
        1.1 publish x k text h:x-delay=soon
        1.1 publish x k number-in-text h:x-delay=s!10
        wait 10ms
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
                1.1 exchange.declare-ok
            1.1 queue.declare q durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q x k
                1.1 queue.bind-ok
            1.1 consume q c no-ack
                1.1 basic.consume-ok c
            1.1 publish x k zero h:x-delay=0
                1.1 deliver c 1 x k "zero" {"x-delay": 0i32}
            1.1 publish x k negative h:x-delay=-5
                1.1 deliver c 2 x k "negative" {"x-delay": -5i32}
            1.1 publish x k endless h:x-delay=4294967296
                1.1 deliver c 3 x k "endless" {"x-delay": 4294967296i64}
            1.1 publish x k text h:x-delay=soon
                1.1 deliver c 4 x k "text" {"x-delay": "soon"}
            1.1 publish x k number-in-text h:x-delay=s!10
            wait 10ms
                1.1 deliver c 5 x k "number-in-text" {"x-delay": -10i32}
        "#]],
    );
}

#[test]
fn a_delayed_message_is_confirmed_when_it_is_on_disk_and_survives() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
        1.1 queue.declare q durable
        1.1 queue.bind q x k
        1.1 confirm.select
        disk slow
        1.1 publish x k later h:x-delay=1000
        disk done
        restart
        view
        wait 999ms
        view
        wait 1ms
        view
        restart
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
                1.1 exchange.declare-ok
            1.1 queue.declare q durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q x k
                1.1 queue.bind-ok
            1.1 confirm.select
                1.1 confirm.select-ok
            disk slow
            1.1 publish x k later h:x-delay=1000
            disk done
                1.1 ack 1
            restart
            view
                vhost '/'
                  exchange 'x' x-delayed-message durable: 1 kept
                  binding 'x' -'k'-> queue 'q'
                queue 'q' classic durable: 0 ready, 0 unacked, 0 consumers
            wait 999ms
            view
                vhost '/'
                  exchange 'x' x-delayed-message durable: 1 kept
                  binding 'x' -'k'-> queue 'q'
                queue 'q' classic durable: 0 ready, 0 unacked, 0 consumers
            wait 1ms
            view
                vhost '/'
                  exchange 'x' x-delayed-message durable: 0 kept
                  binding 'x' -'k'-> queue 'q'
                queue 'q' classic durable: 1 ready, 0 unacked, 0 consumers
                  "x" "k" "later"
            restart
            view
                vhost '/'
                  exchange 'x' x-delayed-message durable: 0 kept
                  binding 'x' -'k'-> queue 'q'
                queue 'q' classic durable: 0 ready, 0 unacked, 0 consumers
        "#]],
    );
}

#[test]
fn what_was_due_meanwhile_goes_on_in_the_order_in_which_it_became_due() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
        1.1 queue.declare q durable
        1.1 queue.bind q x k
        1.1 publish x k third persistent h:x-delay=300
        1.1 publish x k first persistent h:x-delay=100
        1.1 publish x k second persistent h:x-delay=200
        restart
        wait 150ms
        restart
        wait 5s
        1 connect
        1.1 open
        1.1 consume q c no-ack
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
                1.1 exchange.declare-ok
            1.1 queue.declare q durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q x k
                1.1 queue.bind-ok
            1.1 publish x k third persistent h:x-delay=300
            1.1 publish x k first persistent h:x-delay=100
            1.1 publish x k second persistent h:x-delay=200
            restart
            wait 150ms
            restart
            wait 5s
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 consume q c no-ack
                1.1 basic.consume-ok c
                1.1 deliver c 1 x k "first" {"x-delay": -100i32} redelivered
                1.1 deliver c 2 x k "second" {"x-delay": -200i32}
                1.1 deliver c 3 x k "third" {"x-delay": -300i32}
        "#]],
    );
}

#[test]
fn what_a_transient_exchange_delays_does_not_survive() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-delayed-message arg:x-delayed-type=fanout
        1.1 publish x k later persistent h:x-delay=1000
        view
        restart
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-delayed-message arg:x-delayed-type=fanout
                1.1 exchange.declare-ok
            1.1 publish x k later persistent h:x-delay=1000
            view
                vhost '/'
                  exchange 'x' x-delayed-message: 1 kept
            restart
            view
                vhost '/'
        "#]],
    );
}

#[test]
fn bindings_are_looked_at_when_the_time_has_come() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-delayed-message arg:x-delayed-type=topic
        1.1 publish x a.b later mandatory h:x-delay=1000
        1.1 publish x a.b at-once mandatory
        1.1 publish x c never mandatory h:x-delay=1000
        wait 500ms
        1.1 queue.declare q
        1.1 queue.bind q x a.*
        wait 500ms
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-delayed-message arg:x-delayed-type=topic
                1.1 exchange.declare-ok
            1.1 publish x a.b later mandatory h:x-delay=1000
            1.1 publish x a.b at-once mandatory
                1.1 return 312 NO_ROUTE x a.b "at-once"
            1.1 publish x c never mandatory h:x-delay=1000
            wait 500ms
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q x a.*
                1.1 queue.bind-ok
            wait 500ms
            view
                vhost '/'
                  exchange 'x' x-delayed-message: 0 kept
                  binding 'x' -'a.*'-> queue 'q'
                queue 'q' classic: 1 ready, 0 unacked, 0 consumers
                  "x" "a.b" "later"
        "#]],
    );
}

#[test]
fn what_nobody_is_bound_for_then_goes_to_the_alternate() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare spare fanout
        1.1 queue.declare q
        1.1 queue.bind q spare -
        1.1 exchange.declare x x-delayed-message arg:x-delayed-type=direct arg:alternate-exchange=spare
        1.1 publish x k later h:x-delay=10
        view
        wait 10ms
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare spare fanout
                1.1 exchange.declare-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q spare -
                1.1 queue.bind-ok
            1.1 exchange.declare x x-delayed-message arg:x-delayed-type=direct arg:alternate-exchange=spare
                1.1 exchange.declare-ok
            1.1 publish x k later h:x-delay=10
            view
                vhost '/'
                  exchange 'spare' fanout
                  binding 'spare' -''-> queue 'q'
                  exchange 'x' x-delayed-message: 1 kept
                queue 'q' classic: 0 ready, 0 unacked, 0 consumers
            wait 10ms
            view
                vhost '/'
                  exchange 'spare' fanout
                  binding 'spare' -''-> queue 'q'
                  exchange 'x' x-delayed-message: 0 kept
                queue 'q' classic: 1 ready, 0 unacked, 0 consumers
                  "x" "k" "later"
        "#]],
    );
}

#[test]
fn a_message_that_another_exchange_leads_here_is_delayed_too() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare all fanout
        1.1 exchange.declare x x-delayed-message arg:x-delayed-type=fanout
        1.1 exchange.bind x all -
        1.1 queue.declare now
        1.1 queue.bind now all -
        1.1 queue.declare later
        1.1 queue.bind later x -
        1.1 publish all k hello h:x-delay=10
        view
        wait 10ms
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare all fanout
                1.1 exchange.declare-ok
            1.1 exchange.declare x x-delayed-message arg:x-delayed-type=fanout
                1.1 exchange.declare-ok
            1.1 exchange.bind x all -
                1.1 exchange.bind-ok
            1.1 queue.declare now
                1.1 queue.declare-ok now 0 messages 0 consumers
            1.1 queue.bind now all -
                1.1 queue.bind-ok
            1.1 queue.declare later
                1.1 queue.declare-ok later 0 messages 0 consumers
            1.1 queue.bind later x -
                1.1 queue.bind-ok
            1.1 publish all k hello h:x-delay=10
            view
                vhost '/'
                  exchange 'all' fanout
                  binding 'all' -''-> exchange 'x'
                  binding 'all' -''-> queue 'now'
                  exchange 'x' x-delayed-message: 1 kept
                  binding 'x' -''-> queue 'later'
                queue 'later' classic: 0 ready, 0 unacked, 0 consumers
                queue 'now' classic: 1 ready, 0 unacked, 0 consumers
                  "all" "k" "hello"
            wait 10ms
            view
                vhost '/'
                  exchange 'all' fanout
                  binding 'all' -''-> exchange 'x'
                  binding 'all' -''-> queue 'now'
                  exchange 'x' x-delayed-message: 0 kept
                  binding 'x' -''-> queue 'later'
                queue 'later' classic: 1 ready, 0 unacked, 0 consumers
                  "all" "k" "hello"
                queue 'now' classic: 1 ready, 0 unacked, 0 consumers
                  "all" "k" "hello"
        "#]],
    );
}

#[test]
fn time_to_live_begins_when_the_delay_ends() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
        1.1 queue.declare q durable
        1.1 queue.bind q x k
        1.1 publish x k later h:x-delay=1000 expiration=100
        wait 1050ms
        view
        wait 50ms
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
                1.1 exchange.declare-ok
            1.1 queue.declare q durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q x k
                1.1 queue.bind-ok
            1.1 publish x k later h:x-delay=1000 expiration=100
            wait 1050ms
            view
                vhost '/'
                  exchange 'x' x-delayed-message durable: 0 kept
                  binding 'x' -'k'-> queue 'q'
                queue 'q' classic durable: 1 ready, 0 unacked, 0 consumers
                  "x" "k" "later"
            wait 50ms
            view
                vhost '/'
                  exchange 'x' x-delayed-message durable: 0 kept
                  binding 'x' -'k'-> queue 'q'
                queue 'q' classic durable: 0 ready, 0 unacked, 0 consumers
        "#]],
    );
}

#[test]
fn every_key_counts_when_the_time_has_come() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
        1.1 queue.declare q durable
        1.1 queue.bind q x k
        1.1 queue.declare r
        1.1 queue.bind r x cc
        1.1 publish x k later h:x-delay=10 h:CC=a!cc
        wait 10ms
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
                1.1 exchange.declare-ok
            1.1 queue.declare q durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q x k
                1.1 queue.bind-ok
            1.1 queue.declare r
                1.1 queue.declare-ok r 0 messages 0 consumers
            1.1 queue.bind r x cc
                1.1 queue.bind-ok
            1.1 publish x k later h:x-delay=10 h:CC=a!cc
            wait 10ms
            view
                vhost '/'
                  exchange 'x' x-delayed-message durable: 0 kept
                  binding 'x' -'cc'-> queue 'r'
                  binding 'x' -'k'-> queue 'q'
                queue 'q' classic durable: 1 ready, 0 unacked, 0 consumers
                  "x" "k" "later"
                queue 'r' classic: 1 ready, 0 unacked, 0 consumers
                  "x" "k" "later"
        "#]],
    );
}

#[test]
fn a_delayed_publish_of_a_transaction_waits_for_the_commit_and_then_for_its_time() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
        1.1 queue.declare q durable
        1.1 queue.bind q x k
        1.1 tx.select
        1.1 publish x k later h:x-delay=10
        wait 10ms
        view
        1.1 tx.commit
        view
        wait 10ms
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
                1.1 exchange.declare-ok
            1.1 queue.declare q durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q x k
                1.1 queue.bind-ok
            1.1 tx.select
                1.1 tx.select-ok
            1.1 publish x k later h:x-delay=10
            wait 10ms
            view
                vhost '/'
                  exchange 'x' x-delayed-message durable: 0 kept
                  binding 'x' -'k'-> queue 'q'
                queue 'q' classic durable: 0 ready, 0 unacked, 0 consumers
            1.1 tx.commit
                1.1 tx.commit-ok
            view
                vhost '/'
                  exchange 'x' x-delayed-message durable: 1 kept
                  binding 'x' -'k'-> queue 'q'
                queue 'q' classic durable: 0 ready, 0 unacked, 0 consumers
            wait 10ms
            view
                vhost '/'
                  exchange 'x' x-delayed-message durable: 0 kept
                  binding 'x' -'k'-> queue 'q'
                queue 'q' classic durable: 1 ready, 0 unacked, 0 consumers
                  "x" "k" "later"
        "#]],
    );
}

#[test]
fn what_an_exchange_delays_ends_with_it() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
        1.1 queue.declare q durable
        1.1 queue.bind q x k
        1.1 publish x k later persistent h:x-delay=10
        1.1 exchange.delete x
        view
        wait 10ms
        view
        restart
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=direct
                1.1 exchange.declare-ok
            1.1 queue.declare q durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q x k
                1.1 queue.bind-ok
            1.1 publish x k later persistent h:x-delay=10
            1.1 exchange.delete x
                1.1 exchange.delete-ok
            view
                vhost '/'
                queue 'q' classic durable: 0 ready, 0 unacked, 0 consumers
            wait 10ms
            view
                vhost '/'
                queue 'q' classic durable: 0 ready, 0 unacked, 0 consumers
            restart
            view
                vhost '/'
                queue 'q' classic durable: 0 ready, 0 unacked, 0 consumers
        "#]],
    );
}

#[test]
fn a_delayed_type_is_needed_and_compared() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-delayed-message
        1.2 open
        1.2 exchange.declare x x-delayed-message arg:x-delayed-type=x-delayed-message
        1.3 open
        1.3 exchange.declare x x-delayed-message arg:x-delayed-type=x-recent-history
        1.4 open
        1.4 exchange.declare x x-delayed-message arg:x-delayed-type=burst
        1.5 open
        1.5 exchange.declare x x-delayed-message arg:x-delayed-type=topic
        1.5 exchange.declare x x-delayed-message arg:x-delayed-type=topic
        1.5 exchange.declare x x-delayed-message arg:x-delayed-type=direct
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-delayed-message
                1.1 close channel 406 PRECONDITION_FAILED - Invalid argument, 'x-delayed-type' must be an existing exchange type (40, 10)
            1.2 open
                1.2 channel.open-ok
            1.2 exchange.declare x x-delayed-message arg:x-delayed-type=x-delayed-message
                1.2 close channel 406 PRECONDITION_FAILED - Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type' (40, 10)
            1.3 open
                1.3 channel.open-ok
            1.3 exchange.declare x x-delayed-message arg:x-delayed-type=x-recent-history
                1.3 close channel 406 PRECONDITION_FAILED - Invalid argument, 'x-recent-history' can't be used for 'x-delayed-type' (40, 10)
            1.4 open
                1.4 channel.open-ok
            1.4 exchange.declare x x-delayed-message arg:x-delayed-type=burst
                1.4 close channel 406 PRECONDITION_FAILED - unknown exchange type 'burst' (40, 10)
            1.5 open
                1.5 channel.open-ok
            1.5 exchange.declare x x-delayed-message arg:x-delayed-type=topic
                1.5 exchange.declare-ok
            1.5 exchange.declare x x-delayed-message arg:x-delayed-type=topic
                1.5 exchange.declare-ok
            1.5 exchange.declare x x-delayed-message arg:x-delayed-type=direct
                1.5 close channel 406 PRECONDITION_FAILED - inequivalent arg 'x-delayed-type' for exchange 'x' in vhost '/': received 'direct' but current is 'topic' (40, 10)
        "#]],
    );
}

#[test]
fn no_record_is_left_when_a_delayed_message_is_done_with() {
    let mut world = crate::script::World::new();
    let run = |world: &mut crate::script::World, script: &str| world.run(script);
    run(&mut world, "1 connect\n1.1 open");
    run(&mut world, "1.1 exchange.declare x x-delayed-message durable arg:x-delayed-type=fanout");
    run(&mut world, "1.1 queue.declare q durable\n1.1 queue.bind q x -");
    let definitions = world.records();
    run(&mut world, "1.1 publish x k later persistent h:x-delay=10");
    assert_eq!(world.records(), definitions + 1);
    run(&mut world, "wait 10ms");
    assert_eq!(world.records(), definitions + 1);
    run(&mut world, "1.1 get q no-ack");
    assert_eq!(world.records(), definitions);
    warrener_broker::fuzzing::audit(&world.broker);
}

//! Dead-lettering at least once.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_message_that_can_go_on_goes_on_at_once() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare dlx direct durable
        1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-dead-letter-exchange=dlx arg:x-dead-letter-routing-key=k arg:x-dead-letter-strategy=at-least-once arg:x-overflow=reject-publish
        1.1 queue.declare grave durable
        1.1 queue.bind grave dlx k
        1.1 publish - q hello
        1.1 get q
        1.1 reject 1
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare dlx direct durable
                1.1 exchange.declare-ok
            1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-dead-letter-exchange=dlx arg:x-dead-letter-routing-key=k arg:x-dead-letter-strategy=at-least-once arg:x-overflow=reject-publish
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.declare grave durable
                1.1 queue.declare-ok grave 0 messages 0 consumers
            1.1 queue.bind grave dlx k
                1.1 queue.bind-ok
            1.1 publish - q hello
            1.1 get q
                1.1 get-ok 1 - q "hello" (0 left)
            1.1 reject 1
            view
                vhost '/'
                  exchange 'dlx' direct durable
                  binding 'dlx' -'k'-> queue 'grave'
                queue 'grave' classic durable: 1 ready, 0 unacked, 0 consumers
                  "dlx" "k" "hello"
                queue 'q' quorum durable: 0 ready, 0 unacked, 0 consumers
        "#]],
    );
}

#[test]
fn a_message_waits_for_somebody_to_be_bound() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare dlx direct durable
        1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-dead-letter-exchange=dlx arg:x-dead-letter-routing-key=k arg:x-dead-letter-strategy=at-least-once arg:x-overflow=reject-publish
        1.1 publish - q hello
        1.1 get q
        1.1 reject 1
        view
        wait 5s
        view
        1.1 queue.declare grave durable
        1.1 queue.bind grave dlx k
        wait 1s
        view
        1.1 get grave no-ack
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare dlx direct durable
                1.1 exchange.declare-ok
            1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-dead-letter-exchange=dlx arg:x-dead-letter-routing-key=k arg:x-dead-letter-strategy=at-least-once arg:x-overflow=reject-publish
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q hello
            1.1 get q
                1.1 get-ok 1 - q "hello" (0 left)
            1.1 reject 1
            view
                vhost '/'
                  exchange 'dlx' direct durable
                queue 'q' quorum durable: 0 ready, 0 unacked, 1 held, 0 consumers
            wait 5s
            view
                vhost '/'
                  exchange 'dlx' direct durable
                queue 'q' quorum durable: 0 ready, 0 unacked, 1 held, 0 consumers
            1.1 queue.declare grave durable
                1.1 queue.declare-ok grave 0 messages 0 consumers
            1.1 queue.bind grave dlx k
                1.1 queue.bind-ok
            wait 1s
            view
                vhost '/'
                  exchange 'dlx' direct durable
                  binding 'dlx' -'k'-> queue 'grave'
                queue 'grave' classic durable: 1 ready, 0 unacked, 0 consumers
                  "dlx" "k" "hello"
                queue 'q' quorum durable: 0 ready, 0 unacked, 0 consumers
            1.1 get grave no-ack
                1.1 get-ok 2 dlx k "hello" {"x-death": [{"count": 1i64, "reason": "rejected", "queue": "q", "time": timestamp(1000), "exchange": "", "routing-keys": ["q"]}], "x-first-death-exchange": "", "x-first-death-queue": "q", "x-first-death-reason": "rejected", "x-last-death-exchange": "", "x-last-death-queue": "q", "x-last-death-reason": "rejected"} (0 left) redelivered
        "#]],
    );
}

#[test]
fn a_message_waits_for_the_exchange() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare dlx direct durable
        1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-dead-letter-exchange=dlx arg:x-dead-letter-routing-key=k arg:x-dead-letter-strategy=at-least-once arg:x-overflow=reject-publish
        1.1 exchange.delete dlx
        1.1 publish - q hello expiration=10
        wait 20ms
        view
        1.1 exchange.declare dlx direct durable
        1.1 queue.declare grave durable
        1.1 queue.bind grave dlx k
        wait 1s
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare dlx direct durable
                1.1 exchange.declare-ok
            1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-dead-letter-exchange=dlx arg:x-dead-letter-routing-key=k arg:x-dead-letter-strategy=at-least-once arg:x-overflow=reject-publish
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 exchange.delete dlx
                1.1 exchange.delete-ok
            1.1 publish - q hello expiration=10
            wait 20ms
            view
                vhost '/'
                queue 'q' quorum durable: 0 ready, 0 unacked, 1 held, 0 consumers
            1.1 exchange.declare dlx direct durable
                1.1 exchange.declare-ok
            1.1 queue.declare grave durable
                1.1 queue.declare-ok grave 0 messages 0 consumers
            1.1 queue.bind grave dlx k
                1.1 queue.bind-ok
            wait 1s
            view
                vhost '/'
                  exchange 'dlx' direct durable
                  binding 'dlx' -'k'-> queue 'grave'
                queue 'grave' classic durable: 1 ready, 0 unacked, 0 consumers
                  "dlx" "k" "hello"
                queue 'q' quorum durable: 0 ready, 0 unacked, 0 consumers
        "#]],
    );
}

#[test]
fn a_message_waits_for_room_in_every_target() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare dlx direct durable
        1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-dead-letter-exchange=dlx arg:x-dead-letter-routing-key=k arg:x-dead-letter-strategy=at-least-once arg:x-overflow=reject-publish
        1.1 queue.declare full durable arg:x-max-length=1 arg:x-overflow=reject-publish
        1.1 queue.bind full dlx k
        1.1 queue.declare empty durable
        1.1 queue.bind empty dlx k
        1.1 publish - full first
        1.1 publish - q hello
        1.1 get q
        1.1 nack 1
        wait 3s
        view
        1.1 get full no-ack
        wait 1s
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare dlx direct durable
                1.1 exchange.declare-ok
            1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-dead-letter-exchange=dlx arg:x-dead-letter-routing-key=k arg:x-dead-letter-strategy=at-least-once arg:x-overflow=reject-publish
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.declare full durable arg:x-max-length=1 arg:x-overflow=reject-publish
                1.1 queue.declare-ok full 0 messages 0 consumers
            1.1 queue.bind full dlx k
                1.1 queue.bind-ok
            1.1 queue.declare empty durable
                1.1 queue.declare-ok empty 0 messages 0 consumers
            1.1 queue.bind empty dlx k
                1.1 queue.bind-ok
            1.1 publish - full first
            1.1 publish - q hello
            1.1 get q
                1.1 get-ok 1 - q "hello" (0 left)
            1.1 nack 1
            wait 3s
            view
                vhost '/'
                  exchange 'dlx' direct durable
                  binding 'dlx' -'k'-> queue 'empty'
                  binding 'dlx' -'k'-> queue 'full'
                queue 'empty' classic durable: 0 ready, 0 unacked, 0 consumers
                queue 'full' classic durable: 1 ready, 0 unacked, 0 consumers
                  "" "full" "first"
                queue 'q' quorum durable: 0 ready, 0 unacked, 1 held, 0 consumers
            1.1 get full no-ack
                1.1 get-ok 2 - full "first" (0 left)
            wait 1s
            view
                vhost '/'
                  exchange 'dlx' direct durable
                  binding 'dlx' -'k'-> queue 'empty'
                  binding 'dlx' -'k'-> queue 'full'
                queue 'empty' classic durable: 1 ready, 0 unacked, 0 consumers
                  "dlx" "k" "hello"
                queue 'full' classic durable: 1 ready, 0 unacked, 0 consumers
                  "dlx" "k" "hello"
                queue 'q' quorum durable: 0 ready, 0 unacked, 0 consumers
        "#]],
    );
}

#[test]
fn what_waits_to_go_on_counts_towards_the_limit() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-dead-letter-exchange=none arg:x-dead-letter-strategy=at-least-once arg:x-overflow=reject-publish arg:x-max-length=1
        1.1 confirm.select
        1.1 publish - q one
        1.1 get q
        1.1 reject 1
        1.1 publish - q two
        1.1 queue.purge q
        1.1 publish - q three
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-dead-letter-exchange=none arg:x-dead-letter-strategy=at-least-once arg:x-overflow=reject-publish arg:x-max-length=1
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 confirm.select
                1.1 confirm.select-ok
            1.1 publish - q one
                1.1 ack 1
            1.1 get q
                1.1 get-ok 1 - q "one" (0 left)
            1.1 reject 1
            1.1 publish - q two
                1.1 nack 2
            1.1 queue.purge q
                1.1 queue.purge-ok 0 messages
            1.1 publish - q three
                1.1 ack 3
            view
                vhost '/'
                queue 'q' quorum durable: 1 ready, 0 unacked, 0 consumers
                  "" "q" "three"
        "#]],
    );
}

#[test]
fn what_died_stays_dead_over_a_restart() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare dlx direct durable
        1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-dead-letter-exchange=dlx arg:x-dead-letter-routing-key=k arg:x-dead-letter-strategy=at-least-once arg:x-overflow=reject-publish
        1.1 publish - q rejected
        1.1 get q
        1.1 reject 1
        1.1 publish - q ready
        restart
        view
        1 connect
        1.1 open
        1.1 get q
        1.1 queue.declare grave durable
        1.1 queue.bind grave dlx k
        wait 1s
        1.1 get grave no-ack
        restart
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare dlx direct durable
                1.1 exchange.declare-ok
            1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-dead-letter-exchange=dlx arg:x-dead-letter-routing-key=k arg:x-dead-letter-strategy=at-least-once arg:x-overflow=reject-publish
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q rejected
            1.1 get q
                1.1 get-ok 1 - q "rejected" (0 left)
            1.1 reject 1
            1.1 publish - q ready
            restart
            view
                vhost '/'
                  exchange 'dlx' direct durable
                queue 'q' quorum durable: 1 ready, 0 unacked, 1 held, 0 consumers
                  "" "q" "ready"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 get q
                1.1 get-ok 1 - q "ready" (0 left) redelivered
            1.1 queue.declare grave durable
                1.1 queue.declare-ok grave 0 messages 0 consumers
            1.1 queue.bind grave dlx k
                1.1 queue.bind-ok
            wait 1s
            1.1 get grave no-ack
                1.1 get-ok 2 dlx k "rejected" {"x-death": [{"count": 1i64, "reason": "rejected", "queue": "q", "time": timestamp(1000), "exchange": "", "routing-keys": ["q"]}], "x-first-death-exchange": "", "x-first-death-queue": "q", "x-first-death-reason": "rejected", "x-last-death-exchange": "", "x-last-death-queue": "q", "x-last-death-reason": "rejected"} (0 left)
            restart
            view
                vhost '/'
                  exchange 'dlx' direct durable
                  binding 'dlx' -'k'-> queue 'grave'
                queue 'grave' classic durable: 0 ready, 0 unacked, 0 consumers
                queue 'q' quorum durable: 1 ready, 0 unacked, 0 consumers
                  "" "q" "ready"
        "#]],
    );
}

#[test]
fn a_message_that_failed_too_often_goes_on_too() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare grave durable
        1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave arg:x-dead-letter-strategy=at-least-once arg:x-overflow=reject-publish arg:x-delivery-limit=1
        1.1 publish - q hello
        1.1 get q
        1.1 reject 1 requeue
        1.1 get q
        1.1 reject 2 requeue
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare grave durable
                1.1 queue.declare-ok grave 0 messages 0 consumers
            1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave arg:x-dead-letter-strategy=at-least-once arg:x-overflow=reject-publish arg:x-delivery-limit=1
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q hello
            1.1 get q
                1.1 get-ok 1 - q "hello" (0 left)
            1.1 reject 1 requeue
            1.1 get q
                1.1 get-ok 2 - q "hello" {"x-acquired-count": 1i64, "x-delivery-count": 1i64} (0 left) redelivered
            1.1 reject 2 requeue
            view
                vhost '/'
                queue 'grave' classic durable: 1 ready, 0 unacked, 0 consumers
                  "" "grave" "hello"
                queue 'q' quorum durable: 0 ready, 0 unacked, 0 consumers
        "#]],
    );
}

#[test]
fn what_would_only_go_round_waits() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=q arg:x-dead-letter-strategy=at-least-once arg:x-overflow=reject-publish arg:x-message-ttl=10
        1.1 publish - q hello
        wait 3s
        view
        1.1 queue.delete q
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=q arg:x-dead-letter-strategy=at-least-once arg:x-overflow=reject-publish arg:x-message-ttl=10
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q hello
            wait 3s
            view
                vhost '/'
                queue 'q' quorum durable: 0 ready, 0 unacked, 1 held, 0 consumers
            1.1 queue.delete q
                1.1 queue.delete-ok 0 messages
            view
                vhost '/'
        "#]],
    );
}

#[test]
fn where_a_full_queue_drops_it_is_at_most_once() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-dead-letter-exchange=none arg:x-dead-letter-strategy=at-least-once
        1.1 publish - q hello
        1.1 get q
        1.1 reject 1
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-dead-letter-exchange=none arg:x-dead-letter-strategy=at-least-once
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q hello
            1.1 get q
                1.1 get-ok 1 - q "hello" (0 left)
            1.1 reject 1
            view
                vhost '/'
                queue 'q' quorum durable: 0 ready, 0 unacked, 0 consumers
        "#]],
    );
}

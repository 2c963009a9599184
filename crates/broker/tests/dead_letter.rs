//! Dead letters: why a message left, where it goes, and what it says about it.

use expect_test::expect;

use crate::script::{World, check};

#[test]
fn a_rejected_message_tells_where_and_why_it_died() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare grave
        1.1 queue.declare q arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
        1.1 queue.bind q amq.direct k
        1.1 publish amq.direct k hello h:mine=1
        1.1 get q
        1.1 reject 1
        1.1 get grave no-ack
        1.1 publish - q nacked
        1.1 get q
        1.1 nack 3
        1.1 get grave no-ack
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare grave
                1.1 queue.declare-ok grave 0 messages 0 consumers
            1.1 queue.declare q arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q amq.direct k
                1.1 queue.bind-ok
            1.1 publish amq.direct k hello h:mine=1
            1.1 get q
                1.1 get-ok 1 amq.direct k "hello" {"mine": 1i32} (0 left)
            1.1 reject 1
            1.1 get grave no-ack
                1.1 get-ok 2 - grave "hello" {"mine": 1i32, "x-death": [{"count": 1i64, "reason": "rejected", "queue": "q", "time": timestamp(1000), "exchange": "amq.direct", "routing-keys": ["k"]}], "x-first-death-exchange": "amq.direct", "x-first-death-queue": "q", "x-first-death-reason": "rejected", "x-last-death-exchange": "amq.direct", "x-last-death-queue": "q", "x-last-death-reason": "rejected"} (0 left) redelivered
            1.1 publish - q nacked
            1.1 get q
                1.1 get-ok 3 - q "nacked" (0 left)
            1.1 nack 3
            1.1 get grave no-ack
                1.1 get-ok 4 - grave "nacked" {"x-death": [{"count": 1i64, "reason": "rejected", "queue": "q", "time": timestamp(1000), "exchange": "", "routing-keys": ["q"]}], "x-first-death-exchange": "", "x-first-death-queue": "q", "x-first-death-reason": "rejected", "x-last-death-exchange": "", "x-last-death-queue": "q", "x-last-death-reason": "rejected"} (0 left)
        "#]],
    );
}

#[test]
fn an_expired_message_keeps_its_expiration_in_its_history() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare grave
        1.1 queue.declare q arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
        1.1 publish - q hello expiration=100
        wait 300ms
        1.1 get q
        1.1 get grave no-ack
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare grave
                1.1 queue.declare-ok grave 0 messages 0 consumers
            1.1 queue.declare q arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q hello expiration=100
            wait 300ms
            1.1 get q
                1.1 basic.get-empty
            1.1 get grave no-ack
                1.1 get-ok 1 - grave "hello" {"x-death": [{"original-expiration": "100", "count": 1i64, "reason": "expired", "queue": "q", "time": timestamp(1000), "exchange": "", "routing-keys": ["q"]}], "x-first-death-exchange": "", "x-first-death-queue": "q", "x-first-death-reason": "expired", "x-last-death-exchange": "", "x-last-death-queue": "q", "x-last-death-reason": "expired"} (0 left)
        "#]],
    );
}

#[test]
fn a_message_that_makes_room_is_dead_lettered() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare grave
        1.1 queue.declare q arg:x-max-length=1 arg:x-dead-letter-exchange=amq.fanout
        1.1 queue.bind grave amq.fanout -
        1.1 publish - q one
        1.1 publish - q two
        1.1 get grave no-ack
        1.1 get q no-ack
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare grave
                1.1 queue.declare-ok grave 0 messages 0 consumers
            1.1 queue.declare q arg:x-max-length=1 arg:x-dead-letter-exchange=amq.fanout
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind grave amq.fanout -
                1.1 queue.bind-ok
            1.1 publish - q one
            1.1 publish - q two
            1.1 get grave no-ack
                1.1 get-ok 1 amq.fanout q "one" {"x-death": [{"count": 1i64, "reason": "maxlen", "queue": "q", "time": timestamp(1000), "exchange": "", "routing-keys": ["q"]}], "x-first-death-exchange": "", "x-first-death-queue": "q", "x-first-death-reason": "maxlen", "x-last-death-exchange": "", "x-last-death-queue": "q", "x-last-death-reason": "maxlen"} (0 left)
            1.1 get q no-ack
                1.1 get-ok 2 - q "two" (0 left)
        "#]],
    );
}

#[test]
fn without_a_key_of_its_own_the_queue_keeps_the_keys() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare a
        1.1 queue.declare b
        1.1 queue.declare c
        1.1 queue.bind a amq.topic k
        1.1 queue.bind b amq.topic cc
        1.1 queue.bind c amq.topic bcc
        1.1 queue.declare q arg:x-dead-letter-exchange=amq.topic
        1.1 queue.bind q amq.direct k
        1.1 publish amq.direct k hello h:CC=a!cc h:BCC=a!bcc
        1.1 get q
        1.1 reject 1
        1.1 get a no-ack
        1.1 get b no-ack
        1.1 get c no-ack
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare a
                1.1 queue.declare-ok a 0 messages 0 consumers
            1.1 queue.declare b
                1.1 queue.declare-ok b 0 messages 0 consumers
            1.1 queue.declare c
                1.1 queue.declare-ok c 0 messages 0 consumers
            1.1 queue.bind a amq.topic k
                1.1 queue.bind-ok
            1.1 queue.bind b amq.topic cc
                1.1 queue.bind-ok
            1.1 queue.bind c amq.topic bcc
                1.1 queue.bind-ok
            1.1 queue.declare q arg:x-dead-letter-exchange=amq.topic
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q amq.direct k
                1.1 queue.bind-ok
            1.1 publish amq.direct k hello h:CC=a!cc h:BCC=a!bcc
            1.1 get q
                1.1 get-ok 1 amq.direct k "hello" {"CC": ["cc"]} (0 left)
            1.1 reject 1
            1.1 get a no-ack
                1.1 get-ok 2 amq.topic k "hello" {"CC": ["cc"], "x-death": [{"count": 1i64, "reason": "rejected", "queue": "q", "time": timestamp(1000), "exchange": "amq.direct", "routing-keys": ["k", "cc"]}], "x-first-death-exchange": "amq.direct", "x-first-death-queue": "q", "x-first-death-reason": "rejected", "x-last-death-exchange": "amq.direct", "x-last-death-queue": "q", "x-last-death-reason": "rejected"} (0 left) redelivered
            1.1 get b no-ack
                1.1 get-ok 3 amq.topic k "hello" {"CC": ["cc"], "x-death": [{"count": 1i64, "reason": "rejected", "queue": "q", "time": timestamp(1000), "exchange": "amq.direct", "routing-keys": ["k", "cc"]}], "x-first-death-exchange": "amq.direct", "x-first-death-queue": "q", "x-first-death-reason": "rejected", "x-last-death-exchange": "amq.direct", "x-last-death-queue": "q", "x-last-death-reason": "rejected"} (0 left) redelivered
            1.1 get c no-ack
                1.1 get-ok 4 amq.topic k "hello" {"CC": ["cc"], "x-death": [{"count": 1i64, "reason": "rejected", "queue": "q", "time": timestamp(1000), "exchange": "amq.direct", "routing-keys": ["k", "cc"]}], "x-first-death-exchange": "amq.direct", "x-first-death-queue": "q", "x-first-death-reason": "rejected", "x-last-death-exchange": "amq.direct", "x-last-death-queue": "q", "x-last-death-reason": "rejected"} (0 left) redelivered
        "#]],
    );
}

#[test]
fn a_new_key_removes_the_header_cc() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare grave
        1.1 queue.declare q arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
        1.1 queue.bind q amq.direct k
        1.1 publish amq.direct k hello h:CC=a!cc
        1.1 get q
        1.1 reject 1
        1.1 get grave no-ack
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare grave
                1.1 queue.declare-ok grave 0 messages 0 consumers
            1.1 queue.declare q arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q amq.direct k
                1.1 queue.bind-ok
            1.1 publish amq.direct k hello h:CC=a!cc
            1.1 get q
                1.1 get-ok 1 amq.direct k "hello" {"CC": ["cc"]} (0 left)
            1.1 reject 1
            1.1 get grave no-ack
                1.1 get-ok 2 - grave "hello" {"CC": ["cc"], "x-death": [{"count": 1i64, "reason": "rejected", "queue": "q", "time": timestamp(1000), "exchange": "amq.direct", "routing-keys": ["k", "cc"]}], "x-first-death-exchange": "amq.direct", "x-first-death-queue": "q", "x-first-death-reason": "rejected", "x-last-death-exchange": "amq.direct", "x-last-death-queue": "q", "x-last-death-reason": "rejected"} (0 left) redelivered
        "#]],
    );
}

#[test]
fn a_repeated_death_is_counted() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare retry arg:x-message-ttl=100 arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=q
        1.1 queue.declare q arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=retry
        1.1 publish - q hello
        1.1 get q
        1.1 reject 1
        wait 300ms
        1.1 get q
        1.1 reject 2
        wait 300ms
        1.1 get q
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare retry arg:x-message-ttl=100 arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=q
                1.1 queue.declare-ok retry 0 messages 0 consumers
            1.1 queue.declare q arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=retry
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q hello
            1.1 get q
                1.1 get-ok 1 - q "hello" (0 left)
            1.1 reject 1
            wait 300ms
            1.1 get q
                1.1 get-ok 2 - q "hello" {"x-death": [{"count": 1i64, "reason": "expired", "queue": "retry", "time": timestamp(1000), "exchange": "", "routing-keys": ["retry"]}, {"count": 1i64, "reason": "rejected", "queue": "q", "time": timestamp(1000), "exchange": "", "routing-keys": ["q"]}], "x-first-death-exchange": "", "x-first-death-queue": "q", "x-first-death-reason": "rejected", "x-last-death-exchange": "", "x-last-death-queue": "retry", "x-last-death-reason": "expired"} (0 left) redelivered
            1.1 reject 2
            wait 300ms
            1.1 get q
                1.1 get-ok 3 - q "hello" {"x-death": [{"count": 2i64, "reason": "expired", "queue": "retry", "time": timestamp(1000), "exchange": "", "routing-keys": ["retry"]}, {"count": 2i64, "reason": "rejected", "queue": "q", "time": timestamp(1000), "exchange": "", "routing-keys": ["q"]}], "x-first-death-exchange": "", "x-first-death-queue": "q", "x-first-death-reason": "rejected", "x-last-death-exchange": "", "x-last-death-queue": "retry", "x-last-death-reason": "expired"} (0 left) redelivered
        "#]],
    );
}

#[test]
fn what_would_go_round_by_itself_is_dropped() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare a arg:x-message-ttl=100 arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=b
        1.1 queue.declare b arg:x-message-ttl=100 arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=a
        1.1 publish - a hello
        wait 900ms
        1.1 queue.declare a passive
        1.1 queue.declare b passive
        1.1 queue.declare self arg:x-message-ttl=100 arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=self
        1.1 publish - self hello
        wait 500ms
        1.1 queue.declare self passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare a arg:x-message-ttl=100 arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=b
                1.1 queue.declare-ok a 0 messages 0 consumers
            1.1 queue.declare b arg:x-message-ttl=100 arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=a
                1.1 queue.declare-ok b 0 messages 0 consumers
            1.1 publish - a hello
            wait 900ms
            1.1 queue.declare a passive
                1.1 queue.declare-ok a 0 messages 0 consumers
            1.1 queue.declare b passive
                1.1 queue.declare-ok b 0 messages 0 consumers
            1.1 queue.declare self arg:x-message-ttl=100 arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=self
                1.1 queue.declare-ok self 0 messages 0 consumers
            1.1 publish - self hello
            wait 500ms
            1.1 queue.declare self passive
                1.1 queue.declare-ok self 0 messages 0 consumers
        "#]],
    );
}

#[test]
fn a_missing_dead_letter_exchange_drops() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q arg:x-dead-letter-exchange=missing
        1.1 publish - q hello
        1.1 get q
        1.1 reject 1
        1.1 queue.declare q passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-dead-letter-exchange=missing
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q hello
            1.1 get q
                1.1 get-ok 1 - q "hello" (0 left)
            1.1 reject 1
            1.1 queue.declare q passive
                1.1 queue.declare-ok q 0 messages 0 consumers
        "#]],
    );
}

#[test]
fn what_a_client_says_of_deaths_means_nothing() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare grave
        1.1 queue.declare q arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
        1.1 publish - q hello h:x-death=5 h:x-first-death-queue=liar
        1.1 get q
        1.1 reject 1
        1.1 get grave no-ack
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare grave
                1.1 queue.declare-ok grave 0 messages 0 consumers
            1.1 queue.declare q arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q hello h:x-death=5 h:x-first-death-queue=liar
            1.1 get q
                1.1 get-ok 1 - q "hello" {"x-death": 5i32, "x-first-death-queue": "liar"} (0 left)
            1.1 reject 1
            1.1 get grave no-ack
                1.1 get-ok 2 - grave "hello" {"x-death": [{"count": 1i64, "reason": "rejected", "queue": "q", "time": timestamp(1000), "exchange": "", "routing-keys": ["q"]}], "x-first-death-exchange": "", "x-first-death-queue": "q", "x-first-death-reason": "rejected", "x-last-death-exchange": "", "x-last-death-queue": "q", "x-last-death-reason": "rejected"} (0 left) redelivered
        "#]],
    );
}

#[test]
fn a_refused_message_without_a_place_to_go_is_just_refused() {
    check(
        "
        1 connect
        1.1 open
        1.1 confirm.select
        1.1 queue.declare q arg:x-max-length=0 arg:x-overflow=reject-publish-dlx
        1.1 publish - q one
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 confirm.select
                1.1 confirm.select-ok
            1.1 queue.declare q arg:x-max-length=0 arg:x-overflow=reject-publish-dlx
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q one
                1.1 nack 1
        "#]],
    );
}

#[test]
fn a_refused_message_may_be_dead_lettered() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 confirm.select
        1.1 queue.declare grave
        1.1 queue.declare q arg:x-max-length=1 arg:x-overflow=reject-publish-dlx arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
        1.1 publish - q one
        1.1 publish - q two
        1.1 get grave no-ack
        1.1 get q no-ack
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 confirm.select
                1.1 confirm.select-ok
            1.1 queue.declare grave
                1.1 queue.declare-ok grave 0 messages 0 consumers
            1.1 queue.declare q arg:x-max-length=1 arg:x-overflow=reject-publish-dlx arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q one
                1.1 ack 1
            1.1 publish - q two
                1.1 nack 2
            1.1 get grave no-ack
                1.1 get-ok 1 - grave "two" {"x-death": [{"count": 1i64, "reason": "maxlen", "queue": "q", "time": timestamp(1000), "exchange": "", "routing-keys": ["q"]}], "x-first-death-exchange": "", "x-first-death-queue": "q", "x-first-death-reason": "maxlen", "x-last-death-exchange": "", "x-last-death-queue": "q", "x-last-death-reason": "maxlen"} (0 left)
            1.1 get q no-ack
                1.1 get-ok 2 - q "one" (0 left)
        "#]],
    );
}

#[test]
fn a_purge_and_a_deletion_bury_nobody() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare grave
        1.1 queue.declare q arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
        1.1 publish - q one
        1.1 queue.purge q
        1.1 publish - q two
        1.1 queue.delete q
        1.1 queue.declare grave passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare grave
                1.1 queue.declare-ok grave 0 messages 0 consumers
            1.1 queue.declare q arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q one
            1.1 queue.purge q
                1.1 queue.purge-ok 1 messages
            1.1 publish - q two
            1.1 queue.delete q
                1.1 queue.delete-ok 1 messages
            1.1 queue.declare grave passive
                1.1 queue.declare-ok grave 0 messages 0 consumers
        "#]],
    );
}

#[test]
fn a_quorum_queue_buries_what_failed_too_often() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare grave
        1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-delivery-limit=1 arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
        1.1 publish - q hello
        1.1 get q
        1.1 reject 1 requeue
        1.1 get q
        1.1 nack 2 requeue
        1.1 get q
        1.1 reject 3 requeue
        1.1 get q
        1.1 get grave no-ack
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare grave
                1.1 queue.declare-ok grave 0 messages 0 consumers
            1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-delivery-limit=1 arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q hello
            1.1 get q
                1.1 get-ok 1 - q "hello" (0 left)
            1.1 reject 1 requeue
            1.1 get q
                1.1 get-ok 2 - q "hello" {"x-acquired-count": 1i64, "x-delivery-count": 1i64} (0 left) redelivered
            1.1 nack 2 requeue
            1.1 get q
                1.1 get-ok 3 - q "hello" {"x-acquired-count": 2i64, "x-delivery-count": 1i64} (0 left) redelivered
            1.1 reject 3 requeue
            1.1 get q
                1.1 basic.get-empty
            1.1 get grave no-ack
                1.1 get-ok 4 - grave "hello" {"x-death": [{"count": 1i64, "reason": "delivery_limit", "queue": "q", "time": timestamp(1000), "exchange": "", "routing-keys": ["q"]}], "x-first-death-exchange": "", "x-first-death-queue": "q", "x-first-death-reason": "delivery_limit", "x-last-death-exchange": "", "x-last-death-queue": "q", "x-last-death-reason": "delivery_limit"} (0 left) redelivered
        "#]],
    );
}

#[test]
fn an_explicit_limit_without_a_grave_drops() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-delivery-limit=0
        1.1 publish - q hello
        1.1 get q
        1.1 reject 1 requeue
        1.1 get q
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-delivery-limit=0
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q hello
            1.1 get q
                1.1 get-ok 1 - q "hello" (0 left)
            1.1 reject 1 requeue
            1.1 get q
                1.1 basic.get-empty
        "#]],
    );
}

#[test]
fn a_refused_message_that_nobody_wants_dead_lettered_is_dropped() {
    check(
        "
        1 connect
        1.1 open
        1.1 confirm.select
        1.1 queue.declare q arg:x-max-length=0 arg:x-overflow=reject-publish-dlx
        1.1 publish - q hello
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 confirm.select
                1.1 confirm.select-ok
            1.1 queue.declare q arg:x-max-length=0 arg:x-overflow=reject-publish-dlx
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q hello
                1.1 nack 1
        "#]],
    );
}

#[test]
fn without_a_limit_or_a_grave_a_message_that_fails_goes_to_the_tail_and_is_told_of_once() {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare q durable arg:x-queue-type=quorum");
    world.run("1.1 publish - q bad\n1.1 publish - q good");
    let mut warnings = 0;
    for tag in 1..=20 {
        let seen = world.run(&format!("1.1 get q\n1.1 reject {tag} requeue"));
        assert!(seen.contains("\"bad\""), "it keeps its place: {seen}");
        warnings += seen.matches("warning").count();
    }
    assert_eq!(warnings, 0);
    let seen = world.run("1.1 get q\n1.1 reject 21 requeue\n1.1 get q\n1.1 nack 22 requeue");
    assert!(seen.contains("has failed 21 times and was moved to the tail"), "{seen}");
    assert!(seen.contains("get-ok 22 - q \"good\""), "{seen}");
    let seen = world.run("1.1 get q no-ack\n1.1 get q\n1.1 reject 24 requeue\n1.1 get q");
    assert!(!seen.contains("warning") && seen.contains("\"x-delivery-count\": 22i64"), "{seen}");
    assert_eq!(world.broker.view().stats().sent_back, 2);
    assert_eq!(world.broker.view().queue("/", "q").expect("a queue").unacked, 1);
}

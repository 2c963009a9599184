//! Transactions: all or nothing, over all queues.

use expect_test::expect;

use crate::script::check;

#[test]
fn nothing_happens_before_the_commit() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 tx.select
        1.1 publish - q one
        1.1 publish - nowhere back mandatory
        1.1 queue.declare q passive
        1.1 tx.commit
        1.1 queue.declare q passive
        1.1 publish - q two
        1.1 tx.rollback
        1.1 tx.commit
        1.1 queue.declare q passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 tx.select
                1.1 tx.select-ok
            1.1 publish - q one
            1.1 publish - nowhere back mandatory
            1.1 queue.declare q passive
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 tx.commit
                1.1 return 312 NO_ROUTE - nowhere "back"
                1.1 tx.commit-ok
            1.1 queue.declare q passive
                1.1 queue.declare-ok q 1 messages 0 consumers
            1.1 publish - q two
            1.1 tx.rollback
                1.1 tx.rollback-ok
            1.1 tx.commit
                1.1 tx.commit-ok
            1.1 queue.declare q passive
                1.1 queue.declare-ok q 1 messages 0 consumers
        "#]],
    );
}

#[test]
fn acknowledgements_are_part_of_it() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 publish - q one
        1.1 publish - q two
        1.1 tx.select
        1.1 get q
        1.1 get q
        1.1 ack 1
        1.1 tx.rollback
        1.1 ack 1
        1.1 reject 2 requeue
        1.1 tx.commit
        1.1 get q
        1.1 ack 1
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
            1.1 tx.select
                1.1 tx.select-ok
            1.1 get q
                1.1 get-ok 1 - q "one" (1 left)
            1.1 get q
                1.1 get-ok 2 - q "two" (0 left)
            1.1 ack 1
            1.1 tx.rollback
                1.1 tx.rollback-ok
            1.1 ack 1
            1.1 reject 2 requeue
            1.1 tx.commit
                1.1 tx.commit-ok
            1.1 get q
                1.1 get-ok 3 - q "two" (0 left) redelivered
            1.1 ack 1
                1.1 close channel 406 PRECONDITION_FAILED - unknown delivery tag 1 (60, 80)
        "#]],
    );
}

#[test]
fn a_queue_that_refuses_undoes_it_all() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare full arg:x-max-length=1 arg:x-overflow=reject-publish
        1.1 queue.declare other
        1.1 tx.select
        1.1 publish - other one
        1.1 publish - full two
        1.1 publish - full three
        1.1 tx.commit
        1.1 closed
        1.1 open
        1.1 queue.declare other passive
        1.1 queue.declare full passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare full arg:x-max-length=1 arg:x-overflow=reject-publish
                1.1 queue.declare-ok full 0 messages 0 consumers
            1.1 queue.declare other
                1.1 queue.declare-ok other 0 messages 0 consumers
            1.1 tx.select
                1.1 tx.select-ok
            1.1 publish - other one
            1.1 publish - full two
            1.1 publish - full three
            1.1 tx.commit
                1.1 close channel 406 PRECONDITION_FAILED - partial tx completion (90, 20)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare other passive
                1.1 queue.declare-ok other 0 messages 0 consumers
            1.1 queue.declare full passive
                1.1 queue.declare-ok full 0 messages 0 consumers
        "#]],
    );
}

#[test]
fn only_a_transactional_channel_commits() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 tx.commit
        1.1 closed
        1.1 open
        1.1 tx.rollback
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 tx.commit
                1.1 close channel 406 PRECONDITION_FAILED - channel is not transactional (90, 20)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 tx.rollback
                1.1 close channel 406 PRECONDITION_FAILED - channel is not transactional (90, 30)
        "#]],
    );
}

#[test]
fn a_bad_publish_is_refused_at_once() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 tx.select
        1.1 publish missing k one
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 tx.select
                1.1 tx.select-ok
            1.1 publish missing k one
                1.1 close channel 404 NOT_FOUND - no exchange 'missing' in vhost '/' (60, 40)
        "#]],
    );
}

#[test]
fn a_commit_waits_for_the_disk() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q durable
        disk slow
        1.1 tx.select
        1.1 publish - q one persistent
        1.1 publish - q two persistent
        disk shown
        1.1 tx.commit
        1.1 qos 5
        disk done
        1.1 get q
        1.1 get q
        1.1 ack 2 multiple
        1.1 publish - q three persistent
        1.1 tx.commit
        disk done
        1.1 get q
        restart
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            disk slow
            1.1 tx.select
                1.1 tx.select-ok
            1.1 publish - q one persistent
            1.1 publish - q two persistent
            disk shown
            1.1 tx.commit
                disk + 2 awaited
            1.1 qos 5
            disk done
                1.1 tx.commit-ok
                1.1 basic.qos-ok
            1.1 get q
                1.1 get-ok 1 - q "one" (1 left)
            1.1 get q
                1.1 get-ok 2 - q "two" (0 left)
            1.1 ack 2 multiple
            1.1 publish - q three persistent
            1.1 tx.commit
                disk + 3 awaited
                disk - 2
            disk done
                1.1 tx.commit-ok
            1.1 get q
                1.1 get-ok 3 - q "three" (0 left)
            restart
            view
                vhost '/'
                queue 'q' classic durable: 1 ready, 0 unacked, 0 consumers
                  "" "q" "three"
        "#]],
    );
}

#[test]
fn a_transaction_ends_with_its_channel() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 publish - q one
        1.1 tx.select
        1.1 get q
        1.1 ack 1
        1.1 publish - q two
        1.1 close
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q one
            1.1 tx.select
                1.1 tx.select-ok
            1.1 get q
                1.1 get-ok 1 - q "one" (0 left)
            1.1 ack 1
            1.1 publish - q two
            1.1 close
                1.1 channel.close-ok
            view
                vhost '/'
                queue 'q' classic: 1 ready, 0 unacked, 0 consumers
                  "" "q" "one"
        "#]],
    );
}

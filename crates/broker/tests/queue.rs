//! Queues: declared, compared, found and deleted.

use expect_test::expect;

use crate::script::check;

#[test]
fn declaring_tells_how_full_it_is() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 publish - q one
        1.1 publish - q two
        1.1 queue.declare q
        1.1 consume q c
        1.1 queue.declare q passive
        1.1 queue.declare q no-wait
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
            1.1 queue.declare q
                1.1 queue.declare-ok q 2 messages 0 consumers
            1.1 consume q c
                1.1 basic.consume-ok c
                1.1 deliver c 1 - q "one"
                1.1 deliver c 2 - q "two"
            1.1 queue.declare q passive
                1.1 queue.declare-ok q 0 messages 1 consumers
            1.1 queue.declare q no-wait
        "#]],
    );
}

#[test]
fn flags_must_agree() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 queue.declare q durable
        1.1 closed
        1.1 open
        1.1 queue.declare q auto-delete
        1.1 closed
        1.1 open
        1.1 queue.declare q exclusive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.declare q durable
                1.1 close channel 406 PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false' (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q auto-delete
                1.1 close channel 406 PRECONDITION_FAILED - inequivalent arg 'auto_delete' for queue 'q' in vhost '/': received 'true' but current is 'false' (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q exclusive
                1.1 close channel 405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration. (50, 10)
        "#]],
    );
}

#[test]
fn arguments_that_mean_something_must_agree() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q arg:x-message-ttl=1000 arg:unknown=1
        1.1 queue.declare q arg:x-message-ttl=1000
        1.1 queue.declare q arg:x-message-ttl=1000 arg:unknown=2
        1.1 queue.declare q
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-message-ttl=2000
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-message-ttl=s!1000
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-message-ttl=1000 arg:x-max-length=5
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-message-ttl=1000 arg:x-queue-type=classic
        1.1 queue.declare q arg:x-message-ttl=1000 arg:x-queue-type=quorum durable
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-message-ttl=1000 arg:unknown=1
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.declare q arg:x-message-ttl=1000
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.declare q arg:x-message-ttl=1000 arg:unknown=2
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.declare q
                1.1 close channel 406 PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received none but current is the value '1000' of type 'signedint' (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-message-ttl=2000
                1.1 close channel 406 PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received '2000' but current is '1000' (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-message-ttl=s!1000
                1.1 close channel 406 PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received '1000' but current is '1000' (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-message-ttl=1000 arg:x-max-length=5
                1.1 close channel 406 PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'q' in vhost '/': received the value '5' of type 'signedint' but current is none (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-message-ttl=1000 arg:x-queue-type=classic
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.declare q arg:x-message-ttl=1000 arg:x-queue-type=quorum durable
                1.1 close channel 406 PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false' (50, 10)
        "#]],
    );
}

#[test]
fn arguments_are_checked() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q arg:x-message-ttl=-1
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-message-ttl=s!5
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-message-ttl=315360000001
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-expires=0
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-max-priority=256
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-max-length=true
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-overflow=nonsense
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-overflow=5
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-dead-letter-routing-key=k
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-dead-letter-exchange=5
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-dead-letter-exchange=x arg:x-dead-letter-routing-key=5
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-queue-type=heap
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-queue-type=5
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-single-active-consumer=1
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-max-age=1h
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-message-ttl=-1
                1.1 close channel 406 PRECONDITION_FAILED - invalid arg 'x-message-ttl' for queue 'q' in vhost '/': {value_negative,-1} (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-message-ttl=s!5
                1.1 close channel 406 PRECONDITION_FAILED - invalid arg 'x-message-ttl' for queue 'q' in vhost '/': "expected integer, got longstr" (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-message-ttl=315360000001
                1.1 close channel 406 PRECONDITION_FAILED - invalid arg 'x-message-ttl' for queue 'q' in vhost '/': {value_too_large,315360000001} (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-expires=0
                1.1 close channel 406 PRECONDITION_FAILED - invalid arg 'x-expires' for queue 'q' in vhost '/': {value_zero,0} (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-max-priority=256
                1.1 close channel 406 PRECONDITION_FAILED - invalid arg 'x-max-priority' for queue 'q' in vhost '/': {max_value_exceeded,256} (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-max-length=true
                1.1 close channel 406 PRECONDITION_FAILED - invalid arg 'x-max-length' for queue 'q' in vhost '/': "expected integer, got bool" (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-overflow=nonsense
                1.1 close channel 406 PRECONDITION_FAILED - invalid arg 'x-overflow' for queue 'q' in vhost '/': invalid_overflow (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-overflow=5
                1.1 close channel 406 PRECONDITION_FAILED - invalid arg 'x-overflow' for queue 'q' in vhost '/': {unacceptable_type,signedint} (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-dead-letter-routing-key=k
                1.1 close channel 406 PRECONDITION_FAILED - invalid arg 'x-dead-letter-routing-key' for queue 'q' in vhost '/': routing_key_but_no_dlx_defined (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-dead-letter-exchange=5
                1.1 close channel 406 PRECONDITION_FAILED - invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/' (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-dead-letter-exchange=x arg:x-dead-letter-routing-key=5
                1.1 close channel 406 PRECONDITION_FAILED - invalid arg 'x-dead-letter-routing-key' for queue 'q' in vhost '/': {unacceptable_type,signedint} (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-queue-type=heap
                1.1 close channel 406 PRECONDITION_FAILED - invalid arg 'x-queue-type' for queue 'q' in vhost '/': "unsupported queue type 'heap'" (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-queue-type=5
                1.1 close channel 406 PRECONDITION_FAILED - invalid arg 'x-queue-type' for queue 'q' in vhost '/': {unacceptable_type,signedint} (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-single-active-consumer=1
                1.1 close channel 406 PRECONDITION_FAILED - invalid arg 'x-single-active-consumer' for queue 'q' in vhost '/': {unacceptable_type,signedint} (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-max-age=1h
                1.1 close channel 406 PRECONDITION_FAILED - invalid arg 'x-max-age' for queue 'q' in vhost '/' of queue type rabbit_classic_queue (50, 10)
        "#]],
    );
}

#[test]
fn a_quorum_queue_is_durable_shared_and_named() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q arg:x-queue-type=quorum
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-queue-type=quorum durable exclusive
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-queue-type=quorum durable auto-delete
        1.1 closed
        1.1 open
        1.1 queue.declare - arg:x-queue-type=quorum durable
        1.1 closed
        1.1 open
        1.1 queue.declare q arg:x-queue-type=quorum durable
        1.1 queue.delete q if-unused
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-queue-type=quorum
                1.1 close channel 406 PRECONDITION_FAILED - invalid property 'non-durable' for queue 'q' in vhost '/' (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-queue-type=quorum durable exclusive
                1.1 close channel 406 PRECONDITION_FAILED - invalid property 'exclusive-owner' for queue 'q' in vhost '/' (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-queue-type=quorum durable auto-delete
                1.1 close channel 406 PRECONDITION_FAILED - invalid property 'auto-delete' for queue 'q' in vhost '/' (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare - arg:x-queue-type=quorum durable
                1.1 close channel 406 PRECONDITION_FAILED - Cannot declare a server-named queue for type rabbit_quorum_queue (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-queue-type=quorum durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.delete q if-unused
                1 close connection 540 NOT_IMPLEMENTED - cannot delete queue 'q' in vhost '/'. queue.delete operations with if-unused flag set are not supported by quorum queues (50, 40)
        "#]],
    );
}

#[test]
fn a_quorum_queue_is_not_deleted_if_empty() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q arg:x-queue-type=quorum durable
        1.1 queue.delete q if-empty
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-queue-type=quorum durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.delete q if-empty
                1 close connection 540 NOT_IMPLEMENTED - cannot delete queue 'q' in vhost '/'. queue.delete operations with if-empty flag set are not supported by quorum queues (50, 40)
        "#]],
    );
}

#[test]
fn names_made_up_by_the_server_are_remembered_by_the_channel() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare -
        1.1 queue.bind - amq.fanout k
        1.1 publish amq.fanout - hello
        1.1 get - no-ack
        1.1 queue.declare - passive
        1.1 queue.purge -
        1.1 queue.delete -
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare -
                1.1 queue.declare-ok amq.gen-* 0 messages 0 consumers
            1.1 queue.bind - amq.fanout k
                1.1 queue.bind-ok
            1.1 publish amq.fanout - hello
            1.1 get - no-ack
                1.1 get-ok 1 amq.fanout - "hello" (0 left)
            1.1 queue.declare - passive
                1.1 close channel 404 NOT_FOUND - no queue '' in vhost '/' (50, 10)
            1.1 queue.purge -
            1.1 queue.delete -
        "#]],
    );
}

#[test]
fn the_empty_name_needs_a_queue_declared_before() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 get -
        1.1 closed
        1.1 open
        1.1 queue.bind - amq.fanout k
        1.1 closed
        1.1 open
        1.1 consume - c
        1.1 closed
        1.1 open
        1.1 queue.declare - passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 get -
                1.1 close channel 404 NOT_FOUND - no previously declared queue (60, 70)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.bind - amq.fanout k
                1.1 close channel 404 NOT_FOUND - no previously declared queue (50, 20)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 consume - c
                1.1 close channel 404 NOT_FOUND - no previously declared queue (60, 20)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare - passive
                1.1 close channel 404 NOT_FOUND - no queue '' in vhost '/' (50, 10)
        "#]],
    );
}

#[test]
fn a_binding_without_queue_and_key_uses_the_name_as_key() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 queue.bind - amq.direct -
        1.1 publish amq.direct q named
        1.1 get q no-ack
        1.1 queue.unbind - amq.direct -
        1.1 publish amq.direct q lost mandatory
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind - amq.direct -
                1.1 queue.bind-ok
            1.1 publish amq.direct q named
            1.1 get q no-ack
                1.1 get-ok 1 amq.direct q "named" (0 left)
            1.1 queue.unbind - amq.direct -
                1.1 queue.unbind-ok
            1.1 publish amq.direct q lost mandatory
                1.1 return 312 NO_ROUTE amq.direct q "lost"
        "#]],
    );
}

#[test]
fn reserved_names_are_for_the_server() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare amq.mine
        1.1 closed
        1.1 open
        1.1 queue.declare amq.mine passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare amq.mine
                1.1 close channel 403 ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*' (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare amq.mine passive
                1.1 close channel 404 NOT_FOUND - no queue 'amq.mine' in vhost '/' (50, 10)
        "#]],
    );
}

#[test]
fn missing_queues_are_missed() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q passive
        1.1 closed
        1.1 open
        1.1 queue.purge q
        1.1 closed
        1.1 open
        1.1 consume q c
        1.1 closed
        1.1 open
        1.1 get q
        1.1 closed
        1.1 open
        1.1 queue.delete q
        1.1 queue.bind q amq.direct k
        1.1 closed
        1.1 open
        1.1 queue.bind q missing k
        1.1 closed
        1.1 open
        1.1 queue.unbind q amq.direct k
        1.1 queue.declare q
        1.1 queue.unbind q missing k
        1.1 queue.unbind q amq.direct k
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q passive
                1.1 close channel 404 NOT_FOUND - no queue 'q' in vhost '/' (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.purge q
                1.1 close channel 404 NOT_FOUND - no queue 'q' in vhost '/' (50, 30)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 consume q c
                1.1 close channel 404 NOT_FOUND - no queue 'q' in vhost '/' (60, 20)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 get q
                1.1 close channel 404 NOT_FOUND - no queue 'q' in vhost '/' (60, 70)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.delete q
                1.1 queue.delete-ok 0 messages
            1.1 queue.bind q amq.direct k
                1.1 close channel 404 NOT_FOUND - no queue 'q' in vhost '/' (50, 20)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.bind q missing k
                1.1 close channel 404 NOT_FOUND - no exchange 'missing' in vhost '/' (50, 20)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.unbind q amq.direct k
                1.1 queue.unbind-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.unbind q missing k
                1.1 queue.unbind-ok
            1.1 queue.unbind q amq.direct k
                1.1 queue.unbind-ok
        "#]],
    );
}

#[test]
fn an_exclusive_queue_is_for_one_connection() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q exclusive durable
        1.1 queue.bind q amq.direct k
        1.1 queue.declare q exclusive
        1.1 queue.declare q
        1.1 closed
        1.1 open
        2 connect
        2.1 open
        2.1 queue.declare q
        2.1 closed
        2.1 open
        2.1 queue.declare q passive
        2.1 closed
        2.1 open
        2.1 queue.bind q amq.direct k
        2.1 closed
        2.1 open
        2.1 consume q c
        2.1 closed
        2.1 open
        2.1 get q
        2.1 closed
        2.1 open
        2.1 queue.purge q
        2.1 closed
        2.1 open
        2.1 queue.delete q
        2.1 closed
        2.1 open
        2.1 queue.unbind q amq.direct k
        2.1 closed
        2.1 open
        2.1 publish - q hello
        1 disconnect
        2.1 queue.declare q
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q exclusive durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q amq.direct k
                1.1 queue.bind-ok
            1.1 queue.declare q exclusive
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.declare q
                1.1 close channel 405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration. (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            2 connect
                2 opened
            2.1 open
                2.1 channel.open-ok
            2.1 queue.declare q
                2.1 close channel 405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration. (50, 10)
            2.1 closed
            2.1 open
                2.1 channel.open-ok
            2.1 queue.declare q passive
                2.1 close channel 405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration. (50, 10)
            2.1 closed
            2.1 open
                2.1 channel.open-ok
            2.1 queue.bind q amq.direct k
                2.1 close channel 405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration. (50, 20)
            2.1 closed
            2.1 open
                2.1 channel.open-ok
            2.1 consume q c
                2.1 close channel 405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration. (60, 20)
            2.1 closed
            2.1 open
                2.1 channel.open-ok
            2.1 get q
                2.1 close channel 405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration. (60, 70)
            2.1 closed
            2.1 open
                2.1 channel.open-ok
            2.1 queue.purge q
                2.1 close channel 405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration. (50, 30)
            2.1 closed
            2.1 open
                2.1 channel.open-ok
            2.1 queue.delete q
                2.1 close channel 405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration. (50, 40)
            2.1 closed
            2.1 open
                2.1 channel.open-ok
            2.1 queue.unbind q amq.direct k
                2.1 close channel 405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration. (50, 50)
            2.1 closed
            2.1 open
                2.1 channel.open-ok
            2.1 publish - q hello
            1 disconnect
                1 closed
            2.1 queue.declare q
                2.1 queue.declare-ok q 0 messages 0 consumers
        "#]],
    );
}

#[test]
fn an_auto_delete_queue_ends_with_its_last_consumer() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q auto-delete
        1.1 get q
        1.1 consume q a
        1.1 consume q b
        1.1 cancel a
        1.1 queue.declare q passive
        1.1 cancel b
        1.1 queue.declare q passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q auto-delete
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 get q
                1.1 basic.get-empty
            1.1 consume q a
                1.1 basic.consume-ok a
            1.1 consume q b
                1.1 basic.consume-ok b
            1.1 cancel a
                1.1 basic.cancel-ok a
            1.1 queue.declare q passive
                1.1 queue.declare-ok q 0 messages 1 consumers
            1.1 cancel b
                1.1 basic.cancel-ok b
            1.1 queue.declare q passive
                1.1 close channel 404 NOT_FOUND - no queue 'q' in vhost '/' (50, 10)
        "#]],
    );
}

#[test]
fn an_auto_delete_queue_ends_with_the_channel_of_its_last_consumer() {
    check(
        "
        1 connect
        1.1 open
        
        1.2 open
        1.1 queue.declare q auto-delete
        1.2 consume q a
        1.2 close
        1.1 queue.declare q passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.2 open
                1.2 channel.open-ok
            1.1 queue.declare q auto-delete
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.2 consume q a
                1.2 basic.consume-ok a
            1.2 close
                1.2 channel.close-ok
            1.1 queue.declare q passive
                1.1 close channel 404 NOT_FOUND - no queue 'q' in vhost '/' (50, 10)
        "#]],
    );
}

#[test]
fn conditions_of_deletion() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 consume q c
        1.1 queue.delete q if-unused
        1.1 closed
        1.1 open
        1.1 publish - q hello
        1.1 queue.delete q if-empty
        1.1 closed
        1.1 open
        1.1 queue.delete q if-unused
        1.1 queue.delete q no-wait
        1.1 queue.declare q passive
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
            1.1 queue.delete q if-unused
                1.1 close channel 406 PRECONDITION_FAILED - queue 'q' in vhost '/' in use (50, 40)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 publish - q hello
            1.1 queue.delete q if-empty
                1.1 close channel 406 PRECONDITION_FAILED - queue 'q' in vhost '/' not empty (50, 40)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.delete q if-unused
                1.1 queue.delete-ok 1 messages
            1.1 queue.delete q no-wait
            1.1 queue.declare q passive
                1.1 close channel 404 NOT_FOUND - no queue 'q' in vhost '/' (50, 10)
        "#]],
    );
}

#[test]
fn purging_takes_what_is_ready() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 publish - q one
        1.1 publish - q two
        1.1 publish - q three
        1.1 get q
        1.1 queue.purge q
        1.1 queue.purge q
        1.1 nack 1 requeue
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
            1.1 queue.purge q
                1.1 queue.purge-ok 2 messages
            1.1 queue.purge q
                1.1 queue.purge-ok 0 messages
            1.1 nack 1 requeue
            1.1 get q
                1.1 get-ok 2 - q "one" (0 left) redelivered
        "#]],
    );
}

#[test]
fn deleting_tells_the_consumers() {
    check(
        "
        1 connect
        1.1 open
        
        2 connect no-cancel
        2.1 open
        1.1 queue.declare q
        1.1 publish - q hello
        1.1 consume q c
        2.1 consume q d
        2.2 open
        2.2 queue.delete q
        1.1 ack 1
        1.1 cancel c
        2.1 cancel d
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            2 connect no-cancel
                2 opened
            2.1 open
                2.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q hello
            1.1 consume q c
                1.1 basic.consume-ok c
                1.1 deliver c 1 - q "hello"
            2.1 consume q d
                2.1 basic.consume-ok d
            2.2 open
                2.2 channel.open-ok
            2.2 queue.delete q
                2.2 queue.delete-ok 0 messages
                1.1 basic.cancel c
            1.1 ack 1
            1.1 cancel c
                1.1 basic.cancel-ok c
            2.1 cancel d
                2.1 basic.cancel-ok d
        "#]],
    );
}

#[test]
fn line_breaks_in_names_are_ignored() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 queue.declare q passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.declare q passive
                1.1 queue.declare-ok q 0 messages 0 consumers
        "#]],
    );
}

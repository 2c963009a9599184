//! Exchanges: declared, compared, deleted, and bound to each other.

use expect_test::expect;

use crate::script::check;

#[test]
fn declaring_twice_the_same_is_well_and_otherwise_is_told_why() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 exchange.declare x direct
        1.1 exchange.declare x direct
        1.1 exchange.declare x fanout
        1.1 closed
        1.1 open
        1.1 exchange.declare x direct durable
        1.1 closed
        1.1 open
        1.1 exchange.declare x direct auto-delete
        1.1 closed
        1.1 open
        1.1 exchange.declare x direct internal
        1.1 closed
        1.1 open
        1.1 exchange.declare x direct arg:alternate-exchange=a
        1.1 closed
        1.1 open
        1.1 exchange.declare x direct arg:unknown=1
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x direct
                1.1 exchange.declare-ok
            1.1 exchange.declare x direct
                1.1 exchange.declare-ok
            1.1 exchange.declare x fanout
                1.1 close channel 406 PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'x' in vhost '/': received 'fanout' but current is 'direct' (40, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x direct durable
                1.1 close channel 406 PRECONDITION_FAILED - inequivalent arg 'durable' for exchange 'x' in vhost '/': received 'true' but current is 'false' (40, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x direct auto-delete
                1.1 close channel 406 PRECONDITION_FAILED - inequivalent arg 'auto_delete' for exchange 'x' in vhost '/': received 'true' but current is 'false' (40, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x direct internal
                1.1 close channel 406 PRECONDITION_FAILED - inequivalent arg 'internal' for exchange 'x' in vhost '/': received 'true' but current is 'false' (40, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x direct arg:alternate-exchange=a
                1.1 close channel 406 PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange 'x' in vhost '/': received the value 'a' of type 'longstr' but current is none (40, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x direct arg:unknown=1
                1.1 exchange.declare-ok
        "#]],
    );
}

#[test]
fn an_alternate_is_part_of_what_an_exchange_is() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 exchange.declare x direct arg:alternate-exchange=a
        1.1 exchange.declare x direct arg:alternate-exchange=a
        1.1 exchange.declare x direct arg:alternate-exchange=b
        1.1 closed
        1.1 open
        1.1 exchange.declare x direct
        1.1 closed
        1.1 open
        1.1 exchange.declare y direct arg:alternate-exchange=5
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x direct arg:alternate-exchange=a
                1.1 exchange.declare-ok
            1.1 exchange.declare x direct arg:alternate-exchange=a
                1.1 exchange.declare-ok
            1.1 exchange.declare x direct arg:alternate-exchange=b
                1.1 close channel 406 PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange 'x' in vhost '/': received 'b' but current is 'a' (40, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x direct
                1.1 close channel 406 PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange 'x' in vhost '/': received none but current is the value 'a' of type 'longstr' (40, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare y direct arg:alternate-exchange=5
                1.1 close channel 406 PRECONDITION_FAILED - invalid type 'signedint' for arg 'alternate-exchange' in exchange 'y' in vhost '/' (40, 10)
        "#]],
    );
}

#[test]
fn passive_declarations_only_look() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 exchange.declare amq.topic nonsense passive
        1.1 exchange.declare x direct passive
        1.1 closed
        1.1 open
        1.1 exchange.declare - direct passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare amq.topic nonsense passive
                1.1 exchange.declare-ok
            1.1 exchange.declare x direct passive
                1.1 close channel 404 NOT_FOUND - no exchange 'x' in vhost '/' (40, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare - direct passive
                1.1 close channel 403 ACCESS_REFUSED - operation not permitted on the default exchange (40, 10)
        "#]],
    );
}

#[test]
fn unknown_types_and_reserved_names_are_refused() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 exchange.declare x nonsense
        1.1 closed
        1.1 open
        1.1 exchange.declare amq.mine direct
        1.1 closed
        1.1 open
        1.1 exchange.declare - direct
        1.1 closed
        1.1 open
        1.1 exchange.declare amq.direct direct durable
        1.1 exchange.declare amq.direct direct
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x nonsense
                1.1 close channel 406 PRECONDITION_FAILED - unknown exchange type 'nonsense' (40, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare amq.mine direct
                1.1 close channel 403 ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*' (40, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare - direct
                1.1 close channel 403 ACCESS_REFUSED - operation not permitted on the default exchange (40, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare amq.direct direct durable
                1.1 exchange.declare-ok
            1.1 exchange.declare amq.direct direct
                1.1 close channel 406 PRECONDITION_FAILED - inequivalent arg 'durable' for exchange 'amq.direct' in vhost '/': received 'false' but current is 'true' (40, 10)
        "#]],
    );
}

#[test]
fn deleting_is_idempotent_and_spares_what_is_predeclared() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 exchange.declare x direct
        1.1 exchange.delete x
        1.1 exchange.delete x
        1.1 exchange.delete amq.direct
        1.1 closed
        1.1 open
        1.1 exchange.delete -
        1.1 closed
        1.1 open
        1.1 exchange.delete amq.missing
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x direct
                1.1 exchange.declare-ok
            1.1 exchange.delete x
                1.1 exchange.delete-ok
            1.1 exchange.delete x
                1.1 exchange.delete-ok
            1.1 exchange.delete amq.direct
                1.1 close channel 403 ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed (40, 20)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.delete -
                1.1 close channel 403 ACCESS_REFUSED - operation not permitted on the default exchange (40, 20)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.delete amq.missing
                1.1 close channel 403 ACCESS_REFUSED - deletion of system exchange 'amq.missing' in vhost '/' not allowed (40, 20)
        "#]],
    );
}

#[test]
fn an_exchange_in_use_stays_if_it_was_asked() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 exchange.declare x direct
        1.1 queue.declare q
        1.1 queue.bind q x k
        1.1 exchange.delete x if-unused
        1.1 closed
        1.1 open
        1.1 queue.unbind q x k
        1.1 exchange.delete x if-unused
        1.1 queue.declare q
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x direct
                1.1 exchange.declare-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q x k
                1.1 queue.bind-ok
            1.1 exchange.delete x if-unused
                1.1 close channel 406 PRECONDITION_FAILED - exchange 'x' in vhost '/' in use (40, 20)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.unbind q x k
                1.1 queue.unbind-ok
            1.1 exchange.delete x if-unused
                1.1 exchange.delete-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
        "#]],
    );
}

#[test]
fn an_auto_delete_exchange_ends_with_its_last_binding() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 exchange.declare x fanout auto-delete
        1.1 queue.declare q
        1.1 queue.bind q x a
        1.1 queue.bind q x b
        1.1 queue.unbind q x a
        1.1 exchange.declare x fanout passive
        1.1 queue.unbind q x b
        1.1 exchange.declare x fanout passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x fanout auto-delete
                1.1 exchange.declare-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q x a
                1.1 queue.bind-ok
            1.1 queue.bind q x b
                1.1 queue.bind-ok
            1.1 queue.unbind q x a
                1.1 queue.unbind-ok
            1.1 exchange.declare x fanout passive
                1.1 exchange.declare-ok
            1.1 queue.unbind q x b
                1.1 queue.unbind-ok
            1.1 exchange.declare x fanout passive
                1.1 close channel 404 NOT_FOUND - no exchange 'x' in vhost '/' (40, 10)
        "#]],
    );
}

#[test]
fn an_auto_delete_exchange_ends_with_its_last_queue_and_takes_others_along() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 exchange.declare first fanout auto-delete
        1.1 exchange.declare second fanout auto-delete
        1.1 exchange.bind second first k
        1.1 queue.declare q
        1.1 queue.bind q second k
        1.1 queue.delete q
        1.1 exchange.declare second fanout passive
        1.1 closed
        1.1 open
        1.1 exchange.declare first fanout passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare first fanout auto-delete
                1.1 exchange.declare-ok
            1.1 exchange.declare second fanout auto-delete
                1.1 exchange.declare-ok
            1.1 exchange.bind second first k
                1.1 exchange.bind-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q second k
                1.1 queue.bind-ok
            1.1 queue.delete q
                1.1 queue.delete-ok 0 messages
            1.1 exchange.declare second fanout passive
                1.1 close channel 404 NOT_FOUND - no exchange 'second' in vhost '/' (40, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare first fanout passive
                1.1 close channel 404 NOT_FOUND - no exchange 'first' in vhost '/' (40, 10)
        "#]],
    );
}

#[test]
fn an_alternate_exchange_gets_what_finds_no_binding() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 exchange.declare x direct arg:alternate-exchange=rest
        1.1 exchange.declare rest fanout
        1.1 queue.declare q
        1.1 queue.declare others
        1.1 queue.bind q x k
        1.1 queue.bind others rest -
        1.1 publish x k known
        1.1 publish x z unknown mandatory
        1.1 get q no-ack
        1.1 get q no-ack
        1.1 get others no-ack
        1.1 exchange.delete rest
        1.1 publish x z lost mandatory
        1.1 exchange.declare rest fanout
        1.1 queue.bind others rest -
        1.1 publish x z again mandatory
        1.1 get others no-ack
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x direct arg:alternate-exchange=rest
                1.1 exchange.declare-ok
            1.1 exchange.declare rest fanout
                1.1 exchange.declare-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.declare others
                1.1 queue.declare-ok others 0 messages 0 consumers
            1.1 queue.bind q x k
                1.1 queue.bind-ok
            1.1 queue.bind others rest -
                1.1 queue.bind-ok
            1.1 publish x k known
            1.1 publish x z unknown mandatory
            1.1 get q no-ack
                1.1 get-ok 1 x k "known" (0 left)
            1.1 get q no-ack
                1.1 basic.get-empty
            1.1 get others no-ack
                1.1 get-ok 2 x z "unknown" (0 left)
            1.1 exchange.delete rest
                1.1 exchange.delete-ok
            1.1 publish x z lost mandatory
                1.1 return 312 NO_ROUTE x z "lost"
            1.1 exchange.declare rest fanout
                1.1 exchange.declare-ok
            1.1 queue.bind others rest -
                1.1 queue.bind-ok
            1.1 publish x z again mandatory
            1.1 get others no-ack
                1.1 get-ok 3 x z "again" (0 left)
        "#]],
    );
}

#[test]
fn an_internal_exchange_takes_messages_only_from_exchanges() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 exchange.declare inside fanout internal
        1.1 exchange.declare outside fanout
        1.1 exchange.bind inside outside -
        1.1 queue.declare q
        1.1 queue.bind q inside -
        1.1 publish outside k hello
        1.1 get q no-ack
        1.1 publish inside k hello
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare inside fanout internal
                1.1 exchange.declare-ok
            1.1 exchange.declare outside fanout
                1.1 exchange.declare-ok
            1.1 exchange.bind inside outside -
                1.1 exchange.bind-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q inside -
                1.1 queue.bind-ok
            1.1 publish outside k hello
            1.1 get q no-ack
                1.1 get-ok 1 outside k "hello" (0 left)
            1.1 publish inside k hello
                1.1 close channel 403 ACCESS_REFUSED - cannot publish to internal exchange 'inside' in vhost '/' (60, 40)
        "#]],
    );
}

#[test]
fn exchanges_bound_in_a_ring_send_a_message_round_once() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 exchange.declare a fanout
        1.1 exchange.declare b fanout
        1.1 exchange.bind b a -
        1.1 exchange.bind a b -
        1.1 exchange.bind a b -
        1.1 queue.declare q
        1.1 queue.bind q a -
        1.1 queue.bind q b -
        1.1 publish a k once
        1.1 get q no-ack
        1.1 get q no-ack
        1.1 exchange.unbind b a -
        1.1 exchange.unbind b a -
        1.1 exchange.bind b missing -
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare a fanout
                1.1 exchange.declare-ok
            1.1 exchange.declare b fanout
                1.1 exchange.declare-ok
            1.1 exchange.bind b a -
                1.1 exchange.bind-ok
            1.1 exchange.bind a b -
                1.1 exchange.bind-ok
            1.1 exchange.bind a b -
                1.1 exchange.bind-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q a -
                1.1 queue.bind-ok
            1.1 queue.bind q b -
                1.1 queue.bind-ok
            1.1 publish a k once
            1.1 get q no-ack
                1.1 get-ok 1 a k "once" (0 left)
            1.1 get q no-ack
                1.1 basic.get-empty
            1.1 exchange.unbind b a -
                1.1 exchange.unbind-ok
            1.1 exchange.unbind b a -
                1.1 exchange.unbind-ok
            1.1 exchange.bind b missing -
                1.1 close channel 404 NOT_FOUND - no exchange 'missing' in vhost '/' (40, 30)
        "#]],
    );
}

#[test]
fn the_default_exchange_is_not_bound_to_exchanges() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 exchange.declare x fanout
        1.1 exchange.bind x - k
        1.1 closed
        1.1 open
        1.1 exchange.bind - x k
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x fanout
                1.1 exchange.declare-ok
            1.1 exchange.bind x - k
                1.1 close channel 403 ACCESS_REFUSED - operation not permitted on the default exchange (40, 30)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.bind - x k
                1.1 close channel 403 ACCESS_REFUSED - operation not permitted on the default exchange (40, 30)
        "#]],
    );
}

#[test]
fn no_wait_keeps_silent_and_errors_speak() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 exchange.declare x direct no-wait
        1.1 exchange.delete x no-wait
        1.1 exchange.declare - direct no-wait
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x direct no-wait
            1.1 exchange.delete x no-wait
            1.1 exchange.declare - direct no-wait
                1.1 close channel 403 ACCESS_REFUSED - operation not permitted on the default exchange (40, 10)
        "#]],
    );
}

#[test]
fn a_queue_and_an_exchange_of_one_name_share_what_a_hash_exchange_has() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 exchange.declare hash x-consistent-hash
        1.1 exchange.declare same fanout
        1.1 queue.declare same
        1.1 queue.declare behind
        1.1 queue.bind behind same -
        1.1 queue.bind same hash 10
        1.1 exchange.bind same hash 10
        1.1 publish hash a one
        1.1 publish hash b two
        1.1 publish hash c three
        1.1 publish hash d four
        1.1 publish hash e five
        1.1 publish hash f six
        1.1 queue.declare same passive
        1.1 queue.declare behind passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare hash x-consistent-hash
                1.1 exchange.declare-ok
            1.1 exchange.declare same fanout
                1.1 exchange.declare-ok
            1.1 queue.declare same
                1.1 queue.declare-ok same 0 messages 0 consumers
            1.1 queue.declare behind
                1.1 queue.declare-ok behind 0 messages 0 consumers
            1.1 queue.bind behind same -
                1.1 queue.bind-ok
            1.1 queue.bind same hash 10
                1.1 queue.bind-ok
            1.1 exchange.bind same hash 10
                1.1 exchange.bind-ok
            1.1 publish hash a one
            1.1 publish hash b two
            1.1 publish hash c three
            1.1 publish hash d four
            1.1 publish hash e five
            1.1 publish hash f six
            1.1 queue.declare same passive
                1.1 queue.declare-ok same 3 messages 0 consumers
            1.1 queue.declare behind passive
                1.1 queue.declare-ok behind 3 messages 0 consumers
        "#]],
    );
}

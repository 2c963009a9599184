//! Time to live, of messages and of queues.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_message_lives_as_long_as_the_shorter_of_the_two_says() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q arg:x-message-ttl=500
        1.1 publish - q long expiration=60000
        1.1 publish - q short expiration=100
        wait 300ms
        1.1 queue.declare q passive
        wait 300ms
        1.1 queue.declare q passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-message-ttl=500
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q long expiration=60000
            1.1 publish - q short expiration=100
            wait 300ms
            1.1 queue.declare q passive
                1.1 queue.declare-ok q 1 messages 0 consumers
            wait 300ms
            1.1 queue.declare q passive
                1.1 queue.declare-ok q 0 messages 0 consumers
        "#]],
    );
}

#[test]
fn a_time_to_live_of_zero_is_now_or_never() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 publish - q never expiration=0
        1.1 queue.declare q passive
        1.1 consume q c no-ack
        1.1 publish - q now expiration=0
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q never expiration=0
            1.1 queue.declare q passive
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 consume q c no-ack
                1.1 basic.consume-ok c
            1.1 publish - q now expiration=0
                1.1 deliver c 1 - q "now" expiration="0"
        "#]],
    );
}

#[test]
fn what_is_held_does_not_expire_and_what_comes_back_may() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q arg:x-message-ttl=200
        1.1 publish - q hello
        1.1 get q
        wait 400ms
        1.1 nack 1 requeue
        1.1 get q
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-message-ttl=200
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q hello
            1.1 get q
                1.1 get-ok 1 - q "hello" (0 left)
            wait 400ms
            1.1 nack 1 requeue
            1.1 get q
                1.1 basic.get-empty
        "#]],
    );
}

#[test]
fn an_unused_queue_expires() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q arg:x-expires=2000
        1.1 publish - q hello
        wait 1s
        1.1 queue.declare q arg:x-expires=2000
        wait 1500ms
        1.1 get q no-ack
        wait 1500ms
        1.1 consume q c
        wait 3s
        1.1 cancel c
        wait 3s
        1.1 queue.declare q passive
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q arg:x-expires=2000
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q hello
            wait 1s
            1.1 queue.declare q arg:x-expires=2000
                1.1 queue.declare-ok q 1 messages 0 consumers
            wait 1500ms
            1.1 get q no-ack
                1.1 get-ok 1 - q "hello" (0 left)
            wait 1500ms
            1.1 consume q c
                1.1 basic.consume-ok c
            wait 3s
            1.1 cancel c
                1.1 basic.cancel-ok c
            wait 3s
            1.1 queue.declare q passive
                1.1 close channel 404 NOT_FOUND - no queue 'q' in vhost '/' (50, 10)
        "#]],
    );
}

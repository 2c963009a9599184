//! Direct reply-to: replies without a queue.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_reply_comes_straight_to_its_requester() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare requests
        1.1 consume amq.rabbitmq.reply-to r no-ack
        1.1 publish - requests question reply-to=amq.rabbitmq.reply-to correlation-id=7
        1.1 get requests no-ack
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare requests
                1.1 queue.declare-ok requests 0 messages 0 consumers
            1.1 consume amq.rabbitmq.reply-to r no-ack
                1.1 basic.consume-ok r
            1.1 publish - requests question reply-to=amq.rabbitmq.reply-to correlation-id=7
            1.1 get requests no-ack
                1.1 get-ok 1 - requests "question" reply-to=amq.rabbitmq.reply-to.* (0 left)
        "#]],
    );
}

#[test]
fn only_a_consumer_of_replies_may_ask() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare requests
        1.1 publish - requests question reply-to=amq.rabbitmq.reply-to
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare requests
                1.1 queue.declare-ok requests 0 messages 0 consumers
            1.1 publish - requests question reply-to=amq.rabbitmq.reply-to
                1.1 close channel 406 PRECONDITION_FAILED - fast reply consumer does not exist (60, 40)
        "#]],
    );
}

#[test]
fn replies_are_not_acknowledged() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 consume amq.rabbitmq.reply-to r
        1.1 closed
        1.1 open
        1.1 consume amq.rabbitmq.reply-to r no-ack
        1.1 consume amq.rabbitmq.reply-to s no-ack
        1.1 closed
        1.1 open
        1.1 consume amq.rabbitmq.reply-to r no-ack
        1.1 cancel r
        1.1 consume amq.rabbitmq.reply-to s no-ack
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 consume amq.rabbitmq.reply-to r
                1.1 close channel 406 PRECONDITION_FAILED - reply consumer cannot acknowledge (60, 20)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 consume amq.rabbitmq.reply-to r no-ack
                1.1 basic.consume-ok r
            1.1 consume amq.rabbitmq.reply-to s no-ack
                1.1 close channel 406 PRECONDITION_FAILED - reply consumer already set (60, 20)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 consume amq.rabbitmq.reply-to r no-ack
                1.1 basic.consume-ok r
            1.1 cancel r
                1.1 basic.cancel-ok r
            1.1 consume amq.rabbitmq.reply-to s no-ack
                1.1 basic.consume-ok s
        "#]],
    );
}

#[test]
fn the_reply_queue_is_not_bound_and_looks_declared() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare amq.rabbitmq.reply-to passive
        1.1 queue.declare amq.rabbitmq.reply-to
        1.1 queue.declare amq.rabbitmq.reply-to.missing passive
        1.1 closed
        1.1 open
        1.1 queue.bind amq.rabbitmq.reply-to amq.fanout k
        1.1 closed
        1.1 open
        1.1 publish - amq.rabbitmq.reply-to.missing lost mandatory
        1.1 publish - amq.rabbitmq.reply-to lost mandatory
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare amq.rabbitmq.reply-to passive
                1.1 queue.declare-ok amq.rabbitmq.reply-to 0 messages 1 consumers
            1.1 queue.declare amq.rabbitmq.reply-to
                1.1 queue.declare-ok amq.rabbitmq.reply-to 0 messages 1 consumers
            1.1 queue.declare amq.rabbitmq.reply-to.missing passive
                1.1 close channel 404 NOT_FOUND - no queue 'amq.rabbitmq.reply-to.missing' in vhost '/' (50, 10)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.bind amq.rabbitmq.reply-to amq.fanout k
                1.1 close channel 404 NOT_FOUND - no queue 'amq.rabbitmq.reply-to' in vhost '/' (50, 20)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 publish - amq.rabbitmq.reply-to.missing lost mandatory
                1.1 return 312 NO_ROUTE - amq.rabbitmq.reply-to.missing "lost"
            1.1 publish - amq.rabbitmq.reply-to lost mandatory
                1.1 return 312 NO_ROUTE - amq.rabbitmq.reply-to "lost"
        "#]],
    );
}

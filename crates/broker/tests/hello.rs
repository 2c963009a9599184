//! One message from a publisher to a consumer, and what every connection begins and ends with.

use crate::script::check;
use expect_test::expect;

#[test]
fn a_message_goes_from_publisher_to_consumer() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare q
        1.1 publish - q hello
        2 connect
        2.1 open
        2.1 consume q c
        2.1 ack 1
        2.1 close
        2 disconnect
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q hello
            2 connect
                2 opened
            2.1 open
                2.1 channel.open-ok
            2.1 consume q c
                2.1 basic.consume-ok c
                2.1 deliver c 1 - q "hello"
            2.1 ack 1
            2.1 close
                2.1 channel.close-ok
            2 disconnect
                2 closed
            view
                vhost '/'
                queue 'q' classic: 0 ready, 0 unacked, 0 consumers
        "#]],
    );
}

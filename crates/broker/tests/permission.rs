//! Permissions: who may do what.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_reader_only_reads() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare q
        1.1 queue.bind q amq.fanout -
        1.1 publish - q hello
        2 connect user=reader
        2.1 open
        2.1 queue.declare q passive
        2.1 get q no-ack
        2.1 consume q c
        2.1 queue.declare mine
        2.1 closed
        2.1 open
        2.1 queue.delete q
        2.1 closed
        2.1 open
        2.1 publish - q hello
        2.1 closed
        2.1 open
        2.1 publish amq.fanout - hello
        2.1 closed
        2.1 open
        2.1 queue.bind q amq.direct k
        2.1 closed
        2.1 open
        2.1 queue.unbind q amq.fanout -
        2.1 closed
        2.1 open
        2.1 exchange.declare x direct
        2.1 closed
        2.1 open
        2.1 exchange.delete x
        2.1 closed
        2.1 open
        2.1 exchange.bind amq.fanout amq.direct k
        2.1 closed
        2.1 open
        2.1 queue.purge q
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q amq.fanout -
                1.1 queue.bind-ok
            1.1 publish - q hello
            2 connect user=reader
                2 opened
            2.1 open
                2.1 channel.open-ok
            2.1 queue.declare q passive
                2.1 queue.declare-ok q 1 messages 0 consumers
            2.1 get q no-ack
                2.1 get-ok 1 - q "hello" (0 left)
            2.1 consume q c
                2.1 basic.consume-ok c
            2.1 queue.declare mine
                2.1 close channel 403 ACCESS_REFUSED - configure access to queue 'mine' in vhost '/' refused for user 'reader' (50, 10)
            2.1 closed
            2.1 open
                2.1 channel.open-ok
            2.1 queue.delete q
                2.1 close channel 403 ACCESS_REFUSED - configure access to queue 'q' in vhost '/' refused for user 'reader' (50, 40)
            2.1 closed
            2.1 open
                2.1 channel.open-ok
            2.1 publish - q hello
                2.1 close channel 403 ACCESS_REFUSED - write access to exchange 'amq.default' in vhost '/' refused for user 'reader' (60, 40)
            2.1 closed
            2.1 open
                2.1 channel.open-ok
            2.1 publish amq.fanout - hello
                2.1 close channel 403 ACCESS_REFUSED - write access to exchange 'amq.fanout' in vhost '/' refused for user 'reader' (60, 40)
            2.1 closed
            2.1 open
                2.1 channel.open-ok
            2.1 queue.bind q amq.direct k
                2.1 close channel 403 ACCESS_REFUSED - write access to queue 'q' in vhost '/' refused for user 'reader' (50, 20)
            2.1 closed
            2.1 open
                2.1 channel.open-ok
            2.1 queue.unbind q amq.fanout -
                2.1 close channel 403 ACCESS_REFUSED - write access to queue 'q' in vhost '/' refused for user 'reader' (50, 50)
            2.1 closed
            2.1 open
                2.1 channel.open-ok
            2.1 exchange.declare x direct
                2.1 close channel 403 ACCESS_REFUSED - configure access to exchange 'x' in vhost '/' refused for user 'reader' (40, 10)
            2.1 closed
            2.1 open
                2.1 channel.open-ok
            2.1 exchange.delete x
                2.1 close channel 403 ACCESS_REFUSED - configure access to exchange 'x' in vhost '/' refused for user 'reader' (40, 20)
            2.1 closed
            2.1 open
                2.1 channel.open-ok
            2.1 exchange.bind amq.fanout amq.direct k
                2.1 close channel 403 ACCESS_REFUSED - write access to exchange 'amq.fanout' in vhost '/' refused for user 'reader' (40, 30)
            2.1 closed
            2.1 open
                2.1 channel.open-ok
            2.1 queue.purge q
                2.1 queue.purge-ok 0 messages
        "#]],
    );
}

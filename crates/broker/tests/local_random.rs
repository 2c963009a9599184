//! Exchanges of type x-local-random.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_message_goes_to_one_of_the_queues() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-local-random
        1.1 queue.declare a
        1.1 queue.declare b
        1.1 queue.bind a x -
        1.1 queue.bind b x -
        1.1 publish x k one
        1.1 publish x k two
        1.1 publish x k three
        1.1 publish x k four
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-local-random
                1.1 exchange.declare-ok
            1.1 queue.declare a
                1.1 queue.declare-ok a 0 messages 0 consumers
            1.1 queue.declare b
                1.1 queue.declare-ok b 0 messages 0 consumers
            1.1 queue.bind a x -
                1.1 queue.bind-ok
            1.1 queue.bind b x -
                1.1 queue.bind-ok
            1.1 publish x k one
            1.1 publish x k two
            1.1 publish x k three
            1.1 publish x k four
            view
                vhost '/'
                  exchange 'x' x-local-random
                  binding 'x' -''-> queue 'a'
                  binding 'x' -''-> queue 'b'
                queue 'a' classic: 3 ready, 0 unacked, 0 consumers
                  "x" "k" "two"
                  "x" "k" "three"
                  "x" "k" "four"
                queue 'b' classic: 1 ready, 0 unacked, 0 consumers
                  "x" "k" "one"
        "#]],
    );
}

#[test]
fn only_classic_queues_without_a_key_are_bound() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x x-local-random
        1.1 queue.declare a
        1.1 queue.bind a x k
        1.2 open
        1.2 queue.declare b durable arg:x-queue-type=quorum
        1.2 queue.bind b x -
        1.3 open
        1.3 exchange.declare y fanout
        1.3 exchange.bind y x -
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x x-local-random
                1.1 exchange.declare-ok
            1.1 queue.declare a
                1.1 queue.declare-ok a 0 messages 0 consumers
            1.1 queue.bind a x k
                1.1 close channel 406 PRECONDITION_FAILED - Non empty binding 'k' key not permitted (50, 20)
            1.2 open
                1.2 channel.open-ok
            1.2 queue.declare b durable arg:x-queue-type=quorum
                1.2 queue.declare-ok b 0 messages 0 consumers
            1.2 queue.bind b x -
                1.2 close channel 406 PRECONDITION_FAILED - Queue type rabbit_quorum_queue not valid for this exchange type (50, 20)
            1.3 open
                1.3 channel.open-ok
            1.3 exchange.declare y fanout
                1.3 exchange.declare-ok
            1.3 exchange.bind y x -
                1.3 close channel 406 PRECONDITION_FAILED - Destination not found (40, 30)
        "#]],
    );
}

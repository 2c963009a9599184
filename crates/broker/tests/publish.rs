//! Publishing: the checks, in their order, and what the publisher is told.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_missing_exchange_closes_the_channel() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 publish missing k hello
        1.1 publish - q dropped
        1.1 closed
        1.1 open
        1.1 get q
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish missing k hello
                1.1 close channel 404 NOT_FOUND - no exchange 'missing' in vhost '/' (60, 40)
            1.1 publish - q dropped
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 get q
                1.1 basic.get-empty
        "#]],
    );
}

#[test]
fn mandatory_messages_come_back() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 publish - nowhere hello mandatory
        1.1 publish amq.topic a.b hello mandatory
        1.1 publish - nowhere hello
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 publish - nowhere hello mandatory
                1.1 return 312 NO_ROUTE - nowhere "hello"
            1.1 publish amq.topic a.b hello mandatory
                1.1 return 312 NO_ROUTE amq.topic a.b "hello"
            1.1 publish - nowhere hello
        "#]],
    );
}

#[test]
fn immediate_is_not_offered() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 publish - q hello immediate
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 publish - q hello immediate
                1 close connection 540 NOT_IMPLEMENTED - immediate=true (60, 40)
        "#]],
    );
}

#[test]
fn an_expiration_is_a_number() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 publish - q hello expiration=60000
        1.1 get q no-ack
        1.1 publish - q hello expiration=abc
        1.1 closed
        1.1 open
        1.1 publish - q hello expiration=5x
        1.1 closed
        1.1 open
        1.1 publish - q hello expiration=-1
        1.1 closed
        1.1 open
        1.1 publish - q hello expiration=315360000001
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q hello expiration=60000
            1.1 get q no-ack
                1.1 get-ok 1 - q "hello" expiration="60000" (0 left)
            1.1 publish - q hello expiration=abc
                1.1 close channel 406 PRECONDITION_FAILED - invalid expiration 'abc': no_integer (60, 40)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 publish - q hello expiration=5x
                1.1 close channel 406 PRECONDITION_FAILED - invalid expiration '5x': {leftover_string,"x"} (60, 40)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 publish - q hello expiration=-1
                1.1 close channel 406 PRECONDITION_FAILED - invalid expiration '-1': {value_negative,-1} (60, 40)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 publish - q hello expiration=315360000001
                1.1 close channel 406 PRECONDITION_FAILED - invalid expiration '315360000001': {value_too_large,315360000001} (60, 40)
        "#]],
    );
}

#[test]
fn a_user_id_is_ones_own() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 publish - q hello user-id=guest
        1.1 get q no-ack
        1.1 publish - q hello user-id=somebody
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q hello user-id=guest
            1.1 get q no-ack
                1.1 get-ok 1 - q "hello" (0 left)
            1.1 publish - q hello user-id=somebody
                1.1 close channel 406 PRECONDITION_FAILED - user_id property set to 'somebody' but authenticated user was 'guest' (60, 40)
        "#]],
    );
}

#[test]
fn cc_and_bcc_are_more_keys() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare a
        1.1 queue.declare b
        1.1 queue.declare c
        1.1 publish - a hello h:CC=a!b,a h:BCC=a!c
        1.1 get a no-ack
        1.1 get a no-ack
        1.1 get b no-ack
        1.1 get c no-ack
        1.1 publish - a hello h:CC=b
        1.1 closed
        1.1 open
        1.1 publish - a hello h:BCC=5
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
            1.1 publish - a hello h:CC=a!b,a h:BCC=a!c
            1.1 get a no-ack
                1.1 get-ok 1 - a "hello" {"CC": ["b", "a"]} (0 left)
            1.1 get a no-ack
                1.1 basic.get-empty
            1.1 get b no-ack
                1.1 get-ok 2 - a "hello" {"CC": ["b", "a"]} (0 left)
            1.1 get c no-ack
                1.1 get-ok 3 - a "hello" {"CC": ["b", "a"]} (0 left)
            1.1 publish - a hello h:CC=b
                1.1 close channel 406 PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,"CC",longstr} (60, 40)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 publish - a hello h:BCC=5
                1.1 close channel 406 PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,"BCC",signedint} (60, 40)
        "#]],
    );
}

#[test]
fn fanout_and_topic_and_headers() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare a
        1.1 queue.declare b
        1.1 queue.bind a amq.fanout -
        1.1 queue.bind b amq.fanout ignored
        1.1 publish amq.fanout k all
        1.1 get a no-ack
        1.1 get b no-ack
        1.1 queue.bind a amq.topic *.x.#
        1.1 queue.bind b amq.topic #
        1.1 publish amq.topic q.x one
        1.1 publish amq.topic q.y two
        1.1 get a no-ack
        1.1 get a no-ack
        1.1 get b no-ack
        1.1 get b no-ack
        1.1 queue.bind a amq.headers - arg:x-match=all arg:colour=red arg:size=5
        1.1 queue.bind b amq.headers - arg:x-match=any arg:colour=red arg:size=5
        1.1 publish amq.headers - hello h:colour=red h:size=5
        1.1 publish amq.headers - hello h:colour=red
        1.1 publish amq.headers - hello h:size=s!5 mandatory
        1.1 get a no-ack
        1.1 get a no-ack
        1.1 get b no-ack
        1.1 get b no-ack
        1.1 queue.bind a amq.headers - arg:x-match=some
        1.1 closed
        1.1 open
        1.1 queue.bind a amq.headers - arg:x-match=5
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
            1.1 queue.bind a amq.fanout -
                1.1 queue.bind-ok
            1.1 queue.bind b amq.fanout ignored
                1.1 queue.bind-ok
            1.1 publish amq.fanout k all
            1.1 get a no-ack
                1.1 get-ok 1 amq.fanout k "all" (0 left)
            1.1 get b no-ack
                1.1 get-ok 2 amq.fanout k "all" (0 left)
            1.1 queue.bind a amq.topic *.x.#
                1.1 queue.bind-ok
            1.1 queue.bind b amq.topic #
                1.1 queue.bind-ok
            1.1 publish amq.topic q.x one
            1.1 publish amq.topic q.y two
            1.1 get a no-ack
                1.1 get-ok 3 amq.topic q.x "one" (0 left)
            1.1 get a no-ack
                1.1 basic.get-empty
            1.1 get b no-ack
                1.1 get-ok 4 amq.topic q.x "one" (1 left)
            1.1 get b no-ack
                1.1 get-ok 5 amq.topic q.y "two" (0 left)
            1.1 queue.bind a amq.headers - arg:x-match=all arg:colour=red arg:size=5
                1.1 queue.bind-ok
            1.1 queue.bind b amq.headers - arg:x-match=any arg:colour=red arg:size=5
                1.1 queue.bind-ok
            1.1 publish amq.headers - hello h:colour=red h:size=5
            1.1 publish amq.headers - hello h:colour=red
            1.1 publish amq.headers - hello h:size=s!5 mandatory
                1.1 return 312 NO_ROUTE amq.headers - "hello" {"size": "5"}
            1.1 get a no-ack
                1.1 get-ok 6 amq.headers - "hello" {"colour": "red", "size": 5i32} (0 left)
            1.1 get a no-ack
                1.1 basic.get-empty
            1.1 get b no-ack
                1.1 get-ok 7 amq.headers - "hello" {"colour": "red", "size": 5i32} (1 left)
            1.1 get b no-ack
                1.1 get-ok 8 amq.headers - "hello" {"colour": "red"} (0 left)
            1.1 queue.bind a amq.headers - arg:x-match=some
                1.1 close channel 406 PRECONDITION_FAILED - Invalid x-match field value <<"some">>; expected all, any, all-with-x, or any-with-x (50, 20)
            1.1 closed
            1.1 open
                1.1 channel.open-ok
            1.1 queue.bind a amq.headers - arg:x-match=5
                1.1 close channel 406 PRECONDITION_FAILED - Invalid x-match field type signedint (value 5); expected longstr (50, 20)
        "#]],
    );
}

#[test]
fn each_queue_gets_a_message_once() {
    check(
        "
        1 connect
        1.1 open
        
        1.1 queue.declare q
        1.1 queue.bind q amq.topic a.*
        1.1 queue.bind q amq.topic *.b
        1.1 queue.bind q amq.topic a.* arg:extra=1
        1.1 publish amq.topic a.b once
        1.1 get q no-ack
        1.1 get q no-ack
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q amq.topic a.*
                1.1 queue.bind-ok
            1.1 queue.bind q amq.topic *.b
                1.1 queue.bind-ok
            1.1 queue.bind q amq.topic a.* arg:extra=1
                1.1 queue.bind-ok
            1.1 publish amq.topic a.b once
            1.1 get q no-ack
                1.1 get-ok 1 amq.topic a.b "once" (0 left)
            1.1 get q no-ack
                1.1 basic.get-empty
        "#]],
    );
}

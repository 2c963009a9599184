//! What survives a restart, and that nothing else does.

use expect_test::expect;

use warrener_broker::{Command, Config, Json, Object, ParameterDefinition, PolicyDefinition};

use crate::script::{World, check, parse_name};

#[test]
fn durable_things_come_back_and_others_do_not() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare gone direct
        1.1 exchange.declare kept topic durable auto-delete
        1.1 exchange.declare other fanout durable internal arg:alternate-exchange=kept
        1.1 exchange.bind other kept #
        1.1 queue.declare q durable arg:x-max-length=3
        1.1 queue.declare transient
        1.1 queue.declare mine durable exclusive
        1.1 queue.bind q kept a.* arg:extra=1
        1.1 queue.bind q gone k
        1.1 queue.bind transient kept b
        1.1 publish kept a.b persistent persistent
        1.1 publish kept a.b transient
        1.1 publish - transient lost persistent
        restart
        view
        1 connect
        1.1 open
        1.1 queue.declare q durable arg:x-max-length=3
        1.1 exchange.declare kept topic durable auto-delete
        1.1 get q
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare gone direct
                1.1 exchange.declare-ok
            1.1 exchange.declare kept topic durable auto-delete
                1.1 exchange.declare-ok
            1.1 exchange.declare other fanout durable internal arg:alternate-exchange=kept
                1.1 exchange.declare-ok
            1.1 exchange.bind other kept #
                1.1 exchange.bind-ok
            1.1 queue.declare q durable arg:x-max-length=3
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.declare transient
                1.1 queue.declare-ok transient 0 messages 0 consumers
            1.1 queue.declare mine durable exclusive
                1.1 queue.declare-ok mine 0 messages 0 consumers
            1.1 queue.bind q kept a.* arg:extra=1
                1.1 queue.bind-ok
            1.1 queue.bind q gone k
                1.1 queue.bind-ok
            1.1 queue.bind transient kept b
                1.1 queue.bind-ok
            1.1 publish kept a.b persistent persistent
            1.1 publish kept a.b transient
            1.1 publish - transient lost persistent
            restart
            view
                vhost '/'
                  exchange 'kept' topic durable auto-delete
                  binding 'kept' -'#'-> exchange 'other'
                  binding 'kept' -'a.*'-> queue 'q'
                  exchange 'other' fanout durable internal
                queue 'q' classic durable: 1 ready, 0 unacked, 0 consumers
                  "kept" "a.b" "persistent"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q durable arg:x-max-length=3
                1.1 queue.declare-ok q 1 messages 0 consumers
            1.1 exchange.declare kept topic durable auto-delete
                1.1 exchange.declare-ok
            1.1 get q
                1.1 get-ok 1 kept a.b "persistent" (0 left) redelivered
        "#]],
    );
}

#[test]
fn what_was_deleted_stays_away() {
    check(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x direct durable
        1.1 queue.declare q durable
        1.1 queue.declare other durable
        1.1 queue.bind q x k
        1.1 queue.bind other x k
        1.1 publish x k one persistent
        1.1 queue.unbind other x k
        1.1 queue.delete q
        1.1 queue.declare q durable
        restart
        view
        1 connect
        1.1 open
        1.1 exchange.delete x
        1.1 queue.purge other
        restart
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.declare x direct durable
                1.1 exchange.declare-ok
            1.1 queue.declare q durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.declare other durable
                1.1 queue.declare-ok other 0 messages 0 consumers
            1.1 queue.bind q x k
                1.1 queue.bind-ok
            1.1 queue.bind other x k
                1.1 queue.bind-ok
            1.1 publish x k one persistent
            1.1 queue.unbind other x k
                1.1 queue.unbind-ok
            1.1 queue.delete q
                1.1 queue.delete-ok 1 messages
            1.1 queue.declare q durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            restart
            view
                vhost '/'
                  exchange 'x' direct durable
                queue 'other' classic durable: 1 ready, 0 unacked, 0 consumers
                  "x" "k" "one"
                queue 'q' classic durable: 0 ready, 0 unacked, 0 consumers
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 exchange.delete x
                1.1 exchange.delete-ok
            1.1 queue.purge other
                1.1 queue.purge-ok 1 messages
            restart
            view
                vhost '/'
                queue 'other' classic durable: 0 ready, 0 unacked, 0 consumers
                queue 'q' classic durable: 0 ready, 0 unacked, 0 consumers
        "#]],
    );
}

#[test]
fn a_message_in_two_queues_is_written_once_and_leaves_each_for_itself() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare a durable
        1.1 queue.declare b durable
        1.1 queue.bind a amq.fanout -
        1.1 queue.bind b amq.fanout -
        disk shown
        1.1 publish amq.fanout - one persistent
        1.1 get a no-ack
        restart
        view
        1 connect
        1.1 open
        1.1 get b no-ack
        restart
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare a durable
                1.1 queue.declare-ok a 0 messages 0 consumers
            1.1 queue.declare b durable
                1.1 queue.declare-ok b 0 messages 0 consumers
            1.1 queue.bind a amq.fanout -
                1.1 queue.bind-ok
            1.1 queue.bind b amq.fanout -
                1.1 queue.bind-ok
            disk shown
            1.1 publish amq.fanout - one persistent
                disk + 5
            1.1 get a no-ack
                1.1 get-ok 1 amq.fanout - "one" (0 left)
                disk + 6
            restart
            view
                vhost '/'
                  binding 'amq.fanout' -''-> queue 'a'
                  binding 'amq.fanout' -''-> queue 'b'
                queue 'a' classic durable: 0 ready, 0 unacked, 0 consumers
                queue 'b' classic durable: 1 ready, 0 unacked, 0 consumers
                  "amq.fanout" "" "one"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 get b no-ack
                1.1 get-ok 1 amq.fanout - "one" (0 left) redelivered
                disk - 5
            restart
            view
                vhost '/'
                  binding 'amq.fanout' -''-> queue 'a'
                  binding 'amq.fanout' -''-> queue 'b'
                queue 'a' classic durable: 0 ready, 0 unacked, 0 consumers
                queue 'b' classic durable: 0 ready, 0 unacked, 0 consumers
        "#]],
    );
}

#[test]
fn a_dead_letter_is_one_fact() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare grave durable
        1.1 queue.declare copy durable
        1.1 queue.declare q durable arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
        1.1 queue.bind q amq.fanout -
        1.1 queue.bind copy amq.fanout -
        disk shown
        1.1 publish amq.fanout - one persistent
        1.1 get q
        1.1 reject 1
        restart
        view
        1 connect
        1.1 open
        1.1 get grave no-ack
        restart
        view
        1 connect
        1.1 open
        1.1 get copy no-ack
        restart
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare grave durable
                1.1 queue.declare-ok grave 0 messages 0 consumers
            1.1 queue.declare copy durable
                1.1 queue.declare-ok copy 0 messages 0 consumers
            1.1 queue.declare q durable arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 queue.bind q amq.fanout -
                1.1 queue.bind-ok
            1.1 queue.bind copy amq.fanout -
                1.1 queue.bind-ok
            disk shown
            1.1 publish amq.fanout - one persistent
                disk + 6
            1.1 get q
                1.1 get-ok 1 amq.fanout - "one" (0 left)
            1.1 reject 1
                disk + 7
            restart
            view
                vhost '/'
                  binding 'amq.fanout' -''-> queue 'copy'
                  binding 'amq.fanout' -''-> queue 'q'
                queue 'copy' classic durable: 1 ready, 0 unacked, 0 consumers
                  "amq.fanout" "" "one"
                queue 'grave' classic durable: 1 ready, 0 unacked, 0 consumers
                  "" "grave" "one"
                queue 'q' classic durable: 0 ready, 0 unacked, 0 consumers
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 get grave no-ack
                1.1 get-ok 1 - grave "one" {"x-death": [{"count": 1i64, "reason": "rejected", "queue": "q", "time": timestamp(1000), "exchange": "amq.fanout", "routing-keys": [""]}], "x-first-death-exchange": "amq.fanout", "x-first-death-queue": "q", "x-first-death-reason": "rejected", "x-last-death-exchange": "amq.fanout", "x-last-death-queue": "q", "x-last-death-reason": "rejected"} (0 left) redelivered
                disk + 8
                disk - 7
            restart
            view
                vhost '/'
                  binding 'amq.fanout' -''-> queue 'copy'
                  binding 'amq.fanout' -''-> queue 'q'
                queue 'copy' classic durable: 1 ready, 0 unacked, 0 consumers
                  "amq.fanout" "" "one"
                queue 'grave' classic durable: 0 ready, 0 unacked, 0 consumers
                queue 'q' classic durable: 0 ready, 0 unacked, 0 consumers
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 get copy no-ack
                1.1 get-ok 1 amq.fanout - "one" (0 left) redelivered
                disk - 6
            restart
            view
                vhost '/'
                  binding 'amq.fanout' -''-> queue 'copy'
                  binding 'amq.fanout' -''-> queue 'q'
                queue 'copy' classic durable: 0 ready, 0 unacked, 0 consumers
                queue 'grave' classic durable: 0 ready, 0 unacked, 0 consumers
                queue 'q' classic durable: 0 ready, 0 unacked, 0 consumers
        "#]],
    );
}

#[test]
fn a_history_of_deaths_survives() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare retry durable arg:x-message-ttl=1000 arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=q
        1.1 queue.declare q durable arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=retry
        1.1 publish - q hello persistent
        1.1 get q
        1.1 reject 1
        restart
        wait 2s
        1 connect
        1.1 open
        1.1 get q
        1.1 reject 1
        restart
        wait 2s
        1 connect
        1.1 open
        1.1 get q
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare retry durable arg:x-message-ttl=1000 arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=q
                1.1 queue.declare-ok retry 0 messages 0 consumers
            1.1 queue.declare q durable arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=retry
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q hello persistent
            1.1 get q
                1.1 get-ok 1 - q "hello" (0 left)
            1.1 reject 1
            restart
            wait 2s
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 get q
                1.1 get-ok 1 - q "hello" {"x-death": [{"count": 1i64, "reason": "expired", "queue": "retry", "time": timestamp(1001), "exchange": "", "routing-keys": ["retry"]}, {"count": 1i64, "reason": "rejected", "queue": "q", "time": timestamp(1000), "exchange": "", "routing-keys": ["q"]}], "x-first-death-exchange": "", "x-first-death-queue": "q", "x-first-death-reason": "rejected", "x-last-death-exchange": "", "x-last-death-queue": "retry", "x-last-death-reason": "expired"} (0 left) redelivered
            1.1 reject 1
            restart
            wait 2s
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 get q
                1.1 get-ok 1 - q "hello" {"x-death": [{"count": 2i64, "reason": "expired", "queue": "retry", "time": timestamp(1001), "exchange": "", "routing-keys": ["retry"]}, {"count": 2i64, "reason": "rejected", "queue": "q", "time": timestamp(1000), "exchange": "", "routing-keys": ["q"]}], "x-first-death-exchange": "", "x-first-death-queue": "q", "x-first-death-reason": "rejected", "x-last-death-exchange": "", "x-last-death-queue": "retry", "x-last-death-reason": "expired"} (0 left) redelivered
        "#]],
    );
}

#[test]
fn time_to_live_goes_on_while_the_broker_is_away() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare q durable
        1.1 publish - q short persistent expiration=1000
        1.1 publish - q long persistent expiration=60000
        wait 900ms
        restart
        wait 200ms
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q durable
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q short persistent expiration=1000
            1.1 publish - q long persistent expiration=60000
            wait 900ms
            restart
            wait 200ms
            view
                vhost '/'
                queue 'q' classic durable: 1 ready, 0 unacked, 0 consumers
                  "" "q" "long"
        "#]],
    );
}

#[test]
fn failures_are_remembered() {
    check(
        "
        1 connect
        1.1 open
        1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-delivery-limit=2
        1.1 publish - q hello
        1.1 get q
        1.1 reject 1 requeue
        restart
        1 connect
        1.1 open
        1.1 get q
        1.1 reject 1 requeue
        1.1 get q
        1.1 reject 2 requeue
        1.1 get q
        restart
        view
        ",
        expect![[r#"
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 queue.declare q durable arg:x-queue-type=quorum arg:x-delivery-limit=2
                1.1 queue.declare-ok q 0 messages 0 consumers
            1.1 publish - q hello
            1.1 get q
                1.1 get-ok 1 - q "hello" (0 left)
            1.1 reject 1 requeue
            restart
            1 connect
                1 opened
            1.1 open
                1.1 channel.open-ok
            1.1 get q
                1.1 get-ok 1 - q "hello" {"x-acquired-count": 1i64, "x-delivery-count": 1i64} (0 left) redelivered
            1.1 reject 1 requeue
            1.1 get q
                1.1 get-ok 2 - q "hello" {"x-acquired-count": 2i64, "x-delivery-count": 2i64} (0 left) redelivered
            1.1 reject 2 requeue
            1.1 get q
                1.1 basic.get-empty
            restart
            view
                vhost '/'
                queue 'q' quorum durable: 0 ready, 0 unacked, 0 consumers
        "#]],
    );
}

/// The configuration named the virtual host once, and names another one now.
#[test]
fn a_virtual_host_that_has_durable_things_stays_though_nobody_names_it_any_more() {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare q durable\n1.1 publish - q kept persistent");
    world.run("1.1 queue.bind q amq.direct k");
    world.obeyed(Command::SetPolicy(PolicyDefinition {
        vhost: parse_name("/"),
        name: parse_name("short"),
        pattern: "^q$".into(),
        apply_to: "queues".into(),
        definition: Object::new().with("max-length", 1_i64),
        ..PolicyDefinition::default()
    }));
    let mut told = String::new();
    let shop = |config: &mut Config| config.vhosts = vec![parse_name("shop")];
    world.restart_with(shop, &mut told);
    assert!(told.contains("vhost '/' is not the configuration's any more"), "{told}");
    let names = |world: &World| {
        let mut names: Vec<String> =
            world.broker.view().vhosts().map(ToString::to_string).collect();
        names.sort();
        names
    };
    assert_eq!(names(&world), ["/", "shop"]);
    // It is one of those that commands have made from now on: nothing is said of it again, and it can be deleted.
    told.clear();
    world.restart_with(shop, &mut told);
    assert!(!told.contains("configuration's"), "{told}");
    world.run("1 connect vhost=/\n1.1 open");
    world.run("1.1 publish amq.direct k newer persistent");
    let seen = world.run("1.1 get q no-ack\n1.1 get q no-ack");
    assert!(seen.contains("\"newer\"") && seen.contains("get-empty"), "its policy holds: {seen}");
    world.obeyed(Command::DeleteVhost(parse_name("/")));
    world.work(&mut told);
    world.restart_with(shop, &mut told);
    assert_eq!(names(&world), ["shop"]);
}

#[test]
fn a_right_or_a_parameter_in_a_virtual_host_that_nobody_names_any_more_stops_no_start() {
    let mut world = World::new();
    world.obeyed(Command::SetParameter(ParameterDefinition {
        vhost: parse_name("/"),
        component: parse_name("shovel"),
        name: parse_name("s"),
        value: Json::Integer(1),
        ..ParameterDefinition::default()
    }));
    let mut told = String::new();
    world.restart_with(|config| config.vhosts = vec![parse_name("shop")], &mut told);
    assert!(told.contains("vhost '/' is not the configuration's any more"), "{told}");
    assert_eq!(world.broker.view().vhosts().count(), 2);
}

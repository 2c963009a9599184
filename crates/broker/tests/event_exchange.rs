//! Events: what is declared, deleted, opened, closed and set.

use expect_test::expect;
use warrener_broker::{
    Command, Input, Json, Object, ParameterDefinition, PermissionDefinition, PolicyDefinition,
    TopicPermissionDefinition, UserDefinition, VhostDefinition,
};
use warrener_codec::{ShortStr, TableBuilder};

use crate::script::World;

const LISTEN: &str = "
    9 connect
    9.1 open
    9.1 queue.declare heard
    9.1 queue.bind heard amq.rabbitmq.event #
    9.1 consume heard c no-ack
";

fn listening() -> World {
    let mut world = World::new();
    let mut out = world.run(LISTEN);
    world.work(&mut out);
    world
}

/// What was heard of: each event's name and headers, but for the time.
fn heard(out: &str) -> String {
    let mut heard = String::new();
    for line in out.lines().map(str::trim) {
        let Some(at) = line.find("amq.rabbitmq.event ") else { continue };
        if !line.starts_with("9.1 deliver c") {
            continue;
        }
        let line = &line[at + "amq.rabbitmq.event ".len()..];
        assert!(line.contains("\"timestamp_in_ms\": 1000000i64"), "{line}");
        heard += &line.replace(", \"timestamp_in_ms\": 1000000i64", "").replace(" \"\" {", " {");
        heard.push('\n');
    }
    heard
}

fn name(text: &'static str) -> ShortStr {
    ShortStr::from_static(text)
}

#[test]
fn what_clients_do_is_told() {
    let mut world = listening();
    let mut out = world.run(
        "
        1 connect ends=a:1->b:2
        1.1 open
        1.1 queue.declare q durable arg:x-max-length=3
        1.1 exchange.declare x topic auto-delete
        1.1 queue.bind q x k.# arg:a=b
        1.1 consume q tag
        1.1 cancel tag
        1.1 consume q tag2 no-ack
        1.1 queue.delete q
        1.1 close
        1 leave
        ",
    );
    world.work(&mut out);
    expect![[r#"
        connection.created {"vhost": "/", "user_who_performed_action": "guest", "name": "a:1->b:2", "node": "warrener", "type": "network", "protocol": "{0,9,1}", "user": "guest", "auth_mechanism": "PLAIN", "frame_max": 131072i64, "channel_max": 0i64, "timeout": 0i64, "client_properties": []}
        channel.created {"vhost": "/", "user_who_performed_action": "guest", "name": "a:1->b:2 (1)", "connection": "a:1->b:2", "number": 1i64, "user": "guest"}
        queue.created {"vhost": "/", "user_who_performed_action": "guest", "name": "q", "type": "rabbit_classic_queue", "durable": true, "auto_delete": false, "exclusive": false, "arguments": ["{<<\"x-max-length\">>,signedint,3}"], "leader": "warrener", "members": ["warrener"]}
        exchange.created {"vhost": "/", "user_who_performed_action": "guest", "name": "x", "type": "topic", "durable": false, "auto_delete": true, "internal": false, "arguments": []}
        binding.created {"vhost": "/", "user_who_performed_action": "guest", "source_name": "x", "source_kind": "exchange", "destination_name": "q", "destination_kind": "queue", "routing_key": "k.#", "arguments": ["{<<\"a\">>,longstr,<<\"b\">>}"]}
        consumer.created {"vhost": "/", "user_who_performed_action": "guest", "consumer_tag": "tag", "queue": "q", "channel": "a:1->b:2 (1)", "ack_required": true, "exclusive": false, "prefetch_count": 0i64, "arguments": []}
        consumer.deleted {"vhost": "/", "user_who_performed_action": "guest", "consumer_tag": "tag", "queue": "q", "channel": "a:1->b:2 (1)"}
        consumer.created {"vhost": "/", "user_who_performed_action": "guest", "consumer_tag": "tag2", "queue": "q", "channel": "a:1->b:2 (1)", "ack_required": false, "exclusive": false, "prefetch_count": 0i64, "arguments": []}
        queue.deleted {"vhost": "/", "user_who_performed_action": "guest", "name": "q", "type": "rabbit_classic_queue"}
        binding.deleted {"vhost": "/", "user_who_performed_action": "guest", "source_name": "x", "source_kind": "exchange", "destination_name": "q", "destination_kind": "queue", "routing_key": "k.#", "arguments": ["{<<\"a\">>,longstr,<<\"b\">>}"]}
        exchange.deleted {"vhost": "/", "user_who_performed_action": "guest", "name": "x"}
        channel.closed {"vhost": "/", "user_who_performed_action": "guest", "name": "a:1->b:2 (1)", "connection": "a:1->b:2", "number": 1i64, "user": "guest"}
        connection.closed {"vhost": "/", "user_who_performed_action": "guest", "name": "a:1->b:2", "node": "warrener"}
    "#]].assert_eq(&heard(&out));
}

#[test]
fn what_is_set_is_told_with_the_name_of_who_set_it() {
    let mut world = listening();
    let limits = || Object::new().with("max-queues", 5_i64);
    let policy = || PolicyDefinition {
        vhost: name("v"),
        name: name("p"),
        pattern: "^a".into(),
        apply_to: "queues".into(),
        definition: Object::new().with("max-length", 5_i64),
        priority: 1,
        ..Default::default()
    };
    let commands = [
        Command::SetVhost(VhostDefinition { name: name("v"), ..Default::default() }),
        Command::SetVhost(VhostDefinition { name: name("v"), ..Default::default() }),
        Command::SetUser(UserDefinition {
            name: name("ann"),
            tags: vec![name("monitoring")],
            ..Default::default()
        }),
        Command::SetUser(UserDefinition {
            name: name("ann"),
            limits: Object::new().with("max-channels", 5_i64),
            ..Default::default()
        }),
        Command::SetPermission(PermissionDefinition {
            user: name("ann"),
            vhost: name("v"),
            configure: "c".into(),
            write: "w".into(),
            read: "r".into(),
            ..Default::default()
        }),
        Command::SetTopicPermission(TopicPermissionDefinition {
            user: name("ann"),
            vhost: name("v"),
            exchange: name("amq.topic"),
            write: "w".into(),
            read: "r".into(),
            ..Default::default()
        }),
        Command::SetParameter(ParameterDefinition {
            vhost: name("v"),
            component: name("vhost-limits"),
            name: name("limits"),
            value: Json::Object(limits()),
            ..Default::default()
        }),
        Command::SetPolicy(policy()),
        Command::SetOperatorPolicy(policy()),
        Command::ClearPolicy { vhost: name("v"), name: name("p") },
        Command::ClearOperatorPolicy { vhost: name("v"), name: name("p") },
        Command::ClearTopicPermission { user: name("ann"), vhost: name("v"), exchange: None },
        Command::ClearPermission { user: name("ann"), vhost: name("v") },
        Command::ClearPermission { user: name("ann"), vhost: name("v") },
        Command::DeleteUser(name("ann")),
        Command::DeleteVhost(name("v")),
    ];
    let mut out = String::new();
    for command in commands {
        let command = Command::OnBehalf { user: name("root"), command: command.into() };
        out += &world.command(command).1;
    }
    expect![[r#"
        vhost.created {"user_who_performed_action": "root", "name": "v", "tracing": false}
        vhost.updated {"user_who_performed_action": "root", "name": "v", "tracing": false}
        user.created {"user_who_performed_action": "root", "name": "ann"}
        user.tags.set {"user_who_performed_action": "root", "name": "ann", "tags": ["monitoring"]}
        user.password.changed {"user_who_performed_action": "root", "name": "ann"}
        user.tags.set {"user_who_performed_action": "root", "name": "ann", "tags": []}
        user.limits.set {"user_who_performed_action": "root", "name": "limits", "username": "ann", "max-channels": 5i64}
        permission.created {"vhost": "v", "user_who_performed_action": "root", "user": "ann", "configure": "c", "write": "w", "read": "r"}
        topic.permission.created {"vhost": "v", "user_who_performed_action": "root", "user": "ann", "exchange": "amq.topic", "write": "w", "read": "r"}
        parameter.set {"vhost": "v", "user_who_performed_action": "root", "component": "vhost-limits", "name": "limits", "value": {"max-queues": 5i64}}
        vhost.limits.set {"vhost": "v", "user_who_performed_action": "root", "name": "limits", "max-queues": 5i64}
        policy.set {"vhost": "v", "user_who_performed_action": "root", "name": "p", "pattern": "^a", "apply-to": "queues", "priority": 1i64, "definition": {"max-length": 5i64}}
        policy.set {"vhost": "v", "user_who_performed_action": "root", "name": "p", "pattern": "^a", "apply-to": "queues", "priority": 1i64, "definition": {"max-length": 5i64}}
        policy.cleared {"vhost": "v", "user_who_performed_action": "root", "name": "p"}
        operator.policy.cleared {"vhost": "v", "user_who_performed_action": "root", "name": "p"}
        topic.permission.deleted {"vhost": "v", "user_who_performed_action": "root", "user": "ann"}
        permission.deleted {"vhost": "v", "user_who_performed_action": "root", "user": "ann"}
        user.deleted {"user_who_performed_action": "root", "name": "ann"}
        vhost.deleted {"user_who_performed_action": "root", "name": "v"}
    "#]].assert_eq(&heard(&out));
}

#[test]
fn a_queue_is_told_of_when_other_policies_apply_to_it() {
    let mut world = listening();
    world.run("1 connect\n1.1 open\n1.1 queue.declare q");
    let policy = PolicyDefinition {
        vhost: name("/"),
        name: name("p"),
        pattern: "^q$".into(),
        apply_to: "queues".into(),
        definition: Object::new().with("max-length", 5_i64),
        ..Default::default()
    };
    let set = world.command(Command::SetPolicy(policy)).1;
    let cleared = world.command(Command::ClearPolicy { vhost: name("/"), name: name("p") }).1;
    let told = |out: &str, name| heard(out).lines().any(|line| line.starts_with(name));
    assert!(told(&set, "queue.policy.updated"), "{set}");
    assert!(told(&cleared, "queue.policy.cleared"), "{cleared}");
}

#[test]
fn what_the_host_has_seen_is_told_as_it_says() {
    let mut world = listening();
    let said = TableBuilder::new().with("name", "ann").with("error", "no").build().unwrap();
    let mut out = String::new();
    world.handle(Input::Event("user.authentication.failure", said.into()), &mut out);
    world.work(&mut out);
    let expected = "user.authentication.failure {\"name\": \"ann\", \"error\": \"no\"}\n";
    assert_eq!(heard(&out), expected);
}

#[test]
fn a_durable_queue_keeps_events_over_a_restart_and_hears_of_none_before_it_listens() {
    let mut world = World::new();
    let mut out = world.run(
        "
        1 connect ends=a:1->b:2
        1.1 open
        1.1 queue.declare before
        1.1 queue.declare kept durable
        1.1 queue.bind kept amq.rabbitmq.event queue.*
        1.1 queue.declare after
        ",
    );
    world.work(&mut out);
    world.run("restart");
    let out = world.run("1 connect\n1.1 open\n1.1 get kept no-ack\n1.1 get kept no-ack");
    assert_eq!(out.matches("get-ok").count(), 1, "{out}");
    assert!(out.contains("queue.created") && out.contains("\"name\": \"after\""), "{out}");
}

#[test]
fn the_exchange_is_in_the_first_virtual_host_only_and_nobody_publishes_to_it() {
    let mut world = World::new();
    world.obeyed(Command::SetVhost(VhostDefinition { name: name("v"), ..Default::default() }));
    let out = world.run(
        "
        1 connect ends=a:1->b:2
        1.1 open
        1.1 publish amq.rabbitmq.event k one
        2 connect vhost=v
        ",
    );
    assert!(out.contains("cannot publish to internal exchange 'amq.rabbitmq.event'"), "{out}");
    assert!(
        world
            .broker
            .view()
            .exchange_slice(warrener_broker::Cursor::default(), 100)
            .things
            .iter()
            .all(|own| {
                own.name.as_bytes() != b"amq.rabbitmq.event" || own.vhost.as_bytes() == b"/"
            })
    );
}

//! The table of rights: every method, every right it takes, every resource it touches; each cell is tried.
//!
//! With exactly the rights of its row a method is obeyed. With every right on everything but one cell of its row, it is
//! refused, and says which right on what is missing.

use warrener_broker::{Command, PermissionDefinition, TopicPermissionDefinition, UserDefinition};

use crate::script::{World, parse_name as short};

/// A right on a name: `configure`, `write`, `read`; or any one of them.
type Need = (&'static str, &'static str);

/// What a method line takes, on which queues and exchanges. Topics are in a table of their own.
const ROWS: &[(&str, &[Need])] = &[
    ("exchange.declare new direct", &[("configure", "exchange new")]),
    ("exchange.declare x direct", &[("configure", "exchange x")]),
    ("exchange.declare x direct passive", &[("any", "exchange x")]),
    (
        "exchange.declare new direct arg:alternate-exchange=other",
        &[("configure", "exchange new"), ("read", "exchange new"), ("write", "exchange other")],
    ),
    ("exchange.delete x", &[("configure", "exchange x")]),
    ("exchange.delete missing", &[("configure", "exchange missing")]),
    ("exchange.bind y x key", &[("write", "exchange y"), ("read", "exchange x")]),
    ("exchange.unbind y x key", &[("write", "exchange y"), ("read", "exchange x")]),
    ("queue.declare new", &[("configure", "queue new")]),
    ("queue.declare q", &[("configure", "queue q")]),
    ("queue.declare q passive", &[("any", "queue q")]),
    (
        "queue.declare new arg:x-dead-letter-exchange=other",
        &[("configure", "queue new"), ("read", "queue new"), ("write", "exchange other")],
    ),
    ("queue.delete q", &[("configure", "queue q")]),
    ("queue.delete missing", &[("configure", "queue missing")]),
    ("queue.purge q", &[("read", "queue q")]),
    ("queue.bind q x key", &[("write", "queue q"), ("read", "exchange x")]),
    ("queue.unbind q x key", &[("write", "queue q"), ("read", "exchange x")]),
    ("publish x key body", &[("write", "exchange x")]),
    ("publish - q body", &[("write", "exchange amq.default")]),
    ("publish missing key body", &[("write", "exchange missing")]),
    ("get q", &[("read", "queue q")]),
    ("consume q c", &[("read", "queue q")]),
    ("consume amq.rabbitmq.reply-to r no-ack", &[]),
    ("publish - amq.rabbitmq.reply-to.nobody body", &[("write", "exchange amq.default")]),
    ("publish x key body h:CC=a!q", &[("write", "exchange x")]),
    ("cancel c", &[]),
    ("ack 1", &[]),
    ("ack 0 multiple", &[]),
    ("nack 0 multiple requeue", &[]),
    ("reject 1", &[]),
    ("qos 5", &[]),
    ("recover", &[]),
    ("flow off", &[]),
    ("confirm.select", &[]),
    ("tx.select", &[]),
    ("tx.commit", &[]),
    ("tx.rollback", &[]),
    ("access.request", &[]),
];

/// What is there before: exchanges `x`, `y` and `other`, the topic exchange `t`, the queue `q`.
fn world() -> World {
    let mut world = World::new();
    world.run(
        "
        1 connect
        1.1 open
        1.1 exchange.declare x direct
        1.1 exchange.declare y fanout
        1.1 exchange.declare other fanout
        1.1 exchange.declare t topic
        1.1 queue.declare q
        1.1 queue.bind q x key
        1.1 queue.bind q t a.b
        ",
    );
    let user = UserDefinition { name: short("ann"), ..UserDefinition::default() };
    world.obeyed(Command::SetUser(user));
    world
}

fn allow(world: &mut World, [configure, write, read]: [String; 3]) {
    world.obeyed(Command::SetPermission(PermissionDefinition {
        user: short("ann"),
        vhost: short("/"),
        configure: configure.into(),
        write: write.into(),
        read: read.into(),
        ..PermissionDefinition::default()
    }));
}

/// What the broker says to a method of a user with these patterns.
fn answer(patterns: [String; 3], method: &str) -> String {
    let mut world = world();
    allow(&mut world, patterns);
    world.run("2 connect user=ann\n2.1 open");
    world.run(&format!("2.1 {method}"))
}

const RIGHTS: [&str; 3] = ["configure", "write", "read"];

fn name(resource: &str) -> String {
    let (_, name) = resource.split_once(' ').expect("a kind and a name");
    name.replace('.', "\\.")
}

/// Exactly these rights.
fn exactly(needs: &[Need]) -> [String; 3] {
    RIGHTS.map(|right| {
        let is_meant = |need: &&Need| need.0 == right || (need.0 == "any" && right == "read");
        let names: Vec<String> = needs.iter().filter(is_meant).map(|need| name(need.1)).collect();
        if names.is_empty() { String::new() } else { format!("^(?:{})$", names.join("|")) }
    })
}

/// Everything but this.
fn all_but((right, resource): Need) -> [String; 3] {
    let but = format!("^(?!{}$)", name(resource));
    RIGHTS.map(|own| if own == right || right == "any" { but.clone() } else { ".*".to_owned() })
}

#[test]
fn with_its_rights_and_no_others_every_method_is_obeyed() {
    for (method, needs) in ROWS {
        let answer = answer(exactly(needs), method);
        assert!(!answer.contains("ACCESS_REFUSED"), "{answer}");
    }
}

#[test]
fn without_any_one_of_its_rights_every_method_is_refused() {
    for (method, needs) in ROWS {
        for need in *needs {
            let (right, resource) = *need;
            let (kind, name) = resource.split_once(' ').expect("a kind and a name");
            let right = if right == "any" { "configure" } else { right };
            let refusal = format!(
                "close channel 403 ACCESS_REFUSED - {right} access to {kind} '{name}' in vhost '/' refused for user 'ann'"
            );
            let answer = answer(all_but(*need), method);
            assert!(answer.contains(&refusal), "{refusal}\n{answer}");
        }
    }
}

#[test]
fn a_queue_that_the_broker_names_takes_the_right_to_that_name() {
    let patterns = |configure: &str| [configure.to_owned(), String::new(), String::new()];
    let refused = answer(patterns("^(?!amq\\.)"), "queue.declare -");
    assert!(
        refused.contains("403 ACCESS_REFUSED - configure access to queue 'amq.gen-"),
        "{refused}"
    );
    assert!(answer(patterns("^amq\\.gen-"), "queue.declare -").contains("declare-ok amq.gen-"));
}

#[test]
fn a_refused_method_changes_nothing() {
    for (method, needs) in ROWS {
        for need in *needs {
            let mut world = world();
            allow(&mut world, all_but(*need));
            world.run("2 connect user=ann\n2.1 open");
            let before = world.broker.view().to_string();
            world.run(&format!("2.1 {method}"));
            assert_eq!(world.broker.view().to_string(), before, "{method} without {need:?}");
        }
    }
}

/// Methods that route by key, the right they take on it, and whether this key is refused.
const TOPICS: &[(&str, Option<&str>)] = &[
    ("publish t a.b body", None),
    ("publish t b.b body", Some("write access to topic 'b.b'")),
    ("publish t a.b body h:CC=a!a.c,b.c", Some("write access to topic 'b.c'")),
    ("publish t a.b body h:BCC=a!b.c", Some("write access to topic 'b.c'")),
    ("publish x b.b body", None),
    ("publish - q body", None),
    ("queue.bind q t c.#", None),
    ("queue.bind q t b.#", Some("read access to topic 'b.#'")),
    ("queue.unbind q t b.#", Some("read access to topic 'b.#'")),
    ("queue.bind q x b.#", None),
    ("exchange.bind y t c.d", None),
    ("exchange.bind y t b.d", Some("read access to topic 'b.d'")),
    ("exchange.unbind y t b.d", Some("read access to topic 'b.d'")),
    ("exchange.bind t x b.d", None),
];

#[test]
fn routing_keys_of_a_topic_exchange_can_be_restricted() {
    for (method, refused) in TOPICS {
        let mut world = world();
        allow(&mut world, [".*", ".*", ".*"].map(str::to_owned));
        for exchange in ["t", "x"] {
            world.obeyed(Command::SetTopicPermission(TopicPermissionDefinition {
                user: short("ann"),
                vhost: short("/"),
                exchange: short(exchange),
                write: "^a\\.".into(),
                read: "^c\\.".into(),
                ..TopicPermissionDefinition::default()
            }));
        }
        world.run("2 connect user=ann\n2.1 open");
        let answer = world.run(&format!("2.1 {method}"));
        match refused {
            None => assert!(!answer.contains("ACCESS_REFUSED"), "{answer}"),
            Some(text) => {
                let text = format!("{text} in exchange 't' in vhost '/' refused for user 'ann'");
                assert!(answer.contains(&text), "{text}\n{answer}");
            }
        }
    }
}

#[test]
fn a_vhost_takes_an_entry_to_enter() {
    let mut world = world();
    let refused = "530 NOT_ALLOWED - access to vhost '/' refused for user 'ann'";
    assert!(world.run("2 connect user=ann").contains(refused));
    allow(&mut world, [String::new(), String::new(), String::new()]);
    assert!(world.run("3 connect user=ann").contains("opened"));
}

#[test]
fn only_a_tag_lets_a_user_speak_for_others() {
    for (tags, refused) in [(&[][..], true), (&["administrator"], true), (&["impersonator"], false)]
    {
        let mut world = world();
        let tags = tags.iter().map(|tag| short(tag)).collect();
        let user = UserDefinition { name: short("ann"), tags, ..UserDefinition::default() };
        world.obeyed(Command::SetUser(user));
        allow(&mut world, [".*", ".*", ".*"].map(str::to_owned));
        world.run("2 connect user=ann\n2.1 open");
        let answer = world.run("2.1 publish x key body user-id=guest");
        let text = "user_id property set to 'guest' but authenticated user was 'ann'";
        assert_eq!(answer.contains(text), refused, "{answer}");
        assert!(!world.run("2.2 open\n2.2 publish x key body user-id=ann").contains("close"));
    }
}

#[test]
fn what_is_taken_away_is_gone_with_the_next_method_and_consumers_are_cancelled() {
    let mut world = world();
    allow(&mut world, [".*", ".*", ".*"].map(str::to_owned));
    world.run(
        "
        2 connect user=ann
        2.1 open
        2.1 consume q c
        2.1 publish x other body
        3 connect
        3.1 open
        3.1 consume q guests
        ",
    );
    let permission = PermissionDefinition {
        user: short("ann"),
        vhost: short("/"),
        configure: ".*".into(),
        write: "".into(),
        read: "^other".into(),
        ..PermissionDefinition::default()
    };
    let (done, told) = world.command(Command::SetPermission(permission));
    assert!(done.is_ok());
    assert_eq!(told.matches("basic.cancel").count(), 1, "{told}");
    assert!(told.contains("2.1 basic.cancel c"), "{told}");
    assert!(world.run("2.1 publish x key body").contains("write access to exchange 'x'"));
    // What is given is there as soon.
    allow(&mut world, [".*", ".*", ".*"].map(str::to_owned));
    world.run("2.1 closed\n2.1 open");
    assert!(!world.run("2.1 publish x other body\n2.1 consume q again").contains("REFUSED"));
    let cleared = Command::ClearPermission { user: short("ann"), vhost: short("/") };
    let (_, told) = world.command(cleared);
    assert!(told.contains("2.1 basic.cancel again"), "{told}");
    assert!(world.run("2.1 get q").contains("read access to queue 'q'"));
    assert!(world.run("4 connect user=ann").contains("530 NOT_ALLOWED"));
}

#[test]
fn a_pattern_that_costs_too_much_refuses_and_is_reported() {
    let mut world = world();
    let evil = "^(?:(?=(a*))a){100}z";
    allow(&mut world, [".*".to_owned(), ".*".to_owned(), evil.to_owned()]);
    world.run("2 connect user=ann\n2.1 open");
    let queue = "a".repeat(250);
    let answer = world.run(&format!("2.1 queue.declare {queue}\n2.1 get {queue}"));
    assert!(answer.contains("403 ACCESS_REFUSED - read access to queue"), "{answer}");
    assert!(answer.contains(&format!("warning: read access to queue '{queue}'")), "{answer}");
    assert!(answer.contains(&format!("pattern '{evil}' takes too many steps")), "{answer}");
}

#[test]
fn a_pattern_that_is_none_is_refused_when_it_is_set() {
    let mut world = world();
    let permission = PermissionDefinition {
        user: short("ann"),
        vhost: short("/"),
        configure: "(".into(),
        ..PermissionDefinition::default()
    };
    let refused = world.refused(Command::SetPermission(permission));
    assert_eq!(refused, "invalid pattern '(': missing ) at offset 1");
    assert!(world.run("2 connect user=ann").contains("530"), "nothing was set");
}

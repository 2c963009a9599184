//! Definitions: what RabbitMQ exports is read, kept, put in force and told again.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;
use warrener_broker::{
    BindingDefinition, Command, Definitions, ExchangeDefinition, Imported, Json, Kind, Object,
    Outcome, PermissionDefinition, PolicyDefinition, QueueDefinition, UserDefinition,
    VhostDefinition,
};

use crate::script::{World, parse_name as short};

/// `GET /api/definitions` of a RabbitMQ 4.3.6, but for what it has without anybody's doing.
const CLUSTER: &str = include_str!("definitions/rabbitmq-4.3.json");
/// `GET /api/definitions/tenancy` of the same.
const VHOST: &str = include_str!("definitions/rabbitmq-4.3-vhost.json");

/// JSON into ours, without the feature that does it for users.
fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Json::Integer(number),
            None => Json::Real(number.as_f64().expect("a number")),
        },
        Value::String(text) => Json::from(text.as_str()),
        Value::Array(list) => Json::List(list.iter().map(json).collect()),
        Value::Object(object) => Json::Object(
            object.iter().map(|(name, value)| (name.as_str().into(), json(value))).collect(),
        ),
    }
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Integer(number) => Value::from(*number),
        Json::Real(number) => Value::from(*number),
        Json::Text(text) => Value::from(&**text),
        Json::List(list) => Value::Array(list.iter().map(value).collect()),
        Json::Object(object) => {
            Value::Object(object.iter().map(|(name, own)| (name.to_owned(), value(own))).collect())
        }
    }
}

fn parse(text: &str) -> Definitions {
    let file: Value = serde_json::from_str(text).expect("JSON");
    Definitions::from_json(json(&file)).expect("definitions")
}

fn import(world: &mut World, definitions: Definitions) -> Imported {
    let definitions = Box::new(definitions);
    match world.obeyed(Command::Import { definitions, vhost: None }) {
        Outcome::Imported(imported) => imported,
        other => panic!("{other:?}"),
    }
}

fn export(world: &mut World) -> Definitions {
    match world.obeyed(Command::Export { vhost: None }) {
        Outcome::Exported(definitions) => *definitions,
        other => panic!("{other:?}"),
    }
}

/// A section as RabbitMQ's JSON, sorted: neither side promises an order.
fn section(definitions: &Definitions, name: &str) -> Vec<String> {
    let all = value(&definitions.to_json());
    let list = all[name].as_array().expect("a list");
    let mut lines: Vec<String> = list.iter().map(Value::to_string).collect();
    lines.sort();
    lines
}

const SECTIONS: [&str; 10] = [
    "users",
    "vhosts",
    "permissions",
    "topic_permissions",
    "parameters",
    "global_parameters",
    "policies",
    "queues",
    "exchanges",
    "bindings",
];

#[test]
fn a_file_of_rabbitmq_is_read_and_written_without_loss() {
    for text in [CLUSTER, VHOST] {
        let file: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(value(&parse(text).to_json()), file);
    }
    assert!(parse(VHOST).is_of_one_vhost() && !parse(CLUSTER).is_of_one_vhost());
}

#[test]
fn a_file_of_rabbitmq_is_put_in_force_and_told_again() {
    let mut world = World::new();
    let file = parse(CLUSTER);
    let imported = import(&mut world, file.clone());
    assert_eq!((imported.taken, imported.problems), (file.len() as u64 - 1, imported_problem()));
    for round in 0..2 {
        let told = export(&mut world);
        for name in SECTIONS {
            let (had, has) = (section(&file, name), section(&told, name));
            // The broker has a user and a virtual host of its own, and internal exchanges are told here.
            let missing: Vec<_> = had.iter().filter(|line| !has.contains(line)).collect();
            let lost = missing.iter().filter(|line| !line.contains("\"inner\"")).count();
            assert_eq!(lost, 0, "round {round}, {name}: {missing:?}\nin {has:?}");
        }
        world.restart(&mut String::new());
    }
    // And it is in force.
    let answer =
        world.run("1 connect user=tenancy-ann vhost=tenancy\n1.1 open\n1.1 queue.declare bob.q");
    assert!(
        answer.contains("configure access to queue 'bob.q' in vhost 'tenancy' refused"),
        "{answer}"
    );
}

/// RabbitMQ does not tell of internal exchanges, but of their bindings.
fn imported_problem() -> Vec<warrener_broker::Problem> {
    let mut world = World::new();
    let imported = import(&mut world, parse(CLUSTER));
    let texts: Vec<String> =
        imported.problems.iter().map(|own| format!("{}: {}", own.what, own.error)).collect();
    assert_eq!(
        texts,
        ["binding of 'ann.quorum' in vhost 'tenancy': no exchange 'inner' in vhost 'tenancy'"],
    );
    imported.problems
}

#[test]
fn importing_twice_changes_nothing() {
    let mut world = World::new();
    import(&mut world, parse(CLUSTER));
    let (before, records) = (export(&mut world), world.records());
    import(&mut world, parse(CLUSTER));
    assert_eq!((export(&mut world), world.records()), (before, records));
}

#[test]
fn definitions_of_one_vhost_go_where_they_are_told() {
    let mut world = World::new();
    let (definitions, vhost) = (Box::new(parse(VHOST)), Some(short("/")));
    world.obeyed(Command::Import { definitions, vhost: vhost.clone() });
    let Outcome::Exported(told) = world.obeyed(Command::Export { vhost }) else { panic!() };
    for name in ["parameters", "policies", "queues", "exchanges"] {
        assert_eq!(section(&told, name), section(&parse(VHOST), name), "{name}");
    }
    let file = Box::new(parse(VHOST));
    let refused =
        world.refused(Command::Import { definitions: file, vhost: Some(short("nowhere")) });
    assert_eq!(refused, "vhost 'nowhere' not found");
}

#[test]
fn old_files_are_understood() {
    let old = r#"{"users":[{"name":"a","password_hash":"","tags":"administrator, monitoring"}],
        "policies":[{"vhost":"/","name":"p","pattern":".","definition":{"message-ttl":5},"priority":"3"}]}"#;
    let old = parse(old);
    assert_eq!(old.users[0].tags, [short("administrator"), short("monitoring")]);
    assert_eq!((old.policies[0].priority, &*old.policies[0].apply_to), (3, "all"));
    let wrong: Value =
        serde_json::from_str(r#"{"queues":[{"name":"q"},{"name":5}]}"#).expect("JSON");
    let error = Definitions::from_json(json(&wrong)).expect_err("a name is text");
    assert_eq!(error.to_string(), "queues[1]: name must be a string");
}

#[test]
fn what_is_refused_is_named_and_the_rest_is_taken() {
    let mut world = World::new();
    let file = r#"{"users":[{"name":"u","password_hash":""}],
        "permissions":[{"user":"u","vhost":"/","configure":"(","write":"","read":""}],
        "policies":[{"vhost":"/","name":"p","pattern":"[","definition":{"message-ttl":5}}],
        "queues":[{"vhost":"/","name":"q","durable":true,"arguments":{"x-message-ttl":-1}},
                  {"vhost":"/","name":"ok","durable":true,"arguments":{}},
                  {"vhost":"nowhere","name":"q","durable":true,"arguments":{}}]}"#;
    let imported = import(&mut world, parse(file));
    let whats: Vec<&str> = imported.problems.iter().map(|own| &*own.what).collect();
    assert_eq!(
        whats,
        [
            "permission of 'u' in vhost '/'",
            "policy 'p' in vhost '/'",
            "queue 'q' in vhost '/'",
            "queue 'q' in vhost 'nowhere'",
        ],
    );
    assert_eq!((imported.taken, imported.refused), (2, 4));
}

#[test]
fn unknown_parts_of_settings_come_back() {
    let mut world = World::new();
    let file = r#"{"users":[{"name":"u","password_hash":"","shoe_size":43}],
        "vhosts":[{"name":"v","colour":"red","metadata":{"description":"d","more":[1,null]}}],
        "extra_section":[1]}"#;
    let file = parse(file);
    assert_eq!(value(&file.to_json())["extra_section"], Value::from(vec![1]));
    import(&mut world, file);
    world.restart(&mut String::new());
    let told = value(&export(&mut world).to_json()).to_string();
    for part in ["\"shoe_size\":43", "\"colour\":\"red\"", "\"more\":[1,null]"] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

/// A plain model: what was said last about each name.
fn plain(definitions: &Definitions) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for name in SECTIONS {
        let file = value(&definitions.to_json());
        for item in file[name].as_array().expect("a list") {
            let part = |member: &str| item[member].to_string();
            let key = match name {
                "bindings" => item.to_string(),
                "permissions" => part("user") + &part("vhost"),
                _ => part("vhost") + &part("name"),
            };
            all.insert(format!("{name} {key}"), item.to_string());
        }
    }
    all
}

fn definitions() -> impl Strategy<Value = Definitions> {
    let name = || prop_oneof![Just("a"), Just("b"), Just("c")];
    let users = prop::collection::vec((name(), -1..3_i64), 0..3);
    let vhosts = prop::collection::vec((name(), any::<bool>()), 1..3);
    let queues = prop::collection::vec((name(), name()), 0..4);
    let exchanges = prop::collection::vec((name(), name()), 0..4);
    let bindings = prop::collection::vec((name(), name(), name()), 0..4);
    let policies = prop::collection::vec((name(), name(), 0..9_i64), 0..3);
    (users, vhosts, queues, exchanges, bindings, policies).prop_map(
        |(users, vhosts, queues, exchanges, bindings, policies)| {
            let mut all = Definitions::default();
            for (name, limit) in users {
                all.users.push(UserDefinition {
                    name: short(name),
                    hashing_algorithm: Some(short("rabbit_password_hashing_sha256")),
                    limits: Object::new().with("max-channels", limit),
                    ..UserDefinition::default()
                });
            }
            for (name, described) in vhosts {
                let description = if described { "one" } else { "other" };
                all.vhosts.push(VhostDefinition {
                    name: short(name),
                    metadata: Object::new().with("description", description),
                    ..VhostDefinition::default()
                });
            }
            for (user, vhost) in all.users.iter().zip(all.vhosts.iter().cycle()) {
                all.permissions.push(PermissionDefinition {
                    user: user.name.clone(),
                    vhost: vhost.name.clone(),
                    read: ".*".into(),
                    ..PermissionDefinition::default()
                });
            }
            for (vhost, name) in queues {
                all.queues.push(QueueDefinition {
                    vhost: short(vhost),
                    name: short(name),
                    durable: true,
                    others: Object::new().with("type", "classic"),
                    ..QueueDefinition::default()
                });
            }
            for (vhost, name) in exchanges {
                all.exchanges.push(ExchangeDefinition {
                    vhost: short(vhost),
                    name: short(name),
                    kind: short("topic"),
                    durable: true,
                    ..ExchangeDefinition::default()
                });
            }
            for (vhost, source, destination) in bindings {
                all.bindings.push(BindingDefinition {
                    vhost: short(vhost),
                    source: short(source),
                    destination: short(destination),
                    destination_type: Kind::Queue,
                    routing_key: short("#"),
                    arguments: Object::new(),
                    others: Object::new(),
                });
            }
            for (vhost, name, priority) in policies {
                all.policies.push(PolicyDefinition {
                    vhost: short(vhost),
                    name: short(name),
                    pattern: "^a".into(),
                    apply_to: "queues".into(),
                    definition: Object::new().with("max-length", 5_i64),
                    priority,
                    ..PolicyDefinition::default()
                });
            }
            all
        },
    )
}

/// What the model would not take: things in virtual hosts that are not there, and bindings without ends.
fn takes(definitions: &Definitions) -> Definitions {
    let mut all = definitions.clone();
    let vhosts: Vec<_> = all.vhosts.iter().map(|own| own.name.clone()).collect();
    all.queues.retain(|own| vhosts.contains(&own.vhost));
    all.exchanges.retain(|own| vhosts.contains(&own.vhost));
    all.policies.retain(|own| vhosts.contains(&own.vhost));
    let (queues, exchanges) = (all.queues.clone(), all.exchanges.clone());
    all.bindings.retain(|own| {
        let source =
            exchanges.iter().any(|end| (&end.vhost, &end.name) == (&own.vhost, &own.source));
        let ends =
            queues.iter().any(|end| (&end.vhost, &end.name) == (&own.vhost, &own.destination));
        source && ends
    });
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_is_imported_is_exported_before_and_after_a_restart(definitions in definitions()) {
        let mut world = World::new();
        let own = plain(&export(&mut world));
        let imported = import(&mut world, definitions.clone());
        let taken = takes(&definitions);
        prop_assert_eq!(imported.taken, taken.len() as u64);
        let mut expected = own;
        expected.extend(plain(&taken));
        prop_assert_eq!(&plain(&export(&mut world)), &expected);
        world.restart(&mut String::new());
        prop_assert_eq!(&plain(&export(&mut world)), &expected);
        // Taking it all back leaves nothing on disk.
        for vhost in &definitions.vhosts {
            world.obeyed(Command::DeleteVhost(vhost.name.clone()));
        }
        for user in &definitions.users {
            world.obeyed(Command::DeleteUser(user.name.clone()));
        }
        prop_assert_eq!(world.records(), 0);
    }
}

#[test]
fn members_that_are_not_known_come_back_as_they_were() {
    let file = r#"{
        "vendor": {"edition": [1, null]},
        "users": [{"name": "ann", "password_hash": "", "tags": [], "limits": {}, "badge": 7}],
        "vhosts": [{"name": "/", "metadata": {"owner": "x"}, "colour": "red"}],
        "permissions": [{"user": "ann", "vhost": "/", "configure": "", "write": "", "read": "", "why": "audit"}],
        "topic_permissions": [{"user": "ann", "vhost": "/", "exchange": "t", "write": "", "read": "", "why": 2}],
        "exchanges": [{"name": "t", "vhost": "/", "type": "topic", "durable": true, "auto_delete": false, "internal": false, "arguments": {}, "note": "e"}],
        "queues": [{"name": "q", "vhost": "/", "durable": true, "auto_delete": false, "arguments": {}, "note": {"q": true}}],
        "bindings": [{"source": "t", "vhost": "/", "destination": "q", "destination_type": "queue", "routing_key": "k", "arguments": {}, "note": "b"}]
    }"#;
    let mut world = World::new();
    assert_eq!(import(&mut world, parse(file)).refused, 0);
    assert_eq!(import(&mut world, parse(file)).refused, 0, "and once more");
    let mut again = world.crashed_after(world.journal.len());
    for world in [&mut world, &mut again] {
        let all = value(&export(world).to_json());
        assert_eq!(all["vendor"]["edition"][0], 1);
        let found = |section: &str, name: &str, member: &str| {
            let list = all[section].as_array().expect("a list");
            let seen: Vec<_> = list.iter().filter_map(|own| own.get(member)).collect();
            assert_eq!(seen.len(), 1, "{section}: {name}");
            seen[0].clone()
        };
        assert_eq!(found("users", "ann", "badge"), 7);
        assert_eq!(found("vhosts", "/", "colour"), "red");
        assert_eq!(found("permissions", "ann", "why"), "audit");
        assert_eq!(found("topic_permissions", "ann", "why"), 2);
        assert_eq!(found("exchanges", "t", "note"), "e");
        assert_eq!(found("queues", "q", "note")["q"], true);
        assert_eq!(found("bindings", "k", "note"), "b");
    }
    // They go with what they came with.
    let before = world.records();
    world.run("1 connect\n1.1 open\n1.1 queue.delete q\n1.1 exchange.delete t\n1.1 queue.declare q durable");
    assert_eq!(world.records(), before - 6 + 1);
    assert!(!section(&export(&mut world), "queues")[0].contains("note"));
}

//! The router does what RabbitMQ did: the conformance vectors of `vectors/`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use warrener_router::{
    ExchangeId, HashOn, HeaderMap, HeaderValue, Kind, Matches, NoHeaders, Router, Rule, Target,
};

#[test]
fn messages_go_where_rabbitmq_sent_them() {
    let document = read(include_str!("../vectors/rabbitmq.json"));
    assert_eq!(document["format"], 1);
    assert!(text(&document["recorded_from"]).starts_with("RabbitMQ 4.3"));
    let mut messages = 0;
    for scenario in list(&document["scenarios"]) {
        let world = World::new(scenario);
        for message in list(&scenario["messages"]) {
            let recorded = texts(&message["queues"]);
            let expected = match message.get("warrener") {
                // Where RabbitMQ errs, the vector says so.
                Some(ours) => {
                    assert_ne!(texts(ours), recorded, "{message}");
                    texts(ours)
                }
                None => recorded,
            };
            assert_eq!(world.route(message), expected, "{}: {message}", scenario["name"]);
            messages += 1;
        }
    }
    assert!(messages > 150);
}

#[test]
fn messages_are_placed_as_the_vectors_say() {
    let document = read(include_str!("../vectors/placement.json"));
    for scenario in list(&document["scenarios"]) {
        let kind = match text(&scenario["kind"]) {
            "consistent-hash" => Kind::ConsistentHash(HashOn::RoutingKey),
            "modulus-hash" => Kind::ModulusHash,
            other => panic!("unknown kind {other}"),
        };
        let mut router = Router::new(1);
        let exchange = router.add(kind);
        for binding in list(&scenario["bindings"]) {
            let rule = Rule::new(text(&binding["key"])).with_identity(text(&binding["identity"]));
            let target = Target::Destination(text(&binding["identity"]));
            assert_eq!(router.bind(exchange, target, rule), Ok(true));
        }
        let mut matches = Matches::new();
        for (key, identity) in members(&scenario["placed"]) {
            router.route(exchange, key.as_bytes(), &NoHeaders, &mut matches);
            assert_eq!(matches.destinations(), [text(identity)], "{key}");
        }
    }
}

struct World<'a> {
    router: Router<&'a str>,
    exchanges: BTreeMap<&'a str, ExchangeId>,
}

impl<'a> World<'a> {
    fn new(scenario: &'a Value) -> Self {
        let mut router = Router::new(1);
        let mut exchanges = BTreeMap::new();
        for exchange in list(&scenario["exchanges"]) {
            let kind = match text(&exchange["kind"]) {
                "direct" => Kind::Direct,
                "fanout" => Kind::Fanout,
                "topic" => Kind::Topic,
                "headers" => Kind::Headers,
                other => panic!("unknown kind {other}"),
            };
            exchanges.insert(text(&exchange["name"]), router.add(kind));
        }
        for exchange in list(&scenario["exchanges"]) {
            if let Some(alternate) = exchange.get("alternate") {
                let alternate = exchanges.get(text(alternate)).copied();
                router.set_alternate(exchanges[text(&exchange["name"])], alternate);
            }
        }
        for binding in list(&scenario["bindings"]) {
            let target = match binding.get("queue") {
                Some(queue) => Target::Destination(text(queue)),
                None => Target::Exchange(exchanges[text(&binding["exchange"])]),
            };
            let arguments = binding.get("arguments").map(header_map).unwrap_or_default();
            let rule = Rule::new(text(&binding["key"])).with_arguments(&arguments);
            let source = exchanges[text(&binding["source"])];
            assert_eq!(router.bind(source, target, rule), Ok(true), "{binding}");
        }
        Self { router, exchanges }
    }

    fn route(&self, message: &'a Value) -> Vec<&'a str> {
        let mut keys = vec![text(&message["key"]).as_bytes()];
        for more in ["CC", "BCC"].iter().filter_map(|name| message.get(name)) {
            keys.extend(texts(more).into_iter().map(str::as_bytes));
        }
        let headers = message.get("headers").map(header_map).unwrap_or_default();
        let mut matches = Matches::new();
        let exchange = self.exchanges[text(&message["exchange"])];
        self.router.route_all(exchange, &keys, &headers, &mut matches);
        let mut found = matches.destinations().to_vec();
        found.sort_unstable();
        found
    }
}

fn header_map(headers: &Value) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, typed) in members(headers) {
        let (kind, value) = members(typed).iter().next().expect("a value has a type");
        match kind.as_str() {
            "int8" | "uint8" | "int16" | "uint16" | "int32" | "uint32" | "int64" => {
                map.insert(name, value.as_i64().unwrap().into());
            }
            // A float is widened as a broker widens what it reads.
            "float" => map.insert(name, f64::from(value.as_f64().unwrap() as f32).into()),
            "double" => map.insert(name, value.as_f64().unwrap().into()),
            "timestamp" => map.insert(name, HeaderValue::Timestamp(value.as_u64().unwrap())),
            "void" => map.insert(name, HeaderValue::Void),
            "bool" => map.insert(name, value.as_bool().unwrap().into()),
            "text" => map.insert(name, text(value).into()),
            "bytes" => map.insert(name, HeaderValue::Bytes(&unhex(text(value)))),
            "decimal" => {
                let scale = value[0].as_u64().unwrap().try_into().unwrap();
                let value = value[1].as_i64().unwrap();
                map.insert(name, HeaderValue::Decimal { scale, value });
            }
            // Without anything in them, RabbitMQ cannot tell an array from a table.
            "table" | "array" => {
                let inner = value.to_string();
                map.insert(
                    name,
                    HeaderValue::Nested(inner.trim_matches(['{', '}', '[', ']']).as_bytes()),
                );
            }
            other => panic!("unknown type {other}"),
        }
    }
    map
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn read(json: &str) -> Value {
    serde_json::from_str(json).expect("the vectors are JSON")
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

fn members(value: &Value) -> &Map<String, Value> {
    value.as_object().expect("an object")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn texts(value: &Value) -> Vec<&str> {
    list(value).iter().map(text).collect()
}

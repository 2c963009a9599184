//! Exchanges that choose one target: consistent-hash, modulus-hash and random.

use std::collections::BTreeMap;

use warrener_router::{
    BindError, ExchangeId, HashOn, HeaderMap, HeaderValue, Headers, Kind, Matches, NoHeaders,
    Property, Router, Rule, Target,
};

const MESSAGES: u32 = 20_000;

fn router(kind: Kind, targets: &[(u32, &str)]) -> (Router<u32>, ExchangeId) {
    let mut router = Router::new(1);
    let exchange = router.add(kind);
    for (target, weight) in targets {
        bind(&mut router, exchange, *target, weight);
    }
    (router, exchange)
}

fn bind(router: &mut Router<u32>, exchange: ExchangeId, target: u32, weight: &str) {
    let identity = format!("queue-{target}");
    let rule = Rule::new(weight).with_identity(&identity);
    assert_eq!(router.bind(exchange, Target::Destination(target), rule), Ok(true));
}

/// The target of every message.
fn placement(router: &Router<u32>, exchange: ExchangeId) -> Vec<u32> {
    let mut matches = Matches::new();
    let place = |message: u32| {
        let key = format!("customer.{message}");
        router.route(exchange, key.as_bytes(), &NoHeaders, &mut matches);
        assert_eq!(matches.len(), 1);
        matches.destinations()[0]
    };
    (0..MESSAGES).map(place).collect()
}

fn count(placement: &[u32]) -> BTreeMap<u32, u32> {
    let mut counts = BTreeMap::new();
    for target in placement {
        *counts.entry(*target).or_default() += 1;
    }
    counts
}

const BY_KEY: Kind = Kind::ConsistentHash(HashOn::RoutingKey);

#[test]
fn a_target_gets_its_weight_in_messages() {
    let targets = [(0, "1"), (1, "2"), (2, "3"), (3, "10"), (4, "10"), (5, "100")];
    let (router, exchange) = router(BY_KEY, &targets);
    let counts = count(&placement(&router, exchange));
    for (target, weight) in targets {
        let share = f64::from(counts[&target]) / f64::from(MESSAGES);
        let fair: f64 = weight.parse::<f64>().unwrap() / 126.0;
        let deviation = (fair * (1.0 - fair) / f64::from(MESSAGES)).sqrt();
        assert!((share - fair).abs() < 4.0 * deviation, "{target}: {share} {fair}");
    }
}

#[test]
fn a_target_that_comes_or_goes_moves_only_its_own_messages() {
    let targets: Vec<_> = (0..20).map(|target| (target, ["1", "3"][target as usize % 2])).collect();
    let (mut router, exchange) = router(BY_KEY, &targets);
    let before = placement(&router, exchange);
    bind(&mut router, exchange, 99, "2");
    let with = placement(&router, exchange);
    for (old, new) in before.iter().zip(&with) {
        assert!(old == new || *new == 99);
    }
    assert!(count(&with)[&99] > MESSAGES / 42 / 2);
    router.unbind_all(Target::Destination(99));
    assert_eq!(placement(&router, exchange), before);
    router.unbind_all(Target::Destination(7));
    for (old, new) in before.iter().zip(placement(&router, exchange)) {
        assert!(*old == new || *old == 7);
    }
}

#[test]
fn of_two_targets_of_one_identity_the_same_is_taken_whoever_else_goes() {
    let (mut router, exchange) = router(BY_KEY, &[(1, "1")]);
    for target in [2, 3] {
        let rule = Rule::new("1").with_identity("twins");
        assert_eq!(router.bind(exchange, Target::Destination(target), rule), Ok(true));
    }
    let before = placement(&router, exchange);
    router.unbind_all(Target::Destination(1));
    for (old, new) in before.iter().zip(placement(&router, exchange)) {
        assert!(*old == new || *old == 1);
    }
}

#[test]
fn placement_depends_neither_on_the_seed_nor_on_the_order_of_binding() {
    for kind in [BY_KEY, Kind::ModulusHash] {
        let mut targets: Vec<_> = (0..10).map(|target| (target, "2")).collect();
        let (first, exchange) = router(kind.clone(), &targets);
        targets.reverse();
        let mut second = Router::new(99);
        let other = second.add(kind);
        for (target, weight) in targets {
            bind(&mut second, other, target, weight);
        }
        assert_eq!(placement(&first, exchange), placement(&second, other));
    }
}

/// These targets are part of the crate's promise: a change here moves messages of running systems.
#[test]
fn placement_never_changes() {
    let targets: Vec<_> = (0..5).map(|target| (target, "1")).collect();
    let (consistent, exchange) = router(BY_KEY, &targets);
    assert_eq!(
        placement(&consistent, exchange)[..16],
        [3, 1, 4, 1, 3, 1, 4, 1, 3, 4, 4, 4, 2, 4, 2, 2]
    );
    let (modulus, exchange) = router(Kind::ModulusHash, &targets);
    assert_eq!(
        placement(&modulus, exchange)[..16],
        [3, 3, 4, 2, 2, 4, 0, 2, 1, 1, 3, 2, 0, 3, 2, 1]
    );
}

#[test]
fn of_two_bindings_to_one_target_the_oldest_counts() {
    let (mut router, exchange) = router(BY_KEY, &[(0, "1"), (1, "1")]);
    let even = placement(&router, exchange);
    bind(&mut router, exchange, 0, "1000");
    assert_eq!(placement(&router, exchange), even);
    let first = Rule::new("1").with_identity("queue-0");
    assert!(router.unbind(exchange, Target::Destination(0), first));
    assert!(count(&placement(&router, exchange))[&0] > MESSAGES * 9 / 10);
}

#[test]
fn rules_of_hash_exchanges_are_checked() {
    let mut router = Router::new(1);
    let consistent = router.add(BY_KEY);
    let modulus = router.add(Kind::ModulusHash);
    let to = Target::Destination(1);
    for (weight, refusal) in [
        ("", BindError::WeightNotInteger),
        ("many", BindError::WeightNotInteger),
        ("0", BindError::WeightNotPositive),
        ("-3", BindError::WeightNotPositive),
        ("1000001", BindError::WeightTooLarge),
    ] {
        let rule = Rule::new(weight).with_identity("queue-1");
        assert_eq!(router.bind(consistent, to, rule), Err(refusal));
    }
    assert_eq!(router.bind(consistent, to, "1"), Err(BindError::IdentityMissing));
    assert_eq!(router.bind(modulus, to, "any"), Err(BindError::IdentityMissing));
    assert!(router.is_empty());
}

struct Message {
    headers: HeaderMap,
    id: Option<&'static str>,
}

impl Headers for Message {
    fn for_each(&self, visit: &mut dyn FnMut(&[u8], HeaderValue<'_>)) {
        self.headers.for_each(visit);
    }

    fn get(&self, name: &[u8]) -> Option<HeaderValue<'_>> {
        self.headers.get(name)
    }

    fn property(&self, property: Property) -> Option<HeaderValue<'_>> {
        (property == Property::MessageId).then(|| self.id.map(HeaderValue::from)).flatten()
    }
}

#[test]
fn a_header_or_a_property_is_hashed_instead_of_the_key() {
    let targets: Vec<_> = (0..10).map(|target| (target, "1")).collect();
    let by_header = Kind::ConsistentHash(HashOn::Header(b"customer".as_slice().into()));
    let by_property = Kind::ConsistentHash(HashOn::Property(Property::MessageId));
    for kind in [by_header, by_property] {
        let (router, exchange) = router(kind, &targets);
        let mut matches = Matches::new();
        let mut place = |key: &str, value: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert("customer", value.into());
            }
            let message = Message { headers, id: value };
            router.route(exchange, key.as_bytes(), &message, &mut matches);
            assert!(!matches.by_key_alone());
            matches.destinations()[0]
        };
        assert_eq!(place("a", Some("17")), place("b", Some("17")));
        assert_eq!(place("a", None), place("b", None));
        let places: Vec<_> = ["1", "2", "3", "4", "5", "6"].map(|it| place("a", Some(it))).into();
        assert!(places.iter().any(|other| *other != places[0]));
    }
}

#[test]
fn a_random_exchange_draws_every_target_and_repeats_with_its_seed() {
    let targets: Vec<_> = (0..10).map(|target| (target, "")).collect();
    let (mut router, exchange) = router(Kind::Random, &targets);
    // A second binding to a target gives it no second chance.
    assert_eq!(router.bind(exchange, Target::Destination(0), "again"), Ok(true));
    let draw = |seed| {
        let mut matches = Matches::with_seed(seed);
        let draw = |_| {
            router.route(exchange, b"", &NoHeaders, &mut matches);
            assert!(!matches.by_key_alone());
            assert_eq!(matches.len(), 1);
            matches.destinations()[0]
        };
        (0..MESSAGES).map(draw).collect::<Vec<_>>()
    };
    let counts = count(&draw(7));
    assert_eq!(counts.len(), 10);
    for count in counts.values() {
        assert!(count.abs_diff(MESSAGES / 10) < MESSAGES / 100);
    }
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
}

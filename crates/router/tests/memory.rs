//! What routing and bindings cost in memory, counted by the allocator.

use allocation_counter::measure;
use warrener_router::{
    ExchangeId, HashOn, HeaderMap, Kind, Matches, NoHeaders, Router, Rule, Target,
};

const KINDS: [Kind; 7] = [
    Kind::Direct,
    Kind::Fanout,
    Kind::Topic,
    Kind::Headers,
    Kind::ConsistentHash(HashOn::RoutingKey),
    Kind::ModulusHash,
    Kind::Random,
];

#[test]
fn routing_allocates_nothing_once_it_is_warm() {
    let mut router = Router::new(1);
    let start = router.add(Kind::Fanout);
    for kind in KINDS {
        let exchange = router.add(kind);
        bind_all(&mut router, exchange);
        assert_eq!(router.bind(start, Target::Exchange(exchange), ""), Ok(true));
    }
    let headers = HeaderMap::from([("colour", "red".into()), ("number", 7.into())]);
    let keys = ["1.2.3.4", "a.b.c", "", "7", "a word that is very much longer than any other.x"];
    let mut matches = Matches::with_seed(3).counting();
    let mut route_all = || {
        for key in keys {
            for start in [start].into_iter().chain(router.bindings_from(start).map(exchange_of)) {
                router.route(start, key.as_bytes(), &headers, &mut matches);
                router.route_all(start, &[key.as_bytes(), b"7"], &headers, &mut matches);
            }
        }
    };
    route_all();
    assert_eq!(measure(route_all).count_total, 0);
}

/// Patterns that repeat words collide no more than others: they are found where they lie, and stay small.
#[test]
fn patterns_that_repeat_words_cost_what_others_cost() {
    let mut router = Router::new(1);
    let exchange = router.add(Kind::Topic);
    let twice = |word: &str| [&[word][..], &["x"; 31], &[word]].concat().join(".");
    let words: Vec<_> = (1..500).map(|number| format!("{number:x}")).collect();
    let keys: Vec<_> =
        words.iter().flat_map(|word| [[&word[..]; 32].join("."), twice(word)]).collect();
    for (number, key) in (0..).zip(&keys) {
        assert_eq!(router.bind(exchange, Target::Destination(number), key), Ok(true));
    }
    let mut matches = Matches::new();
    let mut route_all = || {
        for (number, key) in (0..).zip(&keys) {
            router.route(exchange, key.as_bytes(), &NoHeaders, &mut matches);
            assert_eq!(matches.destinations(), [number]);
        }
    };
    route_all();
    assert_eq!(measure(route_all).count_total, 0);
}

#[test]
fn memory_returns_to_its_start_when_all_is_unbound() {
    for kind in KINDS {
        let mut router = Router::new(1);
        let exchange = router.add(kind.clone());
        let change = measure(|| {
            for _ in 0..2 {
                bind_all(&mut router, exchange);
                let targets: Vec<_> = router.bindings_from(exchange).map(|it| it.target).collect();
                for target in targets {
                    router.unbind_all(target);
                }
            }
        });
        assert!(router.is_empty());
        assert_eq!(change.bytes_current, 0, "{kind:?}");
    }
}

#[test]
fn memory_returns_to_its_start_when_exchanges_are_removed() {
    let mut router = Router::new(1);
    let change = measure(|| {
        let exchanges = KINDS.map(|kind| router.add(kind));
        for exchange in exchanges {
            bind_all(&mut router, exchange);
        }
        for exchange in exchanges {
            router.remove(exchange);
        }
    });
    // The table of exchanges remembers which ids were given.
    assert!(change.bytes_current < 2_000 + KINDS.len() as i64 * 300, "{change:?}");
}

/// Four words, 70 % literal, 20 % with one `*`, 10 % ending in `#`; every binding to a destination of its own. What
/// counts is the binding's identity, arguments and places in both listings, its target, and its pattern.
#[test]
fn a_topic_binding_takes_less_than_200_bytes() {
    const PATTERNS: u32 = 100_000;
    for words in [30, 1_000] {
        let mut router = Router::new(1);
        let exchange = router.add(Kind::Topic);
        let mut bound = 0;
        let change = measure(|| {
            for number in 0..PATTERNS {
                let pattern = pattern(number, words);
                let target = Target::Destination(number);
                bound += i64::from(router.bind(exchange, target, &pattern) == Ok(true));
            }
        });
        assert_eq!(bound, i64::from(PATTERNS));
        let each = change.bytes_current / bound;
        assert!(each <= 200, "{each} bytes a binding with {words} words");
    }
}

fn pattern(number: u32, words: u32) -> String {
    let mut state = u64::from(number) + 1;
    let mut draw = |bound: u32| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (((state >> 33) * u64::from(bound)) >> 31) as u32
    };
    let mut pattern = [(); 4].map(|()| format!("word{}", draw(words)));
    match draw(10) {
        0..7 => {}
        7 | 8 => pattern[draw(4) as usize] = "*".into(),
        _ => pattern[3] = "#".into(),
    }
    pattern.join(".")
}

fn bind_all(router: &mut Router<u32>, exchange: ExchangeId) {
    for number in 0..2_000_u32 {
        let arguments = HeaderMap::from([
            ("x-match", if number % 2 == 0 { "any" } else { "all" }.into()),
            ("number", i64::from(number % 50).into()),
            ("colour", ["red", "blue"][number as usize % 2].into()),
        ]);
        let key = match router.kind(exchange) {
            Some(Kind::ConsistentHash(_)) => (number % 5 + 1).to_string(),
            Some(Kind::Topic) => pattern(number, 5).replace("3", "#"),
            _ => (number % 70).to_string(),
        };
        let identity = number.to_be_bytes();
        let rule = Rule::new(&key).with_arguments(&arguments).with_identity(&identity);
        let target = Target::Destination(number % 1_000);
        router.bind(exchange, target, rule).expect("a good rule");
    }
}

fn exchange_of(binding: warrener_router::Binding<'_, u32>) -> ExchangeId {
    match binding.target {
        Target::Exchange(exchange) => exchange,
        Target::Destination(_) => binding.source,
    }
}

#[test]
fn an_empty_router_routes_nowhere_without_memory() {
    let mut router: Router<u8> = Router::new(1);
    let exchange = router.add(Kind::Topic);
    let mut matches = Matches::new();
    router.route(exchange, b"", &NoHeaders, &mut matches);
    let routed = measure(|| router.route(exchange, b"a.b", &NoHeaders, &mut matches));
    assert_eq!(routed.count_total, 0);
}

//! Exchanges joined to exchanges: chains, cycles, alternates, several keys, counts and generations.

use warrener_router::{
    BindError, Counts, HeaderMap, HeaderValue, Kind, Matches, NamedRouter, NamedRouterError,
    NoHeaders, Removed, Router, Rule, Target, Watch,
};

fn to(destination: u32) -> Target<u32> {
    Target::Destination(destination)
}

fn routed(router: &Router<u32>, from: warrener_router::ExchangeId, key: &str) -> Vec<u32> {
    let mut matches = Matches::new();
    router.route(from, key.as_bytes(), &NoHeaders, &mut matches);
    let mut found = matches.destinations().to_vec();
    found.sort_unstable();
    found
}

#[test]
fn a_destination_gets_one_copy_on_whatever_ways() {
    let mut router = Router::new(1);
    let (all, topic) = (router.add(Kind::Fanout), router.add(Kind::Topic));
    for pattern in ["#", "a.*", "*.b", "a.b"] {
        assert_eq!(router.bind(topic, to(1), pattern), Ok(true));
    }
    assert_eq!(router.bind(all, to(1), ""), Ok(true));
    assert_eq!(router.bind(all, to(1), "again"), Ok(true));
    assert_eq!(router.bind(all, Target::Exchange(topic), ""), Ok(true));
    assert_eq!(router.bind(all, Target::Exchange(topic), "again"), Ok(true));
    assert_eq!(routed(&router, all, "a.b"), [1]);
}

#[test]
fn cycles_of_exchanges_end() {
    let mut router = Router::new(1);
    let ring: Vec<_> = (0..50).map(|_| router.add(Kind::Fanout)).collect();
    for (at, exchange) in ring.iter().enumerate() {
        let next = Target::Exchange(ring[(at + 1) % ring.len()]);
        assert_eq!(router.bind(*exchange, next, ""), Ok(true));
        assert_eq!(router.bind(*exchange, Target::Exchange(*exchange), ""), Ok(true));
        assert_eq!(router.bind(*exchange, to(at as u32), ""), Ok(true));
    }
    assert!(routed(&router, ring[33], "").into_iter().eq(0..50));
}

#[test]
fn an_alternate_takes_what_the_exchange_itself_has_no_binding_for() {
    let mut router = Router::new(1);
    let (first, second) = (router.add(Kind::Direct), router.add(Kind::Direct));
    let last = router.add(Kind::Fanout);
    router.set_alternate(first, Some(second));
    router.set_alternate(second, Some(last));
    router.set_alternate(last, Some(first));
    assert_eq!(routed(&router, first, "a"), []);
    assert_eq!(router.bind(last, to(3), ""), Ok(true));
    assert_eq!(routed(&router, first, "a"), [3]);
    assert_eq!(router.bind(second, to(2), "a"), Ok(true));
    assert_eq!(routed(&router, first, "a"), [2]);
    assert_eq!(routed(&router, first, "b"), [3]);

    // A binding to an exchange is a route, even when that exchange knows none.
    let deaf = router.add(Kind::Direct);
    assert_eq!(router.bind(first, Target::Exchange(deaf), "b"), Ok(true));
    assert_eq!(routed(&router, first, "b"), []);

    router.remove(second);
    assert_eq!(router.alternate(first), None);
    assert_eq!(routed(&router, first, "a"), []);
    let third = router.add(Kind::Direct);
    assert_ne!(second, third);
    assert_eq!(router.alternate(first), None, "an id is never given twice");
}

#[test]
fn several_keys_are_routed_as_one_message() {
    let mut router = Router::new(1);
    let (direct, lost) = (router.add(Kind::Direct), router.add(Kind::Fanout));
    for (destination, key) in [(1, "a"), (2, "b"), (1, "b"), (3, "c")] {
        assert_eq!(router.bind(direct, to(destination), key), Ok(true));
    }
    assert_eq!(router.bind(lost, to(9), ""), Ok(true));
    router.set_alternate(direct, Some(lost));
    let mut matches = Matches::new();
    router.route_all(direct, &[b"a", b"b", b"unknown"], &NoHeaders, &mut matches);
    assert_eq!(matches.destinations(), [1, 2]);
    router.route_all(direct, &[b"unknown", b"unknown too"], &NoHeaders, &mut matches);
    assert_eq!(matches.destinations(), [9]);
    router.route_all(direct, &[], &NoHeaders, &mut matches);
    assert_eq!(matches.destinations(), [9]);
}

#[test]
fn arguments_are_part_of_a_bindings_identity() {
    let mut router = Router::new(1);
    let direct = router.add(Kind::Direct);
    let arguments = HeaderMap::from([("a", 1.into())]);
    let rule = Rule::new("key").with_arguments(&arguments);
    assert_eq!(router.bind(direct, to(1), "key"), Ok(true));
    assert_eq!(router.bind(direct, to(1), rule), Ok(true));
    assert_eq!(router.bind(direct, to(1), rule), Ok(false));
    assert_eq!(router.count_from(direct), 2);
    let listed: Vec<_> = router.bindings_to(to(1)).map(|it| (it.key, it.arguments)).collect();
    let canonical = warrener_router::Arguments::canonical(&arguments);
    assert_eq!(listed, [(&b"key"[..], &b""[..]), (b"key", canonical)]);
    assert!(router.unbind(direct, to(1), "key"));
    assert_eq!(routed(&router, direct, "key"), [1]);
    assert!(router.unbind(direct, to(1), rule));
    assert!(!router.unbind(direct, to(1), rule));
    assert_eq!(routed(&router, direct, "key"), []);
}

#[test]
fn removal_tells_which_exchanges_lost_their_last_binding() {
    let mut router = Router::new(1);
    let [a, b, c] = [(); 3].map(|()| router.add(Kind::Fanout));
    assert_eq!(router.bind(a, Target::Exchange(c), ""), Ok(true));
    assert_eq!(router.bind(b, Target::Exchange(c), ""), Ok(true));
    assert_eq!(router.bind(b, to(1), ""), Ok(true));
    assert_eq!(router.bind(c, to(1), ""), Ok(true));
    assert_eq!(router.bind(c, Target::Exchange(c), ""), Ok(true));
    assert_eq!(router.remove(c), Removed { bindings: 4, emptied: vec![a] });
    assert_eq!(router.unbind_all(to(1)), Removed { bindings: 1, emptied: vec![b] });
    assert_eq!(router.remove(c), Removed::default());
    assert!(router.is_empty());
}

#[test]
fn what_is_not_there_is_refused() {
    let mut router: Router<u32> = Router::new(1);
    let (gone, here) = (router.add(Kind::Topic), router.add(Kind::Topic));
    router.remove(gone);
    assert_eq!(router.bind(gone, to(1), "a"), Err(BindError::UnknownExchange));
    assert_eq!(router.bind(here, Target::Exchange(gone), "a"), Err(BindError::UnknownExchange));
    let long = "a".repeat(warrener_router::limits::KEY_BYTES_MAX + 1);
    assert_eq!(router.bind(here, to(1), &long), Err(BindError::KeyTooLong));
    assert!(!router.unbind(here, to(1), &long));
    assert_eq!(router.unbind_all(Target::Exchange(gone)), Removed::default());
    assert_eq!(routed(&router, gone, "a"), []);
    let headers = router.add(Kind::Headers);
    for (mode, refusal) in [
        (HeaderValue::from("some"), BindError::MatchMode),
        (HeaderValue::from(1), BindError::MatchModeType),
    ] {
        let arguments = HeaderMap::from([("x-match", mode)]);
        let rule = Rule::new("").with_arguments(&arguments);
        assert_eq!(router.bind(headers, to(1), rule), Err(refusal));
    }
    assert!(router.is_empty());
}

#[test]
fn every_change_and_only_a_change_moves_the_generation() {
    let mut router = Router::new(1);
    let mut last = router.generation();
    let mut moved = |router: &Router<u32>| {
        let now = router.generation();
        now != core::mem::replace(&mut last, now)
    };
    let exchange = router.add(Kind::Direct);
    assert!(moved(&router));
    assert_eq!(router.bind(exchange, to(1), "a"), Ok(true));
    assert!(moved(&router));
    assert_eq!(router.bind(exchange, to(1), "a"), Ok(false));
    assert_eq!(routed(&router, exchange, "a"), [1]);
    assert!(!router.unbind(exchange, to(1), "b"));
    assert!(!moved(&router));
    assert!(router.unbind(exchange, to(1), "a"));
    assert!(moved(&router));
    router.set_alternate(exchange, Some(exchange));
    assert!(moved(&router));
    router.remove(exchange);
    assert!(moved(&router));
}

#[test]
fn a_counting_scratch_counts_for_each_exchange() {
    let mut router = Router::new(1);
    let (a, b) = (router.add(Kind::Direct), router.add(Kind::Direct));
    assert_eq!(router.bind(b, to(1), "key"), Ok(true));
    let mut matches = Matches::new().counting();
    for (exchange, key) in [(a, "key"), (b, "key"), (b, "key"), (b, "lock")] {
        router.route(exchange, key.as_bytes(), &NoHeaders, &mut matches);
    }
    assert_eq!(matches.counts(a), Counts { routed: 0, unroutable: 1 });
    assert_eq!(matches.counts(b), Counts { routed: 2, unroutable: 1 });
    router.remove(b);
    let successor = router.add(Kind::Direct);
    assert_eq!(matches.counts(successor), Counts::default());
    router.route(successor, b"", &NoHeaders, &mut matches);
    assert_eq!(matches.counts(successor), Counts { routed: 0, unroutable: 1 });
    assert_eq!(matches.counts(b), Counts::default());
}

#[test]
fn a_router_is_shared_between_threads_that_route() {
    fn shared<T: Send + Sync>() {}
    shared::<Router<u32>>();
    let mut router = Router::new(1);
    let exchange = router.add(Kind::Topic);
    assert_eq!(router.bind(exchange, to(1), "a.#"), Ok(true));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert_eq!(routed(&router, exchange, "a.b"), [1]));
        }
    });
}

#[test]
fn names_are_checked_at_the_front_door() {
    let mut router = NamedRouter::builder()
        .direct("in")
        .fanout("inner")
        .internal("inner")
        .chain("in", "inner", "key")
        .bind("inner", 1, "")
        .alternate("in", "inner")
        .build()
        .unwrap();
    let mut matches = Matches::new();
    router.route("in", "key", &mut matches).unwrap();
    assert_eq!(matches.destinations(), [1]);
    let refused = router.route("inner", "key", &mut matches);
    assert_eq!(refused, Err(NamedRouterError::Internal("inner".into())));
    let refused = router.route("out", "key", &mut matches);
    assert_eq!(refused, Err(NamedRouterError::UnknownExchange("out".into())));
    assert_eq!(router.add("in", Kind::Topic), Err(NamedRouterError::NameTaken("in".into())));
    assert_eq!(router.add("in", Kind::Direct), router.id("in"));
    assert_eq!(router.remove("inner").unwrap().emptied, [router.id("in").unwrap()]);
    assert!(router.names().eq(["in"]));
    let refused = NamedRouter::builder().bind("nowhere", 1, "").build().map(drop);
    assert_eq!(refused, Err(NamedRouterError::UnknownExchange("nowhere".into())));
}

#[test]
fn a_message_that_is_to_stop_goes_no_further_than_an_exchange_that_stops_it() {
    let mut router = Router::new(1);
    let (first, second) = (router.add(Kind::Fanout), router.add(Kind::Fanout));
    let spare = router.add(Kind::Fanout);
    assert_eq!(router.bind(first, Target::Exchange(second), ""), Ok(true));
    assert_eq!(router.bind(first, to(1), ""), Ok(true));
    assert_eq!(router.bind(second, to(2), ""), Ok(true));
    assert_eq!(router.bind(spare, to(3), ""), Ok(true));
    router.set_alternate(second, Some(spare));
    router.set_watch(second, Watch::Stopping);
    let mut matches = Matches::new().counting();
    router.route(first, b"", &NoHeaders, &mut matches);
    assert_eq!((matches.destinations(), matches.watched()), (&[1, 2][..], &[][..]));
    matches.stop_at_watched(true);
    router.route(first, b"", &NoHeaders, &mut matches);
    assert_eq!((matches.destinations(), matches.watched()), (&[1][..], &[second][..]));
    router.route(second, b"", &NoHeaders, &mut matches);
    assert!(matches.destinations().is_empty() && matches.has_stopped());
    assert_eq!(matches.counts(second), Counts { routed: 1, unroutable: 0 });
}

#[test]
fn an_exchange_that_is_watched_in_passing_is_told_of_and_routes_on() {
    let mut router = Router::new(1);
    let exchange = router.add(Kind::Fanout);
    assert_eq!(router.bind(exchange, to(1), ""), Ok(true));
    router.set_watch(exchange, Watch::Passing);
    let mut matches = Matches::new();
    for stops in [false, true] {
        matches.stop_at_watched(stops);
        router.route(exchange, b"", &NoHeaders, &mut matches);
        assert_eq!((matches.destinations(), matches.watched()), (&[1][..], &[exchange][..]));
        assert!(!matches.has_stopped() && !matches.by_key_alone());
    }
}

/// Whatever makes a way long: it is followed as far as the message may go, and no further.
#[test]
fn a_message_takes_no_more_steps_than_it_may() {
    let mut router = Router::new(1);
    let chain: Vec<_> = (0..100).map(|_| router.add(Kind::Fanout)).collect();
    for pair in chain.windows(2) {
        assert_eq!(router.bind(pair[0], Target::Exchange(pair[1]), ""), Ok(true));
    }
    let alternates: Vec<_> = (0..100).map(|_| router.add(Kind::Direct)).collect();
    for pair in alternates.windows(2) {
        router.set_alternate(pair[0], Some(pair[1]));
    }
    let (topic, headers) = (router.add(Kind::Topic), router.add(Kind::Headers));
    let hash = router.add(Kind::ConsistentHash(warrener_router::HashOn::RoutingKey));
    for number in 0..500_u32 {
        let pattern = format!("#.a.#.{number}.#");
        assert_eq!(router.bind(topic, to(number), &pattern), Ok(true));
        let arguments = HeaderMap::from([("a", 1.into())]);
        let rule = Rule::new("").with_arguments(&arguments);
        assert_eq!(router.bind(headers, to(number), rule), Ok(true));
        assert_eq!(
            router.bind(hash, to(number), Rule::new("1").with_identity(&number.to_be_bytes())),
            Ok(true)
        );
    }
    let message = HeaderMap::from([("a", 1.into())]);
    let mut matches = Matches::new();
    for (from, most) in
        [(chain[0], 50), (alternates[0], 50), (topic, 10), (headers, 50), (hash, 10)]
    {
        matches.set_most_steps(most);
        router.route(from, b"a.a.a.a.a.a", &message, &mut matches);
        assert!(matches.has_given_up(), "{from:?}");
        assert_eq!(matches.steps(), most);
        matches.set_most_steps(10_000);
        router.route(from, b"a.a.a.a.a.a", &message, &mut matches);
        assert!(!matches.has_given_up() && matches.steps() > most, "{from:?} {}", matches.steps());
    }
    // A message that takes one way of many costs what that way does.
    assert_eq!(router.bind(topic, to(1_000), "x.*"), Ok(true));
    router.route(topic, b"x.y", &NoHeaders, &mut matches);
    assert_eq!(matches.destinations(), [1_000]);
    assert!(matches.steps() < 10, "{}", matches.steps());
    let keys = [&b"x.y"[..]; 300];
    matches.set_most_steps(50);
    router.route_all(topic, &keys, &NoHeaders, &mut matches);
    assert!(matches.has_given_up());
}

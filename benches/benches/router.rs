//! Routing, binding and unbinding, from a handful of bindings to a million.

#![expect(missing_docs, reason = "what criterion's macros make is not documented")]

mod router {
    pub(crate) mod patterns;
}

use core::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use router::patterns::{Draw, Patterns};
use warrener_router::{
    ExchangeId, HashOn, HeaderMap, Kind, Matches, NoHeaders, Router, Rule, Target,
};

criterion_group!(benches, direct, fanout, headers, hashes, topic, change);
criterion_main!(benches);

/// How many different messages a benchmark goes through, so that no branch predictor learns them.
const MESSAGES: usize = 1 << 16;

fn direct(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("direct");
    for keys in [10, 1_000, 1_000_000] {
        let mut router = Router::new(1);
        let exchange = router.add(Kind::Direct);
        for key in 0..keys {
            bind(&mut router, exchange, key, format!("queue.number.{key:07}"));
        }
        let mut draw = Draw::new(2);
        let messages: Vec<_> =
            (0..MESSAGES).map(|_| format!("queue.number.{:07}", draw.below(keys))).collect();
        let mut matches = Matches::new();
        let mut messages = messages.iter().cycle();
        group.bench_function(format!("{keys} keys"), |bencher| {
            bencher.iter(|| route(&router, exchange, messages.next(), &mut matches));
        });
    }
    group.finish();
}

fn fanout(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fanout");
    for targets in [1, 10, 10_000] {
        let mut router = Router::new(1);
        let exchange = router.add(Kind::Fanout);
        for target in 0..targets {
            bind(&mut router, exchange, target, String::new());
        }
        let mut matches = Matches::new();
        let key = String::from("any");
        group.throughput(Throughput::Elements(u64::from(targets)));
        group.bench_function(format!("{targets} targets"), |bencher| {
            bencher.iter(|| route(&router, exchange, Some(&key), &mut matches));
        });
    }
    group.finish();
}

/// A thousand bindings of three conditions, which share names and some values, and messages of five headers.
fn headers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("headers");
    for quorum in ["all", "any"] {
        let mut router = Router::new(1);
        let exchange = router.add(Kind::Headers);
        let mut draw = Draw::new(2);
        for target in 0..1_000 {
            let (format, customer) = (draw.below(4), draw.below(1_000));
            let (format, customer) = (format!("format-{format}"), format!("customer-{customer}"));
            let arguments = HeaderMap::from([
                ("x-match", quorum.into()),
                ("format", format.as_str().into()),
                ("customer", customer.as_str().into()),
                ("priority", i64::from(draw.below(10)).into()),
            ]);
            let rule = Rule::new("").with_arguments(&arguments);
            router.bind(exchange, Target::Destination(target), rule).expect("a good rule");
        }
        let messages: Vec<_> = (0..1_000)
            .map(|_| {
                let (format, customer) = (draw.below(4), draw.below(1_000));
                HeaderMap::from([
                    ("format", format!("format-{format}").as_str().into()),
                    ("customer", format!("customer-{customer}").as_str().into()),
                    ("priority", i64::from(draw.below(10)).into()),
                    ("trace", "0123456789abcdef".into()),
                    ("retries", 0.into()),
                ])
            })
            .collect();
        let mut matches = Matches::new();
        let mut messages = messages.iter().cycle();
        group.bench_function(format!("1000 bindings, {quorum} of 3"), |bencher| {
            bencher.iter(|| {
                let headers = messages.next().expect("an endless cycle");
                router.route(exchange, b"", headers, &mut matches);
                black_box(matches.len())
            });
        });
    }
    group.finish();
}

fn hashes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hashes");
    for (name, kind) in [
        ("consistent", Kind::ConsistentHash(HashOn::RoutingKey)),
        ("modulus", Kind::ModulusHash),
        ("random", Kind::Random),
    ] {
        for targets in [10, 1_000] {
            let mut router = Router::new(1);
            let exchange = router.add(kind.clone());
            for target in 0..targets {
                let (weight, identity) = ((target % 3 + 1).to_string(), target.to_string());
                let rule = Rule::new(&weight).with_identity(&identity);
                router.bind(exchange, Target::Destination(target), rule).expect("a good rule");
            }
            let messages: Vec<_> = (0..MESSAGES).map(|key| format!("customer.{key}")).collect();
            let mut matches = Matches::new();
            let mut messages = messages.iter().cycle();
            group.bench_function(format!("{name}, {targets} targets"), |bencher| {
                bencher.iter(|| route(&router, exchange, messages.next(), &mut matches));
            });
        }
    }
    group.finish();
}

fn topic(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("topic");
    for patterns in [10, 1_000, 100_000, 1_000_000] {
        let (router, exchange, mut patterns) = topics(patterns);
        let messages: Vec<_> = (0..MESSAGES).map(|_| patterns.message()).collect();
        let mut matches = Matches::new();
        let mut messages = messages.iter().cycle();
        group.bench_function(format!("{} patterns", patterns.len()), |bencher| {
            bencher.iter(|| route(&router, exchange, messages.next(), &mut matches));
        });
    }
    group.finish();
}

/// A hundred thousand bindings more, and then as many less, on top of a million.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock of the machine")]
fn change(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("change at 1000000 topic patterns");
    let (mut router, exchange, _) = topics(1_000_000);
    let fresh = Patterns::new(3, 100_000);
    let fresh: Vec<_> = (2_000_000..).zip(fresh.iter()).collect();
    let mut times = |some: &[(u32, &str)]| {
        let start = Instant::now();
        for (target, pattern) in some {
            let bound = router.bind(exchange, Target::Destination(*target), *pattern);
            assert_eq!(bound, Ok(true));
        }
        let bound = Instant::now();
        for (target, pattern) in some {
            assert!(router.unbind(exchange, Target::Destination(*target), *pattern));
        }
        [bound - start, bound.elapsed()]
    };
    for (half, name) in ["bind", "unbind"].into_iter().enumerate() {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let iterations = iterations as usize;
                let whole = fresh.chunks(fresh.len()).cycle().take(iterations / fresh.len());
                let rest = &fresh[..iterations % fresh.len()];
                whole.chain([rest]).map(|some| times(some)[half]).sum()
            });
        });
    }
    group.finish();
}

fn topics(len: u32) -> (Router<u32>, ExchangeId, Patterns) {
    let mut router = Router::new(1);
    let exchange = router.add(Kind::Topic);
    let patterns = Patterns::new(2, len);
    for (target, pattern) in (0..).zip(patterns.iter()) {
        bind(&mut router, exchange, target, pattern);
    }
    (router, exchange, patterns)
}

fn bind(router: &mut Router<u32>, exchange: ExchangeId, target: u32, key: impl AsRef<[u8]>) {
    router.bind(exchange, Target::Destination(target), &key).expect("a good rule");
}

#[inline]
fn route(
    router: &Router<u32>,
    exchange: ExchangeId,
    key: Option<&String>,
    matches: &mut Matches<u32>,
) -> usize {
    let key = key.expect("an endless cycle");
    router.route(exchange, key.as_bytes(), &NoHeaders, matches);
    black_box(matches.len())
}

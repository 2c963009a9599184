//! Our topic exchange and others' on the same patterns and keys, in one run:
//! `cargo bench --manifest-path benches/peers/Cargo.toml --bench topics`.
//!
//! The others' patterns are ours in their spelling; each keeps a number for each pattern, and a match gathers the numbers.

#[path = "../../benches/router/patterns.rs"]
mod patterns;

use std::collections::HashSet;
use std::hint::black_box;

use basic_pattern_matcher::PatternMatcher;
use criterion::{Criterion, criterion_group, criterion_main};
use mqtt_topic_engine::topic_matcher::TopicMatcherNode;
use mqtt_topic_engine::{CacheStrategy, TopicPath, TopicPatternPath};
use patterns::Patterns;
use warrener_router::{Kind, Matches, NoHeaders, Router, Target};
use zenoh_keyexpr::keyexpr_tree::{IKeyExprTree, IKeyExprTreeMut, IKeyExprTreeNode, KeBoxTree};
use zenoh_keyexpr::{OwnedKeyExpr, keyexpr};

criterion_group!(benches, topics);
criterion_main!(benches);

/// Few keys stay in the cache with all that they touch; many do not.
const KEYS: [usize; 2] = [1 << 12, 1 << 16];

fn topics(criterion: &mut Criterion) {
    for len in [1_000, 100_000, 1_000_000] {
        let mut patterns = Patterns::new(2, len);
        let keys: Vec<_> = (0..KEYS[1]).map(|_| patterns.message()).collect();
        warrener(criterion, &patterns, &keys);
        basic(criterion, &patterns, &keys);
        mqtt(criterion, &patterns, &keys);
        zenoh(criterion, &patterns, &keys);
    }
}

fn measure<K>(
    criterion: &mut Criterion,
    name: &str,
    patterns: &Patterns,
    keys: &[K],
    mut count: impl FnMut(&K) -> usize,
) {
    let mut group = criterion.benchmark_group(format!("{} patterns", patterns.len()));
    for few in KEYS {
        let mut next = keys[..few].iter().cycle();
        group.bench_function(format!("{name}, {few} keys"), |bencher| {
            bencher.iter(|| black_box(count(next.next().expect("an endless cycle"))));
        });
    }
    group.finish();
}

fn warrener(criterion: &mut Criterion, patterns: &Patterns, keys: &[String]) {
    let mut router = Router::new(1);
    let exchange = router.add(Kind::Topic);
    for (number, pattern) in (0_u32..).zip(patterns.iter()) {
        router.bind(exchange, Target::Destination(number), pattern).expect("a good rule");
    }
    let mut matches = Matches::new();
    measure(criterion, "warrener-router", patterns, keys, |key| {
        router.route(exchange, key.as_bytes(), &NoHeaders, &mut matches);
        matches.len()
    });
}

fn basic(criterion: &mut Criterion, patterns: &Patterns, keys: &[String]) {
    let mut matcher = PatternMatcher::new();
    for (number, pattern) in (0_u32..).zip(patterns.iter()) {
        matcher.add_pattern(&pattern.replace('#', "**"), number);
    }
    measure(criterion, "basic_pattern_matcher 0.1", patterns, keys, |key| {
        matcher.match_topic(key).len()
    });
}

fn mqtt(criterion: &mut Criterion, patterns: &Patterns, keys: &[String]) {
    let mut matcher: TopicMatcherNode<HashSet<u32>> = TopicMatcherNode::new();
    for (number, pattern) in (0_u32..).zip(patterns.iter()) {
        let pattern = pattern.replace('.', "/").replace('*', "+");
        let pattern = TopicPatternPath::new_from_string(pattern, CacheStrategy::NoCache);
        let pattern = pattern.expect("a pattern of theirs");
        matcher.get_or_create_subscription_table(&pattern).insert(number);
    }
    let keys: Vec<_> = keys.iter().map(|key| key.replace('.', "/")).collect();
    measure(criterion, "mqtt-topic-engine 0.2", patterns, &keys, |key| {
        let path = TopicPath::new(key.as_str()).expect("a topic of theirs");
        matcher.find_by_path(&path).len()
    });
}

fn zenoh(criterion: &mut Criterion, patterns: &Patterns, keys: &[String]) {
    let mut tree: KeBoxTree<u32> = KeBoxTree::default();
    for (number, pattern) in (0_u32..).zip(patterns.iter()) {
        let pattern = pattern.replace('.', "/").replace('#', "**");
        let pattern = OwnedKeyExpr::new(pattern).expect("a key expression");
        tree.insert(&pattern, number);
    }
    let keys: Vec<_> = keys.iter().map(|key| key.replace('.', "/")).collect();
    measure(criterion, "zenoh-keyexpr 1.10", patterns, &keys, |key| {
        let key = keyexpr::new(key.as_str()).expect("a key expression");
        tree.intersecting_nodes(key).filter(|node| node.weight().is_some()).count()
    });
}

//! Patterns and keys of any bytes.

use alloc::vec::Vec;

use super::model::topic_matches_by_rows;
use crate::{Kind, Matches, NoHeaders, Router, Target};

/// Binds every line but the last as a pattern, routes the last as a key, and panics where a pattern is found that does
/// not match, or not found that does. Then unbinds all.
pub fn topics(bytes: &[u8]) {
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let key = lines.pop().unwrap_or_default();
    if lines.iter().chain([&key]).any(|line| line.len() > 255) {
        return;
    }
    let mut router = Router::new(bytes.len() as u64);
    let exchange = router.add(Kind::Topic);
    for (target, pattern) in lines.iter().enumerate() {
        assert_eq!(router.bind(exchange, Target::Destination(target), pattern), Ok(true));
    }
    let mut matches = Matches::new();
    router.route(exchange, key, &NoHeaders, &mut matches);
    for (target, pattern) in lines.iter().enumerate() {
        let found = matches.destinations().contains(&target);
        assert_eq!(found, topic_matches_by_rows(pattern, key));
    }
    for (target, pattern) in lines.iter().enumerate() {
        assert!(router.unbind(exchange, Target::Destination(target), pattern));
    }
    assert!(router.holds_no_memory());
}

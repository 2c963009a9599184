//! What an architect has built: its exchanges, queues and bindings, and by the plainest of rules where a message goes.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::QueueId;

/// What an exchange does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Direct,
    Fanout,
    Topic,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Direct, Self::Fanout, Self::Topic];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Fanout => "fanout",
            Self::Topic => "topic",
        }
    }

    fn wants(self, pattern: &str, key: &str) -> bool {
        match self {
            Self::Direct => pattern == key,
            Self::Fanout => true,
            Self::Topic => {
                let pattern: Vec<&str> = pattern.split('.').collect();
                let key: Vec<&str> = key.split('.').collect();
                matches(&pattern, &key)
            }
        }
    }
}

/// AMQP 0-9-1 §3.1.3.3: `*` is one word, `#` any number of them.
fn matches(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern, key) {
        ([], []) => true,
        (["#", rest @ ..], _) => {
            matches(rest, key) || matches!(key, [_, after @ ..] if matches(pattern, after))
        }
        (["*", rest @ ..], [_, after @ ..]) => matches(rest, after),
        ([word, rest @ ..], [next, after @ ..]) => word == next && matches(rest, after),
        _ => false,
    }
}

/// Where a binding leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Exchange(u64),
    Queue(QueueId),
}

/// A way from an exchange to a place, for some keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    pub(super) from: u64,
    pub(super) to: Place,
    pub(super) key: &'static str,
}

/// Everything that stands.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Exchanges, each of which goes with the last way from it.
    pub(super) exchanges: BTreeMap<u64, Kind>,
    /// Queues, and how many messages are in them.
    pub(super) queues: BTreeMap<QueueId, u64>,
    pub(super) ways: BTreeSet<Way>,
}

impl Plan {
    /// Where a message ends up.
    pub(super) fn route(&self, exchange: u64, key: &str) -> BTreeSet<QueueId> {
        let mut passed = BTreeSet::from([exchange]);
        let (mut next, mut queues) = (vec![exchange], BTreeSet::new());
        while let Some(exchange) = next.pop() {
            let kind = self.exchanges[&exchange];
            let ways = self.ways.iter().filter(|way| way.from == exchange);
            for way in ways.filter(|way| kind.wants(way.key, key)) {
                match way.to {
                    Place::Queue(queue) => {
                        queues.insert(queue);
                    }
                    Place::Exchange(other) => {
                        if passed.insert(other) {
                            next.push(other);
                        }
                    }
                }
            }
        }
        queues
    }

    pub(super) fn publish(&mut self, to: &BTreeSet<QueueId>) {
        for queue in to {
            *self.queues.entry(*queue).or_default() += 1;
        }
    }

    /// A way is closed; an exchange that has no way left goes as well, and with it the ways that lead there.
    pub(super) fn close(&mut self, way: Way) {
        if self.ways.remove(&way) && !self.ways.iter().any(|other| other.from == way.from) {
            self.remove_exchange(way.from);
        }
    }

    pub(super) fn remove_exchange(&mut self, exchange: u64) {
        self.exchanges.remove(&exchange);
        self.ways.retain(|way| way.from != exchange);
        self.close_all(Place::Exchange(exchange));
    }

    pub(super) fn remove_queue(&mut self, queue: QueueId) {
        self.queues.remove(&queue);
        self.close_all(Place::Queue(queue));
    }

    fn close_all(&mut self, to: Place) {
        let ways: Vec<Way> = self.ways.iter().filter(|way| way.to == to).copied().collect();
        for way in ways {
            self.close(way);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_word_by_word() {
        let matches = |pattern, key| Kind::Topic.wants(pattern, key);
        assert!(matches("a.*", "a.b") && matches("#", "a.b") && matches("#.b", "b"));
        assert!(matches("*.b.#", "a.b") && matches("a.b", "a.b"));
        assert!(!matches("a.*", "a") && !matches("*.b", "a.c") && !matches("a", "a.b"));
    }

    #[test]
    fn an_exchange_goes_with_the_last_way_from_it() {
        let mut plan = Plan::default();
        let queue = QueueId(7);
        plan.queues.insert(queue, 0);
        plan.exchanges.extend([(1, Kind::Fanout), (2, Kind::Direct)]);
        plan.ways.insert(Way { from: 1, to: Place::Exchange(2), key: "" });
        plan.ways.insert(Way { from: 2, to: Place::Queue(queue), key: "a.b" });
        assert_eq!(plan.route(1, "a.b"), BTreeSet::from([queue]));
        assert!(plan.route(1, "a.c").is_empty());
        plan.remove_queue(queue);
        assert!(plan.exchanges.is_empty() && plan.ways.is_empty());
    }
}

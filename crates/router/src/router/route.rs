//! The way of one message.

use core::hash::Hash;

use super::Router;
use crate::direct::Direct;
use crate::exchange::{Exchange, Table};
use crate::header::Headers;
use crate::headers::HeadersTable;
use crate::kind::{ExchangeId, HashOn, Kind, Watch};
use crate::matches::Matches;
use crate::stable_hash::{hash_of_keys, hash_of_value};
use crate::topic::Root;

/// How many steps it takes to find a header that an exchange hashes.
const HEADER_STEPS: usize = 1 << 12;

impl<D: Copy + Eq + Hash> Router<D> {
    /// Follows a message with one key from exchange to exchange, each once.
    #[inline]
    pub(super) fn walk_by_key(
        &self,
        start: ExchangeId,
        key: &[u8],
        headers: &dyn Headers,
        out: &mut Matches<D>,
    ) {
        let Some(exchange) = self.exchanges.get(start) else { return };
        // Most messages come to an exchange of this kind and to no other, and pay for nothing else.
        if let Table::Direct(direct) = &exchange.table
            && exchange.watch == Watch::Off
            && let Some(lead) = direct.find_at_once(&self.hashing, key)
        {
            out.take_lead(&self.targets, &self.postings, self.exchanges.bound(), lead);
            if out.exchange(1).is_some() {
                self.walk_on(&[key], headers, out);
            }
        } else {
            self.walk_from(start.index, exchange, key, headers, out);
        }
    }

    /// Follows a message from an exchange that is not direct, or where it found nothing at once.
    #[inline(never)]
    fn walk_from(
        &self,
        start: u32,
        exchange: &Exchange<D>,
        key: &[u8],
        headers: &dyn Headers,
        out: &mut Matches<D>,
    ) {
        match &exchange.table {
            Table::Topic(root) if exchange.watch == Watch::Off => {
                if !self.choose_by_topic(root, &[key], out) {
                    self.pass_on(exchange, out);
                }
            }
            _ => self.visit(start, exchange, &[key], headers, out),
        }
        if out.exchange(1).is_some() {
            self.walk_on(&[key], headers, out);
        }
    }

    /// Follows a message from exchange to exchange, each once.
    #[inline(never)]
    pub(super) fn walk(
        &self,
        start: ExchangeId,
        keys: &[&[u8]],
        headers: &dyn Headers,
        out: &mut Matches<D>,
    ) {
        if let Some(exchange) = self.exchanges.get(start)
            && out.work.spend(keys.len())
        {
            self.visit(start.index, exchange, keys, headers, out);
            self.walk_on(keys, headers, out);
        }
    }

    /// Follows a message beyond the exchange where it began.
    #[inline(never)]
    fn walk_on(&self, keys: &[&[u8]], headers: &dyn Headers, out: &mut Matches<D>) {
        for place in 1.. {
            let Some(next) = out.exchange(place) else { return };
            if !out.work.spend(1 + keys.len()) {
                return;
            }
            self.visit(next, self.exchanges.at(next), keys, headers, out);
        }
    }

    /// What one exchange does to a message.
    #[inline]
    fn visit(
        &self,
        index: u32,
        exchange: &Exchange<D>,
        keys: &[&[u8]],
        headers: &dyn Headers,
        out: &mut Matches<D>,
    ) {
        let stops =
            exchange.watch != Watch::Off && out.watch(self.exchanges.id(index), exchange.watch);
        let found = stops || self.choose(exchange, keys, headers, out);
        if !found {
            self.pass_on(exchange, out);
        }
    }

    /// A message for which an exchange has no targets goes to the alternate one.
    #[inline(never)]
    fn pass_on(&self, exchange: &Exchange<D>, out: &mut Matches<D>) {
        if let Some(alternate) = exchange.alternate
            && self.exchanges.get(alternate).is_some()
        {
            out.go_to(alternate.index, self.exchanges.bound());
        }
    }

    /// Takes the targets that one exchange chooses; `false` when it has none for this message.
    #[inline]
    fn choose(
        &self,
        exchange: &Exchange<D>,
        keys: &[&[u8]],
        headers: &dyn Headers,
        out: &mut Matches<D>,
    ) -> bool {
        match &exchange.table {
            Table::Direct(direct) => self.choose_by_keys(direct, keys, out),
            Table::All(posting) => {
                let all = self.postings.targets(posting);
                if exchange.kind != Kind::Random {
                    self.take(all, out);
                } else if !all.is_empty() {
                    let drawn = out.throw(all.len());
                    self.take(&all[drawn..=drawn], out);
                }
                !all.is_empty()
            }
            Table::Topic(root) => self.choose_by_topic(root, keys, out),
            Table::Headers(table) => self.choose_by_headers(table, headers, out),
            Table::ConsistentHash(table) => {
                let message = self.hash_of(&exchange.kind, keys, headers, out);
                self.take_one(table.find(message, &mut out.work), out)
            }
            Table::ModulusHash(table) => self.take_one(table.find(hash_of_keys(keys)), out),
        }
    }

    #[inline(never)]
    fn choose_by_keys(&self, direct: &Direct<D>, keys: &[&[u8]], out: &mut Matches<D>) -> bool {
        let mut found = false;
        for key in keys {
            if let Some(lead) = direct.find(&self.hashing, key) {
                out.take_lead(&self.targets, &self.postings, self.exchanges.bound(), lead);
                found = true;
            }
        }
        found
    }

    // Apart from `choose`, so that the quickest kinds do not pay for the registers of the others.
    #[inline(never)]
    fn choose_by_topic(&self, root: &Root<D>, keys: &[&[u8]], out: &mut Matches<D>) -> bool {
        let mut found = false;
        for key in keys {
            let Matches { topic, leads, work, .. } = out;
            self.topics.find(&self.hashing, root, key, topic, leads, work);
            found |= self.take_found(out);
            if out.work.is_spent() {
                break;
            }
        }
        found
    }

    #[inline(never)]
    fn choose_by_headers(
        &self,
        table: &HeadersTable,
        headers: &dyn Headers,
        out: &mut Matches<D>,
    ) -> bool {
        out.by_key_alone = false;
        let mut scratch = core::mem::take(&mut out.headers);
        let mut work = out.work;
        let mut found = false;
        // One target at a time takes no steps of its own: that of its rule was counted.
        table.find(&self.hashing, headers, &mut scratch, &mut work, |target| {
            self.take(&[target], out);
            found = true;
        });
        (out.headers, out.work) = (scratch, work);
        found
    }

    #[inline]
    fn take(&self, targets: &[u32], out: &mut Matches<D>) {
        out.take(&self.targets, self.exchanges.bound(), targets);
    }

    #[inline(never)]
    fn take_one(&self, target: Option<u32>, out: &mut Matches<D>) -> bool {
        self.take(target.as_slice(), out);
        target.is_some()
    }

    /// Takes the targets of all that the topic index found.
    #[inline]
    fn take_found(&self, out: &mut Matches<D>) -> bool {
        for at in 0..out.leads.len() {
            let lead = out.leads[at];
            out.take_lead(&self.targets, &self.postings, self.exchanges.bound(), &lead);
        }
        for at in 0..out.topic.found.len() {
            let posting = out.topic.found[at];
            self.take(self.postings.targets(&posting), out);
        }
        !out.leads.is_empty() || !out.topic.found.is_empty()
    }

    #[inline(never)]
    fn hash_of(
        &self,
        kind: &Kind,
        keys: &[&[u8]],
        headers: &dyn Headers,
        out: &mut Matches<D>,
    ) -> u64 {
        let value = match kind {
            Kind::ConsistentHash(HashOn::Header(name)) => {
                // All headers may have to be looked at.
                out.work.spend(HEADER_STEPS);
                headers.get(name)
            }
            Kind::ConsistentHash(HashOn::Property(property)) => headers.property(*property),
            _ => return hash_of_keys(keys),
        };
        out.by_key_alone = false;
        hash_of_value(value, out.headers.canonical())
    }
}

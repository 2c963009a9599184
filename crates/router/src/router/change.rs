//! Bindings that come and go.

use core::hash::Hash;

use super::Router;
use crate::binding::{Rule, Target};
use crate::bindings::Identity;
use crate::consistent_hash;
use crate::error::BindError;
use crate::exchange::Table;
use crate::headers::{self, Condition, Quorum};
use crate::kind::{ExchangeId, Kind};
use crate::limits;
use crate::targets::Meaning;
use alloc::vec::Vec;

/// What a rule says to the exchange that it is for.
enum Reading {
    Key,
    Conditions(Quorum, Vec<Condition>),
    Weight(u32),
    Identity,
}

impl<D: Copy + Eq + Hash> Router<D> {
    pub(super) fn add_binding(
        &mut self,
        source: ExchangeId,
        target: Target<D>,
        rule: Rule<'_>,
    ) -> Result<bool, BindError> {
        let reading = self.read(source, target, rule)?;
        if self.find(source, target, rule).is_some() {
            return Ok(false);
        }
        if self.bindings.len() >= limits::BINDINGS_MAX {
            return Err(BindError::Full);
        }
        let number = self.number_for(target);
        let place = self.index(source.index, number, rule, &reading);
        let identity = Identity::new(source.index, number, rule.key, rule.arguments.canonical());
        self.bindings.insert(
            &self.hashing,
            &identity,
            place,
            &mut self.exchanges.at_mut(source.index).bindings,
            self.targets.bindings_mut(number),
        );
        self.generation += 1;
        Ok(true)
    }

    /// Removes a binding, and tells its source.
    pub(super) fn remove_binding(&mut self, binding: u32) -> ExchangeId {
        let record = self.bindings.get(binding);
        let (source, target) = (record.source, record.target);
        let record = self.bindings.remove(
            &self.hashing,
            binding,
            &mut self.exchanges.at_mut(source).bindings,
            self.targets.bindings_mut(target),
        );
        self.forget(source, target, record.key(), record.place);
        if self.targets.bindings(target).len() == 0 {
            if let Meaning::Exchange(exchange) = self.targets.meaning(target) {
                self.exchanges.at_mut(exchange).target = None;
            }
            self.targets.remove(&self.hashing, target);
        }
        self.generation += 1;
        self.exchanges.id(source)
    }

    /// Removes every binding that takes messages from this exchange, and tells how many there were.
    pub(super) fn unbind_all_from(&mut self, source: ExchangeId) -> usize {
        self.unbind_first_from(source, usize::MAX)
    }

    /// Checks a rule.
    fn read(
        &self,
        source: ExchangeId,
        target: Target<D>,
        rule: Rule<'_>,
    ) -> Result<Reading, BindError> {
        let exchange = self.exchanges.get(source).ok_or(BindError::UnknownExchange)?;
        if let Target::Exchange(target) = target {
            self.exchanges.get(target).ok_or(BindError::UnknownExchange)?;
        }
        if rule.key.len() > limits::KEY_BYTES_MAX {
            return Err(BindError::KeyTooLong);
        }
        if rule.arguments.canonical().len() > limits::ARGUMENTS_BYTES_MAX {
            return Err(BindError::ArgumentsTooLarge);
        }
        let reading = match exchange.kind {
            Kind::Direct | Kind::Fanout | Kind::Topic | Kind::Random => Reading::Key,
            Kind::Headers => {
                let (quorum, conditions) = headers::parse(rule.arguments)?;
                Reading::Conditions(quorum, conditions)
            }
            Kind::ConsistentHash(_) => Reading::Weight(consistent_hash::weight(rule.key)?),
            Kind::ModulusHash => Reading::Identity,
        };
        if matches!(reading, Reading::Weight(_) | Reading::Identity) && rule.identity.is_empty() {
            return Err(BindError::IdentityMissing);
        }
        Ok(reading)
    }

    /// The number of a target, which gets one if it has none.
    fn number_for(&mut self, target: Target<D>) -> u32 {
        if let Some(number) = self.number_of(target) {
            return number;
        }
        match target {
            Target::Destination(destination) => {
                self.targets.insert(&self.hashing, Meaning::Destination(destination))
            }
            Target::Exchange(ExchangeId { index, .. }) => {
                let number = self.targets.insert(&self.hashing, Meaning::Exchange(index));
                self.exchanges.at_mut(index).target = Some(number);
                number
            }
        }
    }

    /// Tells the source about a target, and tells where the source keeps it if it must be told so again.
    fn index(&mut self, source: u32, target: u32, rule: Rule<'_>, reading: &Reading) -> u32 {
        let (hashing, targets, postings) = (&self.hashing, &self.targets, &mut self.postings);
        match (&mut self.exchanges.at_mut(source).table, reading) {
            (Table::Direct(direct), _) => {
                direct.add(hashing, postings, targets, rule.key, target);
            }
            (Table::All(posting), _) => postings.add(hashing, posting, target),
            (Table::Topic(root), _) => {
                self.topics.add(hashing, postings, targets, root, rule.key, target);
            }
            (Table::Headers(table), Reading::Conditions(quorum, conditions)) => {
                return table.add(hashing, target, *quorum, conditions);
            }
            (Table::ConsistentHash(table), Reading::Weight(weight)) => {
                return table.add(target, *weight, rule.identity);
            }
            (Table::ModulusHash(table), _) => return table.add(target, rule.identity),
            (Table::Headers(_) | Table::ConsistentHash(_), _) => {
                unreachable!("a rule is read for the kind of its source")
            }
        }
        0
    }

    /// Takes back what was told by [`Router::index`].
    fn forget(&mut self, source: u32, target: u32, key: &[u8], place: u32) {
        let (hashing, targets, postings) = (&self.hashing, &self.targets, &mut self.postings);
        match &mut self.exchanges.at_mut(source).table {
            Table::Direct(direct) => direct.take(hashing, postings, targets, key, target),
            Table::All(posting) => postings.take(hashing, posting, target),
            Table::Topic(root) => {
                self.topics.take(hashing, postings, targets, root, key, target);
            }
            Table::Headers(table) => table.take(hashing, place),
            Table::ConsistentHash(table) => table.take(place),
            Table::ModulusHash(table) => table.take(place),
        }
    }
}

//! Headers exchanges: which bindings agree with a message's headers.
//!
//! Every condition that some binding has, a header's presence or its value, has a number, and every condition a list of
//! bindings. A binding that asks for any of its conditions is listed under each, and agrees when one is met. A binding
//! that asks for all is listed under the one that had fewest bindings when it came; when that is met, the others are
//! checked. So a message costs what its headers lead to, not what was bound.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::slice;

use crate::error::BindError;
use crate::hashing::Hashing;
use crate::header::{Arguments, HeaderValue, Headers};
use crate::posting::{Posting, Postings};
use crate::slots::Slots;
use crate::words::Words;
use crate::work::Work;

/// The bindings of one headers exchange.
#[derive(Clone, Debug)]
pub(crate) struct HeadersTable {
    names: Words,
    /// Header and value: the number of the name, and the value in canonical form.
    pairs: Words,
    rules: Slots<RuleRecord>,
    /// The rules listed under each name, for conditions of presence, by number.
    by_name: Vec<Posting>,
    /// The rules listed under each pair, by number.
    by_pair: Vec<Posting>,
    /// The rules without conditions that ask for all of them.
    always: Posting,
    lists: Postings,
}

/// One binding.
#[derive(Clone, Debug, Default)]
struct RuleRecord {
    target: u32,
    quorum: Quorum,
    conditions: Box<[Known]>,
    /// The condition that a rule for all conditions is listed under, by its place.
    listed_under: u32,
}

/// A condition by numbers: the name, and the pair unless it asks for presence only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Known {
    name: u32,
    pair: u32,
}

/// The memory for matching a message's headers.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeadersScratch {
    /// The headers that some condition names, by name: the last of each name, with its pair if some condition has it.
    met: Vec<Met>,
    canonical: Vec<u8>,
    /// Names, only spelled after an attack.
    spelling: Vec<u8>,
}

impl HeadersScratch {
    /// A buffer for the canonical form of a value.
    pub(crate) const fn canonical(&mut self) -> &mut Vec<u8> {
        &mut self.canonical
    }
}

/// A header of a message by numbers, and its place in the message.
#[derive(Clone, Copy, Debug)]
struct Met {
    name: u32,
    pair: u32,
    place: usize,
}

const PRESENCE: u32 = u32::MAX;

/// How many rules that are looked at are as much work as a step, and how many conditions of one.
const RULES_A_STEP: usize = 2;
const CONDITIONS_A_STEP: usize = 8;

/// How many octets of a value are as much work as a step.
const OCTETS_A_STEP: usize = 64;

impl HeadersTable {
    pub(crate) const fn new() -> Self {
        Self {
            names: Words::new(),
            pairs: Words::new(),
            rules: Slots::new(),
            by_name: Vec::new(),
            by_pair: Vec::new(),
            always: Posting::EMPTY,
            lists: Postings::new(),
        }
    }

    /// Shows the targets of every binding that agrees, some of them repeatedly.
    pub(crate) fn find(
        &self,
        hashing: &Hashing,
        headers: &dyn Headers,
        scratch: &mut HeadersScratch,
        work: &mut Work,
        mut visit: impl FnMut(u32),
    ) {
        self.gather(hashing, headers, scratch, work);
        let met = &scratch.met[..];
        let mut check = |posting: &Posting| {
            for (place, rule) in self.lists.targets(posting).iter().enumerate() {
                let rule = &self.rules[*rule];
                if !work.spend(place % RULES_A_STEP + rule.conditions.len() / CONDITIONS_A_STEP) {
                    return;
                }
                if rule.agrees(met) {
                    visit(rule.target);
                }
            }
        };
        check(&self.always);
        for condition in met {
            check(&self.by_name[condition.name as usize]);
            if condition.pair != Words::UNKNOWN {
                check(&self.by_pair[condition.pair as usize]);
            }
        }
    }

    /// Adds a binding, and names it for [`HeadersTable::take`].
    pub(crate) fn add(
        &mut self,
        hashing: &Hashing,
        target: u32,
        quorum: Quorum,
        conditions: &[Condition],
    ) -> u32 {
        let mut known: Vec<Known> =
            conditions.iter().map(|condition| self.hold(hashing, condition)).collect();
        known.sort_unstable();
        let sizes = known.iter().map(|it| self.lists.targets(self.list_of(*it)).len());
        let smallest = sizes.enumerate().min_by_key(|(_, size)| *size);
        let listed_under = smallest.map_or(0, |(place, _)| place as u32);
        let rule = RuleRecord { target, quorum, conditions: known.into(), listed_under };
        let number = self.rules.insert(rule);
        self.for_each_list(number, |lists, posting| lists.add(hashing, posting, number));
        number
    }

    pub(crate) fn take(&mut self, hashing: &Hashing, number: u32) {
        self.for_each_list(number, |lists, posting| lists.take(hashing, posting, number));
        for condition in self.rules.remove(number).conditions {
            if condition.pair != PRESENCE {
                self.pairs.release(hashing, condition.pair);
            }
            self.names.release(hashing, condition.name);
        }
        if self.rules.len() == 0 {
            *self = Self::new();
        }
    }

    /// Finds what the message's headers meet; of two headers of one name the last counts.
    fn gather(
        &self,
        hashing: &Hashing,
        headers: &dyn Headers,
        scratch: &mut HeadersScratch,
        work: &mut Work,
    ) {
        let HeadersScratch { met, canonical, spelling } = scratch;
        met.clear();
        headers.for_each(&mut |name, value| {
            work.spend(1);
            if let Some(name) = self.names.find(hashing, name, spelling) {
                canonical.clear();
                canonical.extend_from_slice(&name.to_be_bytes());
                value.as_compared().write_canonical(canonical);
                work.spend(canonical.len() / OCTETS_A_STEP);
                let pair = self.pairs.find(hashing, canonical, spelling).unwrap_or(Words::UNKNOWN);
                met.push(Met { name, pair, place: met.len() });
            }
        });
        met.sort_unstable_by_key(|met| (met.name, Reverse(met.place)));
        met.dedup_by_key(|condition| condition.name);
    }

    fn hold(&mut self, hashing: &Hashing, condition: &Condition) -> Known {
        let name = self.names.hold(hashing, &condition.name);
        let pair = match &condition.value {
            None => PRESENCE,
            Some(value) => {
                let mut canonical = Vec::from(name.to_be_bytes());
                canonical.extend_from_slice(value);
                self.pairs.hold(hashing, &canonical)
            }
        };
        for (lists, number) in [(&mut self.by_name, name), (&mut self.by_pair, pair)] {
            if number != PRESENCE && lists.len() <= number as usize {
                lists.resize(number as usize + 1, Posting::EMPTY);
            }
        }
        Known { name, pair }
    }

    fn list_of(&self, condition: Known) -> &Posting {
        match condition.pair {
            PRESENCE => &self.by_name[condition.name as usize],
            pair => &self.by_pair[pair as usize],
        }
    }

    /// Every list that a rule is in.
    fn for_each_list(&mut self, rule: u32, mut change: impl FnMut(&mut Postings, &mut Posting)) {
        let RuleRecord { quorum, ref conditions, listed_under, .. } = self.rules[rule];
        let listed = match quorum {
            Quorum::Any => &conditions[..],
            Quorum::All if conditions.is_empty() => {
                change(&mut self.lists, &mut self.always);
                return;
            }
            Quorum::All => slice::from_ref(&conditions[listed_under as usize]),
        };
        for condition in listed {
            let posting = match condition.pair {
                PRESENCE => &mut self.by_name[condition.name as usize],
                pair => &mut self.by_pair[pair as usize],
            };
            change(&mut self.lists, posting);
        }
    }
}

impl RuleRecord {
    /// Whether a message agrees that meets these conditions, one of which led here.
    fn agrees(&self, met: &[Met]) -> bool {
        let is_met = |condition: &Known| {
            let found = met.binary_search_by_key(&condition.name, |it| it.name);
            found.is_ok_and(|at| condition.pair == PRESENCE || met[at].pair == condition.pair)
        };
        self.quorum == Quorum::Any || self.conditions.iter().all(is_met)
    }
}

/// How many of a binding's conditions a message must meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Quorum {
    #[default]
    All,
    Any,
}

/// One condition: a header of this name, and of this value (in canonical form) unless `None`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Condition {
    pub(crate) name: Box<[u8]>,
    pub(crate) value: Option<Box<[u8]>>,
}

/// Reads the arguments of a headers binding (RabbitMQ extension: `any-with-x`, `all-with-x`).
pub(crate) fn parse(arguments: &dyn Arguments) -> Result<(Quorum, Vec<Condition>), BindError> {
    let (quorum, with_x) = match arguments.get(b"x-match") {
        None | Some(HeaderValue::Bytes(b"all")) => (Quorum::All, false),
        Some(HeaderValue::Bytes(b"any")) => (Quorum::Any, false),
        Some(HeaderValue::Bytes(b"all-with-x")) => (Quorum::All, true),
        Some(HeaderValue::Bytes(b"any-with-x")) => (Quorum::Any, true),
        Some(HeaderValue::Bytes(_)) => return Err(BindError::MatchMode),
        Some(_) => return Err(BindError::MatchModeType),
    };
    let mut conditions = Vec::new();
    arguments.for_each(&mut |name, value| {
        let skipped = if with_x { name == b"x-match" } else { name.starts_with(b"x-") };
        if skipped {
            return;
        }
        let value = match value {
            HeaderValue::Void => None,
            value => {
                let mut canonical = Vec::new();
                value.as_compared().write_canonical(&mut canonical);
                Some(canonical.into())
            }
        };
        conditions.push(Condition { name: name.into(), value });
    });
    conditions.sort();
    conditions.dedup();
    Ok((quorum, conditions))
}

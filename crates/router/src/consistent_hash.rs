//! Which target of a consistent-hash exchange takes a message: weighted rendezvous hashing.
//!
//! Every binding draws a time of arrival for every message, from the message's hash and the identity of its target, and
//! the first to arrive takes it. Times are exponentially distributed with the weight as rate, so a binding wins in exact
//! proportion to its weight, and one that comes or goes moves only the messages that it wins or had won.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::claims::Claims;
use crate::error::BindError;
use crate::limits::WEIGHT_MAX;
use crate::stable_hash::{mix, stable_hash};
use crate::work::Work;

/// The targets of one consistent-hash exchange.
#[derive(Clone, Debug)]
pub(crate) struct ConsistentHash {
    claims: Claims,
    /// The claims that count, by weight. Among equal weights the largest draw arrives first, so that only one time for
    /// each weight has to be computed.
    classes: BTreeMap<u32, Vec<Member>>,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    identity: u64,
    claim: u32,
    target: u32,
}

/// How many draws are as much work as a step.
const DRAWS_A_STEP: usize = 32;

impl ConsistentHash {
    pub(crate) const fn new() -> Self {
        Self { claims: Claims::new(), classes: BTreeMap::new() }
    }

    /// The target of a message of this hash.
    pub(crate) fn find(&self, message: u64, work: &mut Work) -> Option<u32> {
        let mut first: Option<(Arrival, u32)> = None;
        for (weight, class) in &self.classes {
            if !work.spend(class.len().div_ceil(DRAWS_A_STEP)) {
                return None;
            }
            let drawn = class.iter().map(|member| (draw(message, member.identity), member.target));
            // Targets of one identity draw the same; which of them is taken must not depend on who came and went.
            let largest = drawn.max_by_key(|(draw, target)| (*draw, *target));
            let Some((draw, target)) = largest else { continue };
            let arrival = Arrival::new(draw, *weight);
            if first.is_none_or(|(other, _)| arrival.is_before(other)) {
                first = Some((arrival, target));
            }
        }
        first.map(|(_, target)| target)
    }

    /// Adds a binding, and names it for [`ConsistentHash::take`].
    pub(crate) fn add(&mut self, target: u32, weight: u32, identity: &[u8]) -> u32 {
        let (claim, counts) = self.claims.add(target, weight, identity);
        if counts {
            self.enter(claim);
        }
        claim
    }

    pub(crate) fn take(&mut self, claim: u32) {
        let (gone, counted, successor) = self.claims.remove(claim);
        if !counted {
            return;
        }
        if let Some(class) = self.classes.get_mut(&gone.weight) {
            class.swap_remove(gone.position as usize);
            if let Some(moved) = class.get(gone.position as usize) {
                self.claims.set_position(moved.claim, gone.position as usize);
            }
            if class.is_empty() {
                self.classes.remove(&gone.weight);
            }
        }
        match successor {
            Some(successor) => self.enter(successor),
            // An emptied map keeps its last node.
            None if self.classes.is_empty() => self.classes = BTreeMap::new(),
            None => {}
        }
    }

    fn enter(&mut self, claim: u32) {
        let claimed = self.claims.get(claim);
        let member =
            Member { identity: stable_hash(&claimed.identity), claim, target: claimed.target };
        let class = self.classes.entry(claimed.weight).or_default();
        class.push(member);
        self.claims.set_position(claim, class.len() - 1);
    }
}

/// The weight that a binding key stands for.
pub(crate) fn weight(key: &[u8]) -> Result<u32, BindError> {
    let text = core::str::from_utf8(key).map_err(|_| BindError::WeightNotInteger)?;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BindError::WeightNotInteger);
    }
    if text.starts_with('-') || digits.bytes().all(|byte| byte == b'0') {
        return Err(BindError::WeightNotPositive);
    }
    match digits.parse() {
        Ok(weight) if weight <= WEIGHT_MAX => Ok(weight),
        _ => Err(BindError::WeightTooLarge),
    }
}

/// What a target of this identity draws for a message of this hash: the larger, the earlier it arrives.
pub(crate) const fn draw(message: u64, identity: u64) -> u64 {
    mix(message ^ identity)
}

/// When a binding that drew this arrives: its draw as a time, to be divided by its weight.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    time: u64,
    weight: u32,
}

impl Arrival {
    pub(crate) const fn new(draw: u64, weight: u32) -> Self {
        Self { time: negative_log2(draw), weight }
    }

    pub(crate) fn is_before(self, other: Self) -> bool {
        u128::from(self.time) * u128::from(other.weight)
            < u128::from(other.time) * u128::from(self.weight)
    }
}

/// The number of binary digits of the fraction in a time.
const FRACTION_BITS: u32 = 56;
/// The table splits an octave into this many equal parts, and a straight line joins two entries.
const STEPS_BITS: u32 = 10;

/// -log2((draw + 1/2) / 2^64), in units of 2^-56.
const fn negative_log2(draw: u64) -> u64 {
    let draw = if draw == 0 { 1 } else { draw };
    let shift = draw.leading_zeros();
    let mantissa = draw << shift;
    let step = ((mantissa << 1) >> (64 - STEPS_BITS)) as usize;
    let within = (mantissa << (1 + STEPS_BITS)) >> 32;
    let low = LOG2[step];
    let rise = LOG2[step + 1] - low;
    let log2 = low + ((rise as u128 * within as u128) >> 32) as u64;
    ((shift as u64 + 1) << FRACTION_BITS) - log2
}

/// log2(1 + i / 1024) in units of 2^-56, by repeated squaring.
static LOG2: [u64; (1 << STEPS_BITS) + 1] = {
    let mut table = [0; (1 << STEPS_BITS) + 1];
    let mut i = 0;
    while i < 1 << STEPS_BITS {
        let mut x = (1 << 62) + ((i as u128) << (62 - STEPS_BITS));
        let mut log2 = 0;
        let mut bit = FRACTION_BITS;
        while bit > 0 {
            bit -= 1;
            x = (x * x) >> 62;
            if x >= 1 << 63 {
                x >>= 1;
                log2 |= 1 << bit;
            }
        }
        table[i] = log2;
        i += 1;
    }
    table[1 << STEPS_BITS] = 1 << FRACTION_BITS;
    table
};

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn the_table_is_a_logarithm() {
        for draw in [1, 2, 3, 1 << 40, u64::MAX / 3, u64::MAX - (1 << 50), u64::MAX] {
            let exact = 64.0 - (draw as f64).log2();
            let ours = negative_log2(draw) as f64 / (1_u64 << FRACTION_BITS) as f64;
            assert!((exact - ours).abs() < 1e-6, "{draw}: {exact} {ours}");
        }
    }

    #[test]
    fn weights_are_positive_integers() {
        assert_eq!(weight(b"1"), Ok(1));
        assert_eq!(weight(b"0010"), Ok(10));
        assert_eq!(weight(b""), Err(BindError::WeightNotInteger));
        assert_eq!(weight(b"1.5"), Err(BindError::WeightNotInteger));
        assert_eq!(weight(b"0"), Err(BindError::WeightNotPositive));
        assert_eq!(weight(b"-1"), Err(BindError::WeightNotPositive));
        assert_eq!(weight(b"1000001"), Err(BindError::WeightTooLarge));
        assert_eq!(weight(b"99999999999999999999"), Err(BindError::WeightTooLarge));
    }
}

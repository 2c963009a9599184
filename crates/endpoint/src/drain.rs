//! How much of what the broker handed out has left: octets written, told back in the broker's own measure.

/// The weight (as [`Effect::weight_bytes`](warrener_broker::Effect::weight_bytes) counts it) of what waits to be
/// written, and of what was written since the broker last heard of it.
///
/// Weights and octets on the wire differ, so a part of the octets takes the same part of the weight along; what is
/// empty weighs nothing, so no error remains.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Drain {
    waiting: u64,
    drained: u64,
}

impl Drain {
    /// Something of this weight waits now.
    pub(crate) fn add(&mut self, weight: u32) {
        self.waiting += u64::from(weight);
    }

    /// Of `before` octets that waited, `count` are written.
    pub(crate) fn advance(&mut self, count: usize, before: usize) {
        let gone = if count >= before {
            self.waiting
        } else {
            // Fits: a weight is at most a few times the octets that memory can hold.
            let part = u128::from(self.waiting) * count as u128 / before as u128;
            u64::try_from(part).unwrap_or(self.waiting)
        };
        self.waiting -= gone;
        self.drained += gone;
    }

    /// What was written and not yet told.
    pub(crate) const fn drained(self) -> u64 {
        self.drained
    }

    /// The same, told now: at most as much as one input can say.
    pub(crate) fn take(&mut self) -> u32 {
        let told = u32::try_from(self.drained).unwrap_or(u32::MAX);
        self.drained -= u64::from(told);
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_octets_takes_its_part_of_the_weight() {
        let mut drain = Drain::default();
        drain.add(1_000);
        drain.advance(50, 200);
        assert_eq!(drain.drained(), 250);
        drain.advance(150, 150);
        assert_eq!(drain.take(), 1_000);
        assert_eq!(drain.take(), 0);
    }

    #[test]
    fn whatever_the_pieces_all_of_the_weight_leaves_with_the_last() {
        for piece in 1..20 {
            let mut drain = Drain::default();
            drain.add(997);
            let mut waiting = 101_usize;
            while waiting > 0 {
                let count = piece.min(waiting);
                drain.advance(count, waiting);
                waiting -= count;
            }
            assert_eq!(drain.take(), 997);
        }
    }

    #[test]
    fn nothing_written_out_of_nothing_is_nothing() {
        let mut drain = Drain::default();
        drain.advance(0, 0);
        assert_eq!(drain.take(), 0);
    }
}

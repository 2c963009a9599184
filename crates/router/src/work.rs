//! How much is done for one message.

/// What routing one message has taken, in steps: exchanges come to, nodes of a trie, bindings of headers exchanges by the two, and targets by the 32.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    most: u32,
    left: u32,
}

impl Work {
    pub(crate) const fn with_most(most: u32) -> Self {
        Self { most, left: most }
    }

    pub(crate) const fn set_most(&mut self, most: u32) {
        *self = Self::with_most(most);
    }

    /// A new message.
    #[inline]
    pub(crate) const fn begin(&mut self) {
        self.left = self.most;
    }

    /// Takes so many steps; whether there are any left.
    #[inline]
    pub(crate) fn spend(&mut self, steps: usize) -> bool {
        self.left = self.left.saturating_sub(u32::try_from(steps).unwrap_or(u32::MAX));
        self.left > 0
    }

    #[inline]
    pub(crate) const fn is_spent(&self) -> bool {
        self.left == 0
    }

    pub(crate) const fn steps(&self) -> u32 {
        self.most - self.left
    }
}

//! Which channel numbers are free.

use std::collections::BTreeSet;

use warrener_codec::ChannelId;

/// The numbers of channels that are not in use.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// The highest that ever was in use.
    highest: u16,
    returned: BTreeSet<ChannelId>,
}

impl Numbers {
    /// The lowest free number, if there is one up to `max`.
    pub(crate) fn take(&mut self, max: u16) -> Option<ChannelId> {
        if let Some(id) = self.returned.pop_first() {
            return Some(id);
        }
        self.highest = self.highest.checked_add(1).filter(|next| *next <= max)?;
        Some(ChannelId::new(self.highest))
    }

    pub(crate) fn give_back(&mut self, id: ChannelId) {
        self.returned.insert(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_number_is_taken_up_to_the_last_and_those_given_back_first() {
        let mut numbers = Numbers::default();
        for number in 1..=u16::MAX {
            assert_eq!(numbers.take(u16::MAX), Some(ChannelId::new(number)));
        }
        assert_eq!(numbers.take(u16::MAX), None);
        numbers.give_back(ChannelId::new(9));
        numbers.give_back(ChannelId::new(7));
        assert_eq!(numbers.take(u16::MAX), Some(ChannelId::new(7)));
        assert_eq!(numbers.take(u16::MAX), Some(ChannelId::new(9)));
        assert_eq!(numbers.take(u16::MAX), None);
    }
}

//! Publisher confirms on their way out: kept as ranges while much waits to be written, and merged when there is room.
//!
//! A client may publish a million messages before it reads the first confirm. Its confirms wait as the ranges that they
//! are, so that they take no memory to speak of, and do not count as something that it does not read.

use alloc::collections::BTreeMap;

use warrener_broker::Confirm;
use warrener_codec::ChannelId;

/// What waits, by channel.
#[derive(Debug, Default)]
pub(crate) struct Confirms {
    channels: BTreeMap<ChannelId, Channel>,
    /// How many ranges wait.
    ranges: usize,
}

/// What a channel's publishes were answered with.
#[derive(Debug, Default)]
struct Channel {
    /// Every publish up to this one is answered.
    floor: u64,
    /// Those answered beyond, from one to another.
    beyond: BTreeMap<u64, u64>,
    /// Those whose answer waits, from one to another, and whether it is basic.ack.
    waiting: BTreeMap<u64, (u64, bool)>,
}

/// One basic.ack or basic.nack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) delivery_tag: u64,
    pub(crate) multiple: bool,
    pub(crate) accepted: bool,
}

impl Confirms {
    /// Whether nothing waits.
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.ranges == 0
    }

    /// How many ranges wait: a few, unless a client is refused every other message.
    pub(crate) const fn ranges(&self) -> usize {
        self.ranges
    }

    /// A confirm that can be written at once, as it is, if it can.
    #[inline]
    pub(crate) fn pass(&mut self, confirm: &Confirm) -> Option<Answer> {
        let channel = self.channels.entry(confirm.channel).or_default();
        let Confirm { delivery_tag, multiple, accepted, .. } = *confirm;
        let is_next = multiple || channel.floor + 1 == delivery_tag;
        if !is_next || !channel.beyond.is_empty() || !channel.waiting.is_empty() {
            return None;
        }
        channel.floor = channel.floor.max(delivery_tag);
        Some(Answer { delivery_tag, multiple, accepted })
    }

    /// Keeps a confirm.
    pub(crate) fn keep(&mut self, confirm: &Confirm) {
        let channel = self.channels.entry(confirm.channel).or_default();
        let before = channel.waiting.len();
        let from = if confirm.multiple { channel.floor + 1 } else { confirm.delivery_tag };
        channel.keep(from, confirm.delivery_tag, confirm.accepted);
        self.ranges = self.ranges + channel.waiting.len() - before;
    }

    /// The next to be written, of any channel.
    pub(crate) fn poll(&mut self) -> Option<(ChannelId, Answer)> {
        if self.is_empty() {
            return None;
        }
        let mut waiting = self.channels.iter().filter(|(_, channel)| !channel.waiting.is_empty());
        let number = *waiting.next()?.0;
        self.poll_channel(number).map(|answer| (number, answer))
    }

    /// The next to be written of this channel.
    pub(crate) fn poll_channel(&mut self, number: ChannelId) -> Option<Answer> {
        let channel = self.channels.get_mut(&number)?;
        let before = channel.waiting.len();
        let answer = channel.poll();
        self.ranges = self.ranges + channel.waiting.len() - before;
        answer
    }

    /// A channel begins, and counts from 1.
    pub(crate) fn forget(&mut self, number: ChannelId) {
        if let Some(channel) = self.channels.remove(&number) {
            self.ranges -= channel.waiting.len();
        }
    }

    /// Nobody is to be told any more.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Channel {
    /// Keeps an answer to the publishes between these that have none.
    fn keep(&mut self, mut from: u64, upto: u64, accepted: bool) {
        while from <= upto {
            let waiting = self.waiting.range(..=from).next_back().map(|(_, (to, _))| *to);
            let beyond = self.beyond.range(..=from).next_back().map(|(_, to)| *to);
            if let Some(to) = waiting.max(beyond).filter(|to| *to >= from) {
                from = to + 1;
                continue;
            }
            let next = self.waiting.range(from..).next().map(|(next, _)| *next);
            let other = self.beyond.range(from..).next().map(|(next, _)| *next);
            let gap = next.into_iter().chain(other).min().map_or(upto, |next| upto.min(next - 1));
            self.insert(from, gap, accepted);
            from = gap + 1;
        }
    }

    /// Adds a range that touches none of those that are there, and joins it with its neighbours.
    fn insert(&mut self, mut from: u64, mut to: u64, accepted: bool) {
        if let Some((before, (end, same))) = self.waiting.range(..from).next_back()
            && (*end + 1, *same) == (from, accepted)
        {
            from = *before;
        }
        if let Some((end, same)) = self.waiting.get(&(to + 1)).copied()
            && same == accepted
        {
            self.waiting.remove(&(to + 1));
            to = end;
        }
        self.waiting.insert(from, (to, accepted));
    }

    /// The first range is written as one, if all before it is answered; otherwise one by one, because it would take what is
    /// not answered along.
    fn poll(&mut self) -> Option<Answer> {
        let (from, (to, accepted)) = self.waiting.pop_first()?;
        if from == self.floor + 1 {
            self.floor = to;
            while let Some(end) = self.beyond.remove(&(self.floor + 1)) {
                self.floor = end;
            }
            return Some(Answer { delivery_tag: to, multiple: to > from, accepted });
        }
        if to > from {
            self.waiting.insert(from + 1, (to, accepted));
        }
        match self.beyond.range_mut(..from).next_back() {
            Some((_, end)) if *end + 1 == from => *end = from,
            _ => {
                self.beyond.insert(from, from);
            }
        }
        if let Some(end) = self.beyond.remove(&(from + 1))
            && let Some((_, own)) = self.beyond.range_mut(..=from).next_back()
        {
            *own = end;
        }
        Some(Answer { delivery_tag: from, multiple: false, accepted })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use alloc::vec::Vec;

    use proptest::prelude::*;
    use warrener_broker::ConnectionId;

    fn confirm(delivery_tag: u64, multiple: bool, accepted: bool) -> Confirm {
        let (connection, channel) = (ConnectionId(1), ChannelId::new(1));
        Confirm { connection, channel, delivery_tag, multiple, accepted }
    }

    #[test]
    fn a_million_in_a_row_are_one_range_and_one_answer() {
        let mut confirms = Confirms::default();
        for tag in 1..=1_000_000 {
            confirms.keep(&confirm(tag, false, true));
        }
        assert_eq!(confirms.ranges(), 1);
        let all = Answer { delivery_tag: 1_000_000, multiple: true, accepted: true };
        assert_eq!(confirms.poll(), Some((ChannelId::new(1), all)));
        assert_eq!((confirms.poll(), confirms.is_empty()), (None, true));
        assert_eq!(
            confirms.pass(&confirm(1_000_001, false, true)).map(|own| own.multiple),
            Some(false)
        );
    }

    #[test]
    fn what_is_not_answered_yet_is_not_taken_along() {
        let mut confirms = Confirms::default();
        confirms.keep(&confirm(2, false, true));
        confirms.keep(&confirm(3, false, true));
        let tags = |confirms: &mut Confirms| {
            core::iter::from_fn(|| confirms.poll())
                .map(|(_, answer)| (answer.delivery_tag, answer.multiple))
                .collect::<Vec<_>>()
        };
        assert_eq!(tags(&mut confirms), [(2, false), (3, false)]);
        confirms.keep(&confirm(1, false, true));
        confirms.keep(&confirm(4, false, true));
        assert_eq!(tags(&mut confirms), [(1, false), (4, false)]);
        confirms.keep(&confirm(6, true, true));
        assert_eq!(tags(&mut confirms), [(6, true)]);
    }

    /// What a client makes of answers: what becomes of each publish.
    fn heard(answers: &[Answer], count: u64) -> Vec<Option<bool>> {
        let mut all = std::vec![None; count as usize];
        for answer in answers {
            let from = if answer.multiple { 1 } else { answer.delivery_tag };
            for tag in from..=answer.delivery_tag {
                let own: &mut Option<bool> = &mut all[tag as usize - 1];
                if !answer.multiple {
                    assert_eq!(*own, None, "{tag} is answered once");
                }
                own.get_or_insert(answer.accepted);
            }
        }
        all
    }

    proptest! {
        #[test]
        fn each_publish_gets_its_own_answer_whatever_waits(
            steps in prop::collection::vec((0..40_u64, any::<bool>(), any::<bool>(), 0..4_u8), 1..80),
        ) {
            const COUNT: u64 = 40;
            let mut confirms = Confirms::default();
            let mut model: Vec<Option<bool>> = std::vec![None; COUNT as usize];
            let mut answers = Vec::new();
            for (pick, multiple, accepted, then) in steps {
                let open: Vec<u64> =
                    (1..=COUNT).filter(|tag| model[*tag as usize - 1].is_none()).collect();
                if open.is_empty() {
                    break;
                }
                let tag = open[pick as usize % open.len()];
                let accepted = accepted || multiple;
                let first = if multiple { 1 } else { tag };
                for own in first..=tag {
                    model[own as usize - 1].get_or_insert(accepted);
                }
                let confirm = confirm(tag, multiple, accepted);
                match (then, confirms.is_empty()) {
                    (0, true) => match confirms.pass(&confirm) {
                        Some(answer) => answers.push(answer),
                        None => confirms.keep(&confirm),
                    },
                    _ => confirms.keep(&confirm),
                }
                for _ in 1..then {
                    answers.extend(confirms.poll().map(|(_, answer)| answer));
                }
            }
            answers.extend(core::iter::from_fn(|| confirms.poll()).map(|(_, answer)| answer));
            prop_assert_eq!(heard(&answers, COUNT), model);
            prop_assert!(confirms.is_empty());
        }
    }
}

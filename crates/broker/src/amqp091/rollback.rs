//! What a transaction said, and is not to be: in slices, its publishes are forgotten and its deliveries stand again where
//! they stood.

use alloc::vec::Vec;

use crate::amqp091::publish::Checked;
use crate::amqp091::settling::SETTLED_AT_ONCE;
use crate::amqp091::transaction::Transaction;
use crate::amqp091::unacked::{Delivered, PLACES_A_VISIT};
use crate::broker::Broker;
use crate::config::BODY_BYTES_A_VISIT;
use crate::effect::Effect;
use crate::id::ChannelKey;

/// What is left of transactions that were rolled back, or whose channel ends.
#[derive(Debug, Default)]
pub(crate) struct Undone {
    publishes: Vec<Checked>,
    /// What would have been settled, in the order of tags.
    pub(crate) settled: Vec<Delivered>,
}

impl Undone {
    /// All that a transaction said.
    pub(crate) fn add(&mut self, transaction: Transaction) {
        let (publishes, settles) = transaction.into_parts();
        // As a rule there is nothing before it, and then nothing is moved.
        if self.publishes.is_empty() {
            self.publishes = publishes;
        } else {
            self.publishes.extend(publishes);
        }
        self.settled.extend(settles.into_iter().map(|(delivered, _)| delivered));
        self.settled.sort_unstable_by_key(|delivered| delivered.tag);
    }
}

impl Broker {
    /// Goes on with rolling back; whether that was all.
    pub(crate) fn roll_back_slice(&mut self, key: ChannelKey, out: &[Effect]) -> bool {
        if !self.forget_publishes(key, out) {
            return false;
        }
        while !self.amqp.channel(key).slices.undone.settled.is_empty() {
            let bound = self.realm.effort.left(out.len()).min(SETTLED_AT_ONCE) as usize;
            if bound == 0 {
                return false;
            }
            let channel = self.amqp.channel_mut(key);
            let settled = &mut channel.slices.undone.settled;
            let before = settled.len();
            let moved = channel.unacked.put_back(settled, bound);
            let put_back = before - settled.len();
            self.realm.effort.visit(put_back + moved / PLACES_A_VISIT);
        }
        self.amqp.channel_mut(key).slices.undone = Undone::default();
        true
    }

    /// Goes on with forgetting publishes that are not to be; whether those were all.
    pub(crate) fn forget_publishes(&mut self, key: ChannelKey, out: &[Effect]) -> bool {
        let channel = self.amqp.channels.get_mut(key).expect("the key of a channel that is there");
        while let Some(checked) = channel.slices.undone.publishes.last() {
            if self.realm.effort.is_spent(out.len()) {
                return false;
            }
            let pages = checked.new.content.body.len() / BODY_BYTES_A_VISIT as usize;
            self.realm.effort.visit(1 + pages.min(LARGEST));
            channel.slices.undone.publishes.pop();
        }
        true
    }
}

/// What forgetting one message is counted as at most: the largest goes in one piece, whatever that takes.
const LARGEST: usize = 1_024;

//! Who is served next, in the model.

use super::{Consumer, Model, Where};
use crate::{ConsumerId, Effect, SingleActive};
use alloc::vec::Vec;
use core::cmp::Reverse;

impl Model {
    pub(super) fn holds_something(&self, consumer: ConsumerId) -> bool {
        self.search().iter().any(
            |message| matches!(message.at, Where::Out { consumer: Some(by), .. } if by == consumer),
        )
    }

    pub(super) fn best(&self) -> Option<&Consumer> {
        match self.config.single_active {
            SingleActive::Off => None,
            SingleActive::FirstCome => self.consumers.first(),
            SingleActive::HighestPriority => {
                // The first of those with the highest priority: `max_by_key` would find the last.
                self.consumers.iter().rev().max_by_key(|consumer| consumer.how.priority)
            }
        }
    }

    /// The active one is to hand over to one of a higher priority.
    pub(super) fn is_outranked(&self) -> bool {
        let active = self.consumers.iter().find(|consumer| Some(consumer.id) == self.active);
        self.config.single_active == SingleActive::HighestPriority
            && active.zip(self.best()).is_some_and(|(a, b)| b.how.priority > a.how.priority)
    }

    pub(super) fn choose_active(&mut self) {
        if self.config.single_active == SingleActive::Off {
            self.active = None;
            return;
        }
        let stays = self.active.is_some_and(|active| {
            self.consumers.iter().any(|consumer| consumer.id == active)
                && (!self.is_outranked() || self.holds_something(active))
        });
        if !stays {
            self.active = self.best().map(|consumer| consumer.id);
            self.effects.extend(self.active.map(Effect::Activated));
        }
    }

    pub(super) fn next_consumer(&self) -> Option<usize> {
        let mut candidates: Vec<usize> = (0..self.consumers.len()).collect();
        candidates.retain(|index| self.consumers[*index].credit > 0);
        if self.config.single_active != SingleActive::Off {
            let outranked = self.is_outranked();
            candidates.retain(|index| Some(self.consumers[*index].id) == self.active && !outranked);
        }
        candidates.into_iter().min_by_key(|index| {
            (Reverse(self.consumers[*index].how.priority), self.consumers[*index].turn)
        })
    }

    pub(super) const fn next_turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }
}

//! Exchanges that keep messages: each has a queue behind it that no client sees.
//!
//! That queue is one like any other: it counts, has the engine's time index, and its messages are on disk and come back
//! after a restart. Records name it by the record of its exchange.

use alloc::vec::Vec;

use warrener_codec::Table;
use warrener_queue::{Config as QueueConfig, Overflow, Rare};
use warrener_router::{ExchangeId, Watch};
use warrener_time::Time;

use crate::arguments::{QueueKind, Settings};
use crate::declare::{QueueSlot, QueueSpec};
use crate::delayed_message::delay_of;
use crate::effect::Effect;
use crate::exchange_kind::{ExchangeKind, history_length};
use crate::id::{QueueId, VhostId};
use crate::message::NewMessage;
use crate::realm::{Happened, Realm};
use crate::recent_history::is_kept;
use crate::refusal::Resource;

/// For which exchange a queue keeps messages, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// Until their time has come.
    Delays(ExchangeId),
    /// For whoever is bound next.
    Remembers(ExchangeId),
}

impl QueueSlot {
    /// Whether a message is on disk for this queue, if the queue is.
    #[inline]
    pub(crate) fn keeps(&self, persistent: bool) -> bool {
        persistent
            || self.settings.kind == QueueKind::Quorum
            || matches!(self.keeper, Some(Keeper::Delays(_)))
    }
}

impl QueueSlot {
    /// What is rare about a message that an exchange keeps. Its time to live begins where it goes then.
    pub(crate) fn rare_of(&self, published: Time, message: &NewMessage) -> Rare {
        let delays = matches!(self.keeper, Some(Keeper::Delays(_)));
        let delay = delay_of(&message.content.properties).filter(|_| delays);
        Rare { not_before: delay.map(|delay| published + delay), ..Rare::default() }
    }
}

impl Realm {
    /// Gives an exchange the queue that it keeps messages in, if its type keeps any.
    pub(crate) fn add_keeper(&mut self, vhost: VhostId, exchange: ExchangeId) -> Option<QueueId> {
        let own = self.vhosts[vhost].exchange_at(exchange).expect("it was just added");
        let (keeper, watch, config) = match own.spec.kind {
            ExchangeKind::Delayed => {
                let config = QueueConfig::default()
                    .with_max_length(Some(self.limits.delayed_per_exchange))
                    .with_overflow(Overflow::RejectPublish);
                (Keeper::Delays(exchange), Watch::Stopping, config)
            }
            ExchangeKind::RecentHistory => {
                let length = history_length(&own.spec.arguments).expect("checked when declared");
                let config = QueueConfig::default().with_max_length(Some(length));
                (Keeper::Remembers(exchange), Watch::Passing, config)
            }
            _ => return None,
        };
        let spec = QueueSpec {
            name: own.spec.name.clone(),
            durable: own.spec.durable,
            owner: None,
            auto_delete: false,
            arguments: Table::EMPTY,
            is_generated: true,
        };
        let record = own.record;
        let settings = Settings::parse(&spec.arguments, &Resource::queue(b"", b""))
            .expect("no arguments, no mistakes");
        let shelf = self.messages.add_shelf();
        self.held_elsewhere_bytes += spec.held_bytes();
        let slot = QueueSlot::new(Time::ZERO, vhost, spec, settings, record, shelf);
        let id = self.queues.insert(slot);
        let slot = self.queue_mut(id);
        slot.keeper = Some(keeper);
        slot.queue.reconfigure(Time::ZERO, config, &mut Vec::new());
        let place = &mut self.vhosts[vhost];
        place.router.set_watch(exchange, watch);
        place.exchange_at_mut(exchange).expect("it was just there").keeper = Some(id);
        place.keepers += 1;
        Some(id)
    }

    /// Its exchange is gone, and what it keeps with it: in its turn, and without a word to the log, which has forgotten
    /// the exchange.
    pub(crate) fn orphan_keeper(&mut self, id: QueueId) {
        let slot = self.queue_mut(id);
        slot.record = None;
        let vhost = slot.vhost;
        self.vhosts[vhost].keepers -= 1;
        self.happened.push_back((id, Happened::Orphaned));
    }

    /// Before a message is routed: whether it stops at exchanges that delay.
    #[inline]
    pub(crate) fn prepare_keepers(&mut self, vhost: VhostId, message: &NewMessage) {
        if self.vhosts[vhost].keepers > 0 {
            let delay = delay_of(&message.content.properties);
            self.matches.stop_at_watched(delay.is_some());
        }
    }

    /// After a message was routed: what keeps it for the exchanges that it came to.
    #[inline]
    pub(crate) fn add_keepers(
        &self,
        vhost: VhostId,
        message: &NewMessage,
        targets: &mut Vec<QueueId>,
    ) {
        for exchange in self.matches.watched() {
            let own = self.vhosts[vhost].exchange_at(*exchange);
            let Some(id) = own.and_then(|own| own.keeper) else { continue };
            if !self.remembers(id) || is_kept(&message.content.properties) {
                targets.push(id);
            }
        }
    }

    /// Whether this is what an exchange remembers messages in: nobody gets them from there.
    pub(crate) fn remembers(&self, id: QueueId) -> bool {
        matches!(self.queue(id).keeper, Some(Keeper::Remembers(_)))
    }

    /// Empties the queue of an exchange that is gone.
    pub(crate) fn dissolve(&mut self, now: Time, id: QueueId, out: &mut Vec<Effect>) {
        if self.queues.get(id).is_some_and(|slot| !slot.deleted) {
            self.empty_deleted(now, id, out);
        }
    }
}

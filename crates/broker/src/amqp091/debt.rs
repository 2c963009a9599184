//! Credit by work done: who causes much of it (destinations, octets, entries) is not read for a while, so that others have
//! their turns.

use alloc::vec::Vec;

use crate::broker::Broker;
use crate::config::PAID_PER_TURN;
use crate::effect::Effect;
use crate::id::{ClientKey, ConnectionId};
use crate::input::Input;

impl Input {
    /// Who is charged with what it leads to.
    #[inline]
    pub(crate) const fn debtor(&self) -> Option<ConnectionId> {
        match self {
            Self::Publish(connection, ..)
            | Self::Method(connection, ..)
            | Self::ChannelOpened(connection, _)
            | Self::ChannelClosed(connection, ..) => Some(*connection),
            Self::Connected(_)
            | Self::Oversized(..)
            | Self::Closed(_)
            | Self::Disconnected(_)
            | Self::Drained(..)
            | Self::Persisted(_)
            | Self::Written(_)
            | Self::InFragments(_)
            | Self::Alarm(..)
            | Self::Unfinished(..)
            | Self::Expel(..)
            | Self::Event(..)
            | Self::Refuse(_)
            | Self::Loaded(_)
            | Self::Command(..)
            | Self::Shutdown
            | Self::Failed => None,
        }
    }
}

impl Broker {
    /// What a connection has asked for was much work.
    #[cold]
    pub(crate) fn charge(&mut self, connection: ConnectionId, visits: u64, out: &mut Vec<Effect>) {
        let Some(key) = self.amqp.client(connection) else { return };
        let client = self.amqp.clients.get_mut(key).expect("a client that is there");
        client.debt += visits;
        self.amqp.debtors.insert(key);
        if client.debt > self.realm.limits.debt_visits && !client.owes_much {
            self.amqp.stopped_debtors += 1;
            out.extend(client.repause(|client| client.owes_much = true));
        }
    }

    /// A turn in which everybody could be served: debts grow less, the same for each.
    pub(crate) fn pay_debts(&mut self, out: &mut Vec<Effect>) {
        if self.amqp.debtors.is_empty() {
            return;
        }
        let debtors: Vec<ClientKey> =
            self.amqp.debtors.iter().copied().take(PAID_AT_ONCE).collect();
        for key in debtors {
            self.realm.effort.visit(1);
            let Some(client) = self.amqp.clients.get_mut(key) else { continue };
            client.debt = client.debt.saturating_sub(PAID_PER_TURN);
            let is_free = client.debt == 0;
            if client.owes_much && client.debt <= self.realm.limits.debt_visits / 2 {
                self.amqp.stopped_debtors -= 1;
                out.extend(client.repause(|client| client.owes_much = false));
            }
            if is_free {
                self.amqp.debtors.remove(&key);
            }
        }
    }

    /// A client that goes owes nothing any more.
    pub(crate) fn forgive(&mut self, key: ClientKey) {
        self.amqp.debtors.remove(&key);
        let Some(client) = self.amqp.clients.get_mut(key) else { return };
        if core::mem::replace(&mut client.owes_much, false) {
            self.amqp.stopped_debtors -= 1;
        }
    }
}

/// How many debts grow less in a turn.
const PAID_AT_ONCE: usize = 256;

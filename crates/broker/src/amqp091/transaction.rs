//! tx.select, tx.commit and tx.rollback (AMQP 0-9-1 §1.9): publishes and settlements that wait for a commit.

use alloc::vec::Vec;

use warrener_codec::Method;
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

use crate::amqp091::channel::Mode;
use crate::amqp091::parked::{Parked, Stall};
use crate::amqp091::publish::Checked;
use crate::amqp091::unacked::Delivered;
use crate::broker::Broker;
use crate::config::Limits;
use crate::effect::Effect;
use crate::id::{ChannelKey, QueueId};
use crate::message::NewMessage;
use crate::refusal::Reason;
use crate::settle::Settlement;
use crate::sync::Sync;
use crate::transaction::Work;

/// What a channel has said since its last commit or rollback.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    publishes: Vec<Checked>,
    settles: Vec<(Delivered, Settlement)>,
    bytes: u64,
    /// How often its commit has waited for the contents of what it rejects. Where memory is short they may leave again
    /// before they are needed, and then the commit goes on without them.
    waits: usize,
}

impl Transaction {
    /// Keeps a publish that passed its checks.
    pub(crate) fn publish(&mut self, mut checked: Checked, limits: &Limits) -> Result<(), Reason> {
        checked.new.detach();
        let content = &checked.new.content;
        self.bytes += (content.body.len() + content.properties.as_bytes().len()) as u64;
        self.publishes.push(checked);
        self.check(limits)
    }

    /// How many publishes and how many settlements it holds.
    pub(crate) const fn sizes(&self) -> (usize, usize) {
        (self.publishes.len(), self.settles.len())
    }

    /// Keeps settlements of deliveries that the channel has forgotten, and leaves `taken` empty.
    pub(crate) fn settle(
        &mut self,
        taken: &mut Vec<Delivered>,
        settlement: Settlement,
        limits: &Limits,
    ) -> Result<(), Reason> {
        self.settles.extend(taken.drain(..).map(|delivered| (delivered, settlement)));
        self.check(limits)
    }

    /// Whether so many more settlements are within its bounds.
    pub(crate) fn check_more(&self, more: usize, limits: &Limits) -> Result<(), Reason> {
        self.check_entries(self.publishes.len() + self.settles.len() + more, limits)
    }

    fn check(&self, limits: &Limits) -> Result<(), Reason> {
        self.check_entries(self.publishes.len() + self.settles.len(), limits)
    }

    fn check_entries(&self, entries: usize, limits: &Limits) -> Result<(), Reason> {
        if entries > limits.transaction_entries {
            let limit = limits.transaction_entries as u64;
            return Err(Reason::TransactionTooLarge { limit, unit: "entries" });
        }
        Ok(())
    }

    /// What its publishes take of memory.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What is to be settled.
    pub(crate) fn settled(&self) -> &[(Delivered, Settlement)] {
        &self.settles
    }

    /// The deliveries whose settlement never came.
    pub(crate) fn into_settled(self) -> impl Iterator<Item = Delivered> {
        self.settles.into_iter().map(|(delivered, _)| delivered)
    }
}

impl Broker {
    pub(crate) fn tx_select(
        &mut self,
        key: ChannelKey,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let channel = self.amqp.channel_mut(key);
        match channel.mode {
            Mode::Confirming(_) => return Err(Reason::ConfirmToTx),
            Mode::Transactional(_) => {}
            Mode::Plain => channel.mode = Mode::Transactional(Default::default()),
        }
        self.reply(key, Method::TxSelectOk, false, None, out);
        Ok(())
    }

    pub(crate) fn tx_commit(
        &mut self,
        now: Time,
        key: ChannelKey,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let mut transaction = self.transaction(key)?;
        if transaction.waits < transaction.settles.len() {
            let settles = transaction.settles.iter().map(|(own, how)| (own.queue, own.seq, *how));
            if let Some(queue) = self.realm.ask_for_dying(settles, out) {
                transaction.waits += 1;
                self.restore_transaction(key, transaction);
                self.stall(key, Stall::Content(queue), Parked::Method(Method::TxCommit));
                return Ok(());
            }
        }
        let publishes: Vec<_> =
            transaction.publishes.iter().map(|c| (c.new.clone(), c.targets.clone())).collect();
        if !self.realm.has_room_for(&publishes) {
            // The channel closes and gives back what it holds, what the transaction would have settled included.
            self.restore_transaction(key, transaction);
            return Err(Reason::TransactionRefused);
        }
        let Transaction { publishes, settles, .. } = transaction;
        let awaited = self.amqp.channel(key).sync == Sync::Always;
        let mut work = Work { awaited, ..Work::default() };
        for checked in publishes {
            work.publishes.extend(self.route_committed(now, key, checked, out));
        }
        let mut delivered: Vec<_> = settles.iter().map(|(delivered, _)| *delivered).collect();
        self.uncount(key, &delivered);
        delivered.clear();
        work.settles.extend(settles.into_iter().map(|(own, how)| (own.queue, own.seq, how)));
        let accepted = work.settles.iter().filter(|(.., how)| *how == Settlement::Accepted).count();
        self.realm.stats.acknowledged += accepted as u64;
        let record = self.realm.commit(now, work, out);
        #[cfg(warrener_planted)]
        let record = record.filter(|_| !planted(Bug::CommitBeforeSync));
        self.reply(key, Method::TxCommitOk, false, record, out);
        Ok(())
    }

    /// A message of a transaction that is committed: what is left of it for queues.
    fn route_committed(
        &mut self,
        now: Time,
        key: ChannelKey,
        checked: Checked,
        out: &mut Vec<Effect>,
    ) -> Option<(NewMessage, Vec<QueueId>)> {
        let Checked { new, targets, reached, repliers, mandatory } = checked;
        if targets.is_empty() {
            self.without_queues(now, key, new, &repliers, mandatory, out);
            return None;
        }
        if !reached {
            self.without_queues(now, key, new.clone(), &[], mandatory, out);
        }
        self.hand_to_repliers(now, &repliers, &new, out);
        Some((new, targets))
    }

    pub(crate) fn tx_rollback(
        &mut self,
        key: ChannelKey,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let transaction = self.transaction(key)?;
        #[cfg(warrener_planted)]
        let transaction = self.roll_back_all_but_publishes(key, transaction);
        self.amqp.channel_mut(key).unacked.put_back(transaction.into_settled());
        self.reply(key, Method::TxRollbackOk, false, None, out);
        Ok(())
    }

    /// Keeps the publishes of a transaction for the next one, if that bug is planted.
    #[cfg(warrener_planted)]
    fn roll_back_all_but_publishes(
        &mut self,
        key: ChannelKey,
        mut transaction: Transaction,
    ) -> Transaction {
        if planted(Bug::RollbackPublishes)
            && let Mode::Transactional(next) = &mut self.amqp.channel_mut(key).mode
        {
            next.publishes = core::mem::take(&mut transaction.publishes);
        }
        transaction
    }

    /// Takes what the channel has said so far; it goes on with an empty transaction.
    fn transaction(&mut self, key: ChannelKey) -> Result<Transaction, Reason> {
        let taken = match &mut self.amqp.channel_mut(key).mode {
            Mode::Transactional(transaction) => core::mem::take(&mut **transaction),
            Mode::Plain | Mode::Confirming(_) => return Err(Reason::NotTransactional),
        };
        let _ = self.count_transaction(key, taken.bytes, 0);
        Ok(taken)
    }

    /// A channel's transaction has grown or gone. All of a client's together may be only so large.
    pub(crate) fn count_transaction(
        &mut self,
        key: ChannelKey,
        before: u64,
        after: u64,
    ) -> Result<(), Reason> {
        self.realm.held_elsewhere_bytes = self.realm.held_elsewhere_bytes + after - before;
        let client = self.amqp.channel(key).client;
        let Some(client) = self.amqp.clients.get_mut(client) else { return Ok(()) };
        client.transaction_bytes = client.transaction_bytes + after - before;
        let limit = self.realm.limits.transaction_bytes;
        if after > before && client.transaction_bytes > limit {
            return Err(Reason::TransactionTooLarge { limit, unit: "bytes" });
        }
        Ok(())
    }

    fn restore_transaction(&mut self, key: ChannelKey, before: Transaction) {
        if let Mode::Transactional(transaction) = &mut self.amqp.channel_mut(key).mode {
            let bytes = before.bytes;
            **transaction = before;
            let _ = self.count_transaction(key, 0, bytes);
        }
    }
}

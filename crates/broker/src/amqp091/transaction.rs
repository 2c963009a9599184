//! tx.select, tx.commit and tx.rollback (AMQP 0-9-1 §1.9): publishes and settlements that wait for a commit.

use alloc::collections::BTreeMap;
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
use crate::job::Job;
use crate::refusal::Reason;
use crate::settle::Settlement;
use crate::transaction::Settled;

/// What a channel has said since its last commit or rollback.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    publishes: Vec<Checked>,
    settles: Vec<(Delivered, Settlement)>,
    bytes: u64,
    looked: Looked,
}

/// How far a commit has looked whether it can be.
#[derive(Debug, Default)]
struct Looked {
    /// At so many settlements, for contents that are not in memory. Where memory is short they may leave again before
    /// they are needed, and then the commit goes on without them.
    settles: usize,
    /// At so many publishes, for room in their queues; and at so many queues of the next.
    publishes: usize,
    targets: usize,
    /// What comes into queues that may refuse it: messages and octets.
    coming: BTreeMap<QueueId, (u64, u64)>,
}

/// Whether a commit can be.
enum Outlook {
    Good,
    /// The turn has done enough.
    Spent,
    /// A content that it needs is on its way to this queue.
    Waits(QueueId),
    /// A queue has no room.
    Bad,
}

/// What a publish in a transaction is counted as, besides its octets.
const ENTRY_BYTES: usize = size_of::<Checked>();

impl Transaction {
    /// Keeps a publish that passed its checks.
    pub(crate) fn publish(&mut self, mut checked: Checked, limits: &Limits) -> Result<(), Reason> {
        checked.new.detach();
        let content = &checked.new.content;
        let octets = content.body.len() + content.properties.as_bytes().len();
        let targets = checked.targets.len() * size_of::<QueueId>();
        self.bytes += (octets + targets + ENTRY_BYTES) as u64;
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

    /// The publishes that never happened, and the deliveries whose settlement never came.
    pub(crate) fn into_parts(self) -> (Vec<Checked>, Vec<(Delivered, Settlement)>) {
        (self.publishes, self.settles)
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
        let outlook = self.look_at_commit(&mut transaction, out);
        match outlook {
            Outlook::Good => {
                let Transaction { publishes, settles, bytes, .. } = transaction;
                self.commit(now, key, (publishes, settles), bytes, out);
            }
            Outlook::Spent => {
                self.restore_transaction(key, transaction);
                self.stall(key, Stall::Work, Parked::Method(Method::TxCommit));
                self.realm.jobs.push_back(Job::Resume(key));
            }
            Outlook::Waits(queue) => {
                self.restore_transaction(key, transaction);
                self.stall(key, Stall::Content(queue), Parked::Method(Method::TxCommit));
            }
            Outlook::Bad => {
                // The channel closes and gives back what it holds, what the transaction would have settled included.
                self.restore_transaction(key, transaction);
                return Err(Reason::TransactionRefused);
            }
        }
        Ok(())
    }

    /// Goes on looking whether a transaction can be committed: contents of what it lets die are in memory, and queues
    /// have room.
    fn look_at_commit(&mut self, transaction: &mut Transaction, out: &mut Vec<Effect>) -> Outlook {
        let Transaction { publishes, settles, looked, .. } = transaction;
        while let Some(own) = settles.get(looked.settles) {
            if self.realm.effort.is_spent(out.len()) {
                return Outlook::Spent;
            }
            self.realm.effort.visit(1);
            looked.settles += 1;
            let Some((message, bytes)) = self.realm.absent_dying(settled(own)) else { continue };
            self.realm.ask(message, bytes, Some(own.0.queue), out);
            // Those behind it are on their way when it is here.
            self.realm.effort.visit(ASKED_AHEAD);
            for next in settles[looked.settles..].iter().take(ASKED_AHEAD) {
                if let Some((message, bytes)) = self.realm.absent_dying(settled(next)) {
                    self.realm.ask(message, bytes, None, out);
                }
            }
            return Outlook::Waits(own.0.queue);
        }
        while let Some(checked) = publishes.get(looked.publishes) {
            let bytes = checked.new.content.body.len() as u64;
            while let Some(target) = checked.targets.get(looked.targets) {
                if self.realm.effort.is_spent(out.len()) {
                    return Outlook::Spent;
                }
                self.realm.effort.visit(1);
                looked.targets += 1;
                if !self.realm.may_refuse(*target) {
                    continue;
                }
                let coming = looked.coming.entry(*target).or_default();
                *coming = (coming.0 + 1, coming.1 + bytes);
                if !self.realm.has_room(*target, *coming) {
                    return Outlook::Bad;
                }
            }
            (looked.publishes, looked.targets) = (looked.publishes + 1, 0);
        }
        Outlook::Good
    }

    pub(crate) fn tx_rollback(
        &mut self,
        key: ChannelKey,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let transaction = self.transaction(key)?;
        #[cfg(warrener_planted)]
        let transaction = self.roll_back_all_but_publishes(key, transaction);
        self.amqp.channel_mut(key).slices.undone.add(transaction);
        if self.roll_back_slice(key, out) {
            self.reply(key, Method::TxRollbackOk, false, None, out);
            return Ok(());
        }
        let channel = self.amqp.channel_mut(key);
        channel.slices.owes = Some(Method::TxRollbackOk);
        channel.stall = Some(Stall::Work);
        self.realm.jobs.push_back(Job::Settle(key));
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

    /// Keeps the transaction of a commit that is not decided.
    fn restore_transaction(&mut self, key: ChannelKey, before: Transaction) {
        if let Mode::Transactional(transaction) = &mut self.amqp.channel_mut(key).mode {
            let bytes = before.bytes;
            **transaction = before;
            let _ = self.count_transaction(key, 0, bytes);
        }
    }
}

/// What a settlement asks of its queue.
pub(crate) const fn settled((own, how): &(Delivered, Settlement)) -> Settled {
    Settled { queue: own.queue, seq: own.seq, link: own.link, how: *how }
}

/// How many settlements behind one whose content is not in memory are looked at for theirs.
const ASKED_AHEAD: usize = 64;

//! A transaction that is decided: what it says is done, in slices when that is much, and its client is told when all is.
//!
//! It no longer depends on its channel: should that go meanwhile, all of it is done all the same.

use alloc::boxed::Box;
use alloc::vec::{IntoIter, Vec};

use warrener_codec::Method;
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

use crate::amqp091::parked::Stall;
use crate::amqp091::publish::Checked;
use crate::amqp091::transaction::settled;
use crate::amqp091::unacked::Delivered;
use crate::broker::Broker;
use crate::effect::Effect;
use crate::id::ChannelKey;
use crate::job::Job;
use crate::settle::Settlement;
use crate::sync::Sync;
use crate::transaction::{Work, Written};

/// A transaction that is decided.
#[derive(Debug)]
pub(crate) struct Commit {
    channel: ChannelKey,
    publishes: IntoIter<Checked>,
    settles: IntoIter<(Delivered, Settlement)>,
    stage: Stage,
    /// What it is counted as.
    bytes: u64,
}

#[derive(Debug)]
enum Stage {
    /// It is gathered for the log.
    Gathering(Box<Work>),
    /// It is written down, and happens.
    Written(Box<Written>),
}

impl Broker {
    /// Does what a transaction says, as far as the turn allows.
    pub(crate) fn commit(
        &mut self,
        now: Time,
        channel: ChannelKey,
        (publishes, settles): (Vec<Checked>, Vec<(Delivered, Settlement)>),
        bytes: u64,
        out: &mut Vec<Effect>,
    ) {
        let awaited = self.amqp.channel(channel).sync == Sync::Always;
        let work = Work::new(awaited);
        let mut commit = Commit {
            channel,
            publishes: publishes.into_iter(),
            settles: settles.into_iter(),
            stage: Stage::Gathering(Box::new(work)),
            bytes,
        };
        if self.commit_slice(now, &mut commit, out) {
            return self.say_committed(&commit, out);
        }
        self.realm.held_elsewhere_bytes += bytes;
        self.amqp.channel_mut(channel).stall = Some(Stall::Work);
        self.realm.jobs.push_back(Job::Commit(Box::new(commit)));
    }

    /// Goes on with a transaction; gives it back when there is more to do.
    pub(crate) fn go_on_committing(
        &mut self,
        now: Time,
        mut commit: Box<Commit>,
        out: &mut Vec<Effect>,
    ) -> Option<Box<Commit>> {
        if !self.commit_slice(now, &mut commit, out) {
            return Some(commit);
        }
        self.realm.held_elsewhere_bytes -= commit.bytes;
        if self.amqp.channels.get(commit.channel).is_some_and(|channel| !channel.closing) {
            self.say_committed(&commit, out);
            self.resume(now, commit.channel, out);
        }
        None
    }

    fn say_committed(&mut self, commit: &Commit, out: &mut Vec<Effect>) {
        let record = match &commit.stage {
            Stage::Written(written) => written.record,
            Stage::Gathering(_) => None,
        };
        #[cfg(warrener_planted)]
        let record = record.filter(|_| !planted(Bug::CommitBeforeSync));
        self.reply(commit.channel, Method::TxCommitOk, false, record, out);
    }

    /// Goes on with a transaction as far as the turn allows; whether that was all.
    fn commit_slice(&mut self, now: Time, commit: &mut Commit, out: &mut Vec<Effect>) -> bool {
        if let Stage::Gathering(work) = &mut commit.stage {
            let (publishes, settles) = (&mut commit.publishes, &mut commit.settles);
            if !self.gather(now, commit.channel, work, (publishes, settles), out) {
                return false;
            }
            let written = self.realm.commit_write(core::mem::take(work), out);
            commit.stage = Stage::Written(Box::new(written));
        }
        let Stage::Written(written) = &mut commit.stage else { return false };
        let done = self.realm.commit_slice(now, written, out);
        self.realm.absorb(now, out);
        done
    }

    /// Gathers what a transaction does, publishes first; whether that was all.
    fn gather(
        &mut self,
        now: Time,
        channel: ChannelKey,
        work: &mut Work,
        (publishes, settles): (&mut IntoIter<Checked>, &mut IntoIter<(Delivered, Settlement)>),
        out: &mut Vec<Effect>,
    ) -> bool {
        loop {
            if !self.realm.commit_prepare(now, work, out) || self.realm.effort.is_spent(out.len()) {
                return false;
            }
            self.realm.effort.visit(1);
            if let Some(checked) = publishes.next() {
                self.gather_publish(now, channel, work, checked, out);
            } else if let Some(own) = settles.next() {
                self.gather_settled(now, channel, work, own, out);
            } else {
                return true;
            }
        }
    }

    /// A message of a transaction: what is left of it for queues.
    fn gather_publish(
        &mut self,
        now: Time,
        channel: ChannelKey,
        work: &mut Work,
        checked: Checked,
        out: &mut Vec<Effect>,
    ) {
        let Checked { new, targets, reached, repliers, mandatory } = checked;
        let is_there = self.amqp.channels.get(channel).is_some_and(|channel| !channel.closing);
        if is_there && targets.is_empty() {
            return self.without_queues(now, channel, new, &repliers, mandatory, out);
        }
        if is_there && !reached {
            self.without_queues(now, channel, new.clone(), &[], mandatory, out);
        }
        self.hand_to_repliers(now, &repliers, &new, out);
        if !targets.is_empty() {
            self.realm.commit_publish(work, new, &targets);
        }
    }

    fn gather_settled(
        &mut self,
        now: Time,
        channel: ChannelKey,
        work: &mut Work,
        own: (Delivered, Settlement),
        out: &mut Vec<Effect>,
    ) {
        if self.amqp.channels.get(channel).is_some_and(|channel| !channel.closing) {
            self.uncount(channel, &[own.0]);
        }
        self.realm.stats.acknowledged += u64::from(own.1 == Settlement::Accepted);
        self.realm.commit_settle(now, work, settled(&own), out);
    }
}

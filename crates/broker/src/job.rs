//! What a command has begun and goes on in slices, so that nobody waits for it long.

use alloc::boxed::Box;
use alloc::vec::Vec;

use warrener_codec::ShortStr;
use warrener_time::Time;

use crate::amqp091::commit::Commit;
use crate::bring::Bringing;
use crate::broker::Broker;
use crate::command::{Export, Import};
use crate::effect::Effect;
use crate::ending::Ending;
use crate::fan_out::FanOut;
use crate::id::{ChannelKey, ClientKey, LinkId, QueueId, VhostId};
use crate::refusal::{Kind, Reason, Right, shown};

/// How much a slice does: queues looked at, definitions taken.
const SLICE: u32 = 256;

/// How many steps of patterns cost as much as one of those.
const STEPS: u32 = 500;

/// How many connections or queues a slice may end.
const ENDS: u32 = 32;

/// How many places a slice may pass by.
const PLACES: u32 = 4_096;

/// Something begun.
#[derive(Debug)]
pub(crate) enum Job {
    /// Going on with what a channel's client has asked for meanwhile.
    Resume(ChannelKey),
    /// Publishing what the broker has to tell.
    Report,
    /// Bringing a message to very many queues.
    FanOut(Box<FanOut>),
    /// Doing what a large transaction says.
    Commit(Box<Commit>),
    /// Ending something with very many bindings or consumers.
    End(Box<Ending>),
    /// Settling very many deliveries of a channel.
    Settle(ChannelKey),
    /// Ending what a channel has going.
    Clear(ChannelKey),
    /// Telling the channels of a client to leave.
    Leave(ClientKey),
    /// Forgetting a client.
    Forget(ClientKey),
    /// Telling the consumers of a client anew what they may get.
    Refresh(ClientKey),
    /// Closing connections.
    Evict { whom: Whom, next: u32 },
    /// Cancelling the consumers of a user that may not read their queue any more.
    Recheck { user: ShortStr, next: u32 },
    /// Looking at what policies apply in a virtual host.
    Policies { vhost: VhostId, exchanges: u32, queues: u32 },
    /// Removing all that is in a virtual host that is gone.
    Empty { vhost: VhostId, next: u32 },
    /// Bringing contents into memory.
    Bring(Box<Bringing>),
    /// Gathering definitions.
    Export(Box<Export>),
    /// Taking definitions.
    Import(Box<Import>),
}

/// Whose connections.
#[derive(Clone, Debug)]
pub(crate) enum Whom {
    User(ShortStr),
    Vhost(VhostId),
}

impl Job {
    /// Whether a slice of it is measured in steps of its own, so that one is enough for a turn.
    const fn is_measured_apart(&self) -> bool {
        matches!(
            self,
            Self::Evict { .. }
                | Self::Recheck { .. }
                | Self::Policies { .. }
                | Self::Empty { .. }
                | Self::Export(_)
                | Self::Import(_)
        )
    }
}

impl Broker {
    /// A slice of each thing that was begun, in turn, until the turn has done enough.
    pub(crate) fn run_jobs(&mut self, now: Time, out: &mut Vec<Effect>) {
        for _ in 0..self.realm.jobs.len() {
            if self.realm.effort.is_spent(out.len()) {
                return;
            }
            self.realm.effort.visit(1);
            let Some(job) = self.realm.jobs.pop_front() else { return };
            let is_measured_apart = job.is_measured_apart();
            let left = self.run_job(now, job, out);
            self.realm.jobs.extend(left);
            if is_measured_apart {
                return;
            }
        }
    }

    /// A slice of it, and what is left.
    fn run_job(&mut self, now: Time, job: Job, out: &mut Vec<Effect>) -> Option<Job> {
        match job {
            Job::Resume(key) => {
                self.resume(now, key, out);
                None
            }
            Job::FanOut(fan_out) => self.go_on_fanning_out(now, fan_out, out).map(Job::FanOut),
            Job::Report => (!self.realm.report_slice(now, out)).then_some(Job::Report),
            Job::Commit(commit) => self.go_on_committing(now, commit, out).map(Job::Commit),
            Job::End(ending) => self.go_on_ending(now, ending, out).map(Job::End),
            Job::Settle(key) => self.go_on_settling(now, key, out).then_some(job),
            Job::Clear(key) => self.go_on_clearing(now, key, out).then_some(job),
            Job::Leave(key) => self.go_on_leaving(now, key, out).then_some(job),
            Job::Forget(key) => self.go_on_forgetting(now, key, out).then_some(job),
            Job::Refresh(key) => self.go_on_refreshing(key).then_some(job),
            Job::Bring(bringing) => self.realm.go_on_bringing(now, bringing, out).map(Job::Bring),
            definition => self.run_command(now, definition, out),
        }
    }

    /// A slice of what a command has begun.
    fn run_command(&mut self, now: Time, job: Job, out: &mut Vec<Effect>) -> Option<Job> {
        match job {
            Job::Evict { whom, next } => {
                self.evict(now, &whom, next, out).map(|next| Job::Evict { whom, next })
            }
            Job::Recheck { user, next } => {
                self.recheck(now, &user, next, out).map(|next| Job::Recheck { user, next })
            }
            Job::Policies { vhost, exchanges, queues } => {
                self.apply_slice(now, vhost, (exchanges, queues), out)
            }
            Job::Empty { vhost, next } => {
                self.empty_slice(now, vhost, next, out).map(|next| Job::Empty { vhost, next })
            }
            Job::Export(export) => self.export_slice(export, SLICE, out),
            Job::Import(import) => self.import_slice(now, import, SLICE, out),
            Job::Resume(_)
            | Job::Report
            | Job::FanOut(_)
            | Job::Commit(_)
            | Job::End(_)
            | Job::Settle(_)
            | Job::Clear(_)
            | Job::Leave(_)
            | Job::Forget(_)
            | Job::Refresh(_)
            | Job::Bring(_) => unreachable!("these have their own arms"),
        }
    }

    /// Closes connections from this place on; answers where to go on.
    fn evict(
        &mut self,
        now: Time,
        whom: &Whom,
        mut next: u32,
        out: &mut Vec<Effect>,
    ) -> Option<u32> {
        let text = match whom {
            Whom::User(user) => alloc::format!("user '{}' is deleted", shown(user.as_bytes())),
            Whom::Vhost(id) => {
                let name = shown(self.realm.vhosts[*id].name().as_bytes());
                alloc::format!("vhost '{name}' is deleted")
            }
        };
        let reason = Reason::Forced(text.into_boxed_str());
        let (mut ended, mut passed) = (0, 0);
        while let Some((key, client)) = self.amqp.clients.at_or_after(next) {
            if ended == ENDS || passed == PLACES || self.realm.effort.is_spent(out.len()) {
                return Some(next);
            }
            next = key.index + 1;
            passed += 1;
            self.realm.effort.visit(1);
            let is_meant = match whom {
                Whom::User(user) => client.access.user == *user,
                Whom::Vhost(id) => client.vhost == *id,
            };
            if is_meant {
                ended += 1;
                let key: ClientKey = key;
                self.refuse_connection(now, key, &reason, (0, 0), out);
            }
        }
        None
    }

    /// Cancels consumers from this place on that their user may not have any more; answers where to go on.
    fn recheck(
        &mut self,
        now: Time,
        user: &ShortStr,
        mut next: u32,
        out: &mut Vec<Effect>,
    ) -> Option<u32> {
        let mut passed = 0;
        let mut cost = 0;
        while let Some((link, consumer)) = self.amqp.consumers.at_or_after(next) {
            if cost >= SLICE || passed == PLACES {
                return Some(next);
            }
            next = link.index + 1;
            passed += 1;
            self.realm.effort.visit(1);
            let (key, queue) = (consumer.channel, consumer.queue);
            if self.amqp.with_client(key).1.access.user != *user {
                continue;
            }
            cost += 1;
            self.refresh_access(key);
            if !self.may_still_read(key, queue, out) {
                self.cancel_forbidden(now, link, out);
            }
        }
        None
    }

    fn may_still_read(&self, key: ChannelKey, queue: QueueId, out: &mut Vec<Effect>) -> bool {
        let Some(slot) = self.realm.queues.get(queue) else { return true };
        let access = self.amqp.caller(key).access;
        let vhost = self.realm.vhosts[slot.vhost].name().as_bytes();
        match access.check(Right::Read, Kind::Queue, slot.spec.name.as_bytes(), vhost) {
            Ok(()) => true,
            Err(reason) => {
                let warning = crate::warning::Warning::about(&reason);
                out.extend(warning.map(|warning| Effect::Warn(warning.into())));
                false
            }
        }
    }

    fn cancel_forbidden(&mut self, now: Time, link: LinkId, out: &mut Vec<Effect>) {
        let Some(consumer) = self.amqp.consumers.get(link) else { return };
        let (key, tag) = (consumer.channel, consumer.tag.clone());
        self.end_consumer(now, link, out);
        self.notify_cancel(key, tag, out);
    }

    /// Applies the policies of a virtual host to exchanges and queues from these places on; what is left.
    fn apply_slice(
        &mut self,
        now: Time,
        vhost: VhostId,
        (mut exchanges, mut queues): (u32, u32),
        out: &mut Vec<Effect>,
    ) -> Option<Job> {
        let mut cost = 0;
        while let Some(id) = self.realm.vhosts[vhost].exchange_from(exchanges) {
            if cost >= SLICE {
                return Some(Job::Policies { vhost, exchanges, queues });
            }
            exchanges = id.index() as u32 + 1;
            cost += 1 + self.realm.apply_to_exchange(vhost, id, out) / STEPS;
        }
        let mut passed = 0;
        while let Some((id, slot)) = self.realm.queues.at_or_after(queues) {
            if cost >= SLICE || passed == PLACES {
                return Some(Job::Policies { vhost, exchanges, queues });
            }
            queues = id.index + 1;
            passed += 1;
            self.realm.effort.visit(1);
            if slot.vhost == vhost && !slot.deleted && slot.keeper.is_none() {
                let before = slot.applied.clone();
                cost += 1 + self.realm.apply_to_queue(now, id, out) / STEPS;
                self.realm.tell_applied(id, &before);
            }
        }
        None
    }

    /// Removes queues, then exchanges, of a virtual host that is gone; answers where to go on.
    fn empty_slice(
        &mut self,
        now: Time,
        vhost: VhostId,
        mut next: u32,
        out: &mut Vec<Effect>,
    ) -> Option<u32> {
        // Whoever is still there could make new ones.
        let evicts =
            |job: &Job| matches!(job, Job::Evict { whom: Whom::Vhost(own), .. } if *own == vhost);
        if self.realm.jobs.iter().any(evicts) {
            return Some(next);
        }
        let (mut ended, mut passed) = (0, 0);
        while let Some((id, slot)) = self.realm.queues.at_or_after(next) {
            if ended == ENDS || passed == PLACES || self.realm.effort.is_spent(out.len()) {
                return Some(next);
            }
            next = id.index + 1;
            passed += 1;
            self.realm.effort.visit(1);
            if slot.vhost == vhost && !slot.deleted && slot.keeper.is_none() {
                ended += 1;
                self.realm.remove_queue(now, id, out);
                self.realm.absorb(now, out);
            }
        }
        while let Some(id) = self.realm.vhosts[vhost].exchange_from(0) {
            if ended >= ENDS || self.realm.effort.is_spent(out.len()) {
                return Some(next);
            }
            ended += 1;
            self.realm.remove_exchange(now, vhost, id, out);
        }
        out.extend(self.realm.vhosts[vhost].emptied().map(Effect::Release));
        None
    }
}

//! How a history reads: a line for each thing that happened.

use core::fmt;

use crate::history::{ActorId, Delivered, Happened, MessageId, Moment, Published, QueueId};

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.at.saturating_since(crate::world::BEGINNING).as_micros();
        write!(f, "{:>6}.{:06} {}", micros / 1_000_000, micros % 1_000_000, self.what)
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {}", self.0)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {}", self.0)
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "queue {}", self.0)
    }
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to: Vec<usize> = self.to.iter().map(|queue| queue.0).collect();
        write!(f, "{} publishes {} to {to:?}", self.by, self.id)?;
        if self.tag > 0 {
            write!(f, ", tag {}", self.tag)?;
        }
        if let Some(transaction) = self.transaction {
            write!(f, ", in transaction {transaction}")?;
        }
        if !self.persistent {
            write!(f, ", transient")?;
        }
        if self.mandatory {
            write!(f, ", mandatory")?;
        }
        if let Some(priority) = self.priority {
            write!(f, ", priority {priority}")?;
        }
        self.expiration_ms.map_or(Ok(()), |ms| write!(f, ", expiring in {ms} ms"))
    }
}

impl fmt::Display for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again = if self.redelivered { ", again" } else { "" };
        write!(f, "{} is given {} of {}{again}", self.to, self.id, self.from)?;
        for died in &self.deaths {
            write!(f, ", died in {} ({}, {})", died.queue, died.reason, died.count)?;
        }
        if self.whole { Ok(()) } else { write!(f, ", damaged") }
    }
}

impl fmt::Display for Happened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Published(published) => published.fmt(f),
            Self::Delivered(delivered) => delivered.fmt(f),
            Self::Confirmed { by, tag, multiple, accepted } => {
                let upto = if *multiple { "everything up to " } else { "" };
                let verdict = if *accepted { "confirmed" } else { "refused" };
                write!(f, "{by} is {verdict} {upto}tag {tag}")
            }
            Self::Returned { by, id } => write!(f, "{by} is returned {id}"),
            Self::Settled { by, id, from, how } => {
                write!(f, "{by} settles {id} of {from}: {how:?}")
            }
            Self::Barrier(by) => write!(f, "{by} asks"),
            Self::Recovering(by) => write!(f, "{by} gives everything back"),
            Self::Recovered(by) => write!(f, "{by} has given everything back"),
            Self::Synced(by) => write!(f, "{by} is answered"),
            Self::Committing(by, n) => write!(f, "{by} commits transaction {n}"),
            Self::Committed(by, n) => write!(f, "{by} has committed transaction {n}"),
            Self::RolledBack(by, n) => write!(f, "{by} rolls transaction {n} back"),
            Self::Purging(queue) => write!(f, "{queue} is purged"),
            Self::Deleting { by, queue } => write!(f, "{by} deletes {queue}, to declare it again"),
            Self::Deleted { by, queue } => write!(f, "{by} has deleted {queue}"),
            Self::Getting { by, queue } => write!(f, "{by} asks for a message of {queue}"),
            Self::Builds { by, what } => write!(f, "{by} {what}"),
            Self::Counted { queue, expected, found } => {
                write!(f, "{queue} is counted: {found} messages, to be {expected}")
            }
            Self::Careless { by, queue } => {
                write!(f, "{by} consumes {queue} without acknowledging")
            }
            Self::Consuming { by, queue, prefetch } => {
                write!(f, "{by} consumes {queue}, and holds at most {prefetch}")
            }
            Self::Made { by, queue } => write!(f, "{by} makes {queue} for itself"),
            Self::Policing { queue, policy } => write!(f, "{queue} is to have {policy:?}"),
            Self::Policed(queue) => write!(f, "the policy of {queue} is set"),
            Self::Visits(by) => write!(f, "{by} is a visitor"),
            Self::Alarmed(alarm, true) => write!(f, "alarm: {alarm:?}"),
            Self::Alarmed(alarm, false) => write!(f, "alarm over: {alarm:?}"),
            Self::Ended(by) => write!(f, "{by} is gone"),
            Self::Refused { by, code, text } => write!(f, "{by} is thrown out: {code} {text}"),
            Self::Cut(by) => write!(f, "the stream of {by} breaks"),
            Self::Vanished(by) => write!(f, "{by} vanishes"),
            Self::Stalled(by, true) => write!(f, "{by} stops reading"),
            Self::Stalled(by, false) => write!(f, "{by} reads again"),
            Self::Failed(why) => write!(f, "the server stops: {why}"),
            Self::Started(step) if *step != 0 => {
                write!(f, "the server listens, its clock {step} ms off")
            }
            Self::Looked { queue, ready, unacked } => {
                write!(f, "{queue} has {ready} waiting and {unacked} handed out")
            }
            Self::Missing(what) => write!(f, "missing after a start: {what}"),
            Self::Hangs(by, what) => write!(f, "{by} still waits: {what}"),
            Self::Outlived(queue) => write!(f, "{queue} is still there"),
            Self::Left { queue, messages } => write!(f, "{messages} messages are left in {queue}"),
            Self::Floor(held) => write!(f, "the server still holds {held:?}"),
            Self::Odd(what) => write!(f, "odd: {what}"),
            Self::Panicked(what) => write!(f, "panic: {what}"),
            plain => f.write_str(plain.text()),
        }
    }
}

impl Happened {
    /// What has no parts to be told of.
    const fn text(&self) -> &'static str {
        match self {
            Self::Revoking => "visitors lose their rights",
            Self::Revoked => "visitors have lost their rights",
            Self::Granting => "visitors get their rights back",
            Self::Granted => "visitors have their rights back",
            Self::Killed => "the server is killed",
            Self::PowerLost => "the power is lost",
            Self::ShuttingDown => "the server is asked to end",
            Self::ShutDown => "the server has ended",
            Self::DiskFault => "the disk will fail",
            Self::DiskFull(true) => "the disk is getting full",
            Self::DiskFull(false) => "the disk has room again",
            Self::Healed => "all faults are over",
            Self::Quiet => "everybody is gone",
            Self::Started(0) => "the server listens",
            _ => "",
        }
    }
}

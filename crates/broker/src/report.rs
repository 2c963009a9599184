//! What the broker itself publishes: of events, and of messages that somebody wants to watch.
//!
//! It waits in one line, which is bounded, and goes out in slices after whatever it tells of. So nothing that is told of waits
//! for it, and nobody who listens badly can make the broker hold more than a bound.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use warrener_codec::{Content, ShortRef, ShortStr, Table, TableBuilder};
use warrener_time::Time;

use crate::address::Address;
use crate::effect::{Effect, content_bytes};
use crate::fan_out::{AT_ONCE, Origin};
use crate::id::VhostId;
use crate::job::Job;
use crate::message::{NewMessage, Traits};
use crate::publish::{Exchange, Publication};
use crate::realm::Realm;

/// One message of the broker's own.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) vhost: VhostId,
    /// The exchange, which is predeclared.
    pub(crate) exchange: &'static str,
    pub(crate) key: ShortStr,
    pub(crate) what: What,
}

/// What it tells.
#[derive(Debug)]
pub(crate) enum What {
    /// A message that is watched, with what is said of it.
    Message(Content),
    /// An event, of which these are the headers.
    Event(TableBuilder),
}

impl Report {
    /// What it takes of memory while it waits, in octets.
    fn bytes(&self) -> u64 {
        let content = match &self.what {
            What::Message(content) => content_bytes(content),
            What::Event(_) => EVENT_BYTES,
        };
        u64::from(content) + size_of::<Self>() as u64
    }
}

/// What an event takes of memory, more or less.
const EVENT_BYTES: u32 = 1_024;

/// What waits to be published.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    line: VecDeque<Report>,
    bytes: u64,
    /// Some virtual host is watched.
    pub(crate) is_tracing: bool,
    /// That, or somebody looks at how long messages wait: all that messages have to look at.
    pub(crate) is_watching: bool,
}

impl Realm {
    /// Puts a report in line. One too many is left out, and counted.
    #[cold]
    pub(crate) fn report(&mut self, report: Report) {
        let bytes = report.bytes();
        let Reports { line, bytes: held, .. } = &mut self.reports;
        let is_full = line.len() >= self.limits.reports
            || (!line.is_empty() && *held + bytes > self.limits.report_bytes);
        if is_full {
            self.stats.reports_dropped += 1;
            return;
        }
        if line.is_empty() {
            self.jobs.push_back(Job::Report);
        }
        line.push_back(report);
        *held += bytes;
        self.held_elsewhere_bytes += bytes;
    }

    /// Publishes what waits, as far as the turn allows; whether that was all.
    pub(crate) fn report_slice(&mut self, now: Time, out: &mut Vec<Effect>) -> bool {
        while !self.effort.is_spent(out.len()) {
            let Some(report) = self.reports.line.pop_front() else { return true };
            let bytes = report.bytes();
            self.reports.bytes -= bytes;
            self.held_elsewhere_bytes -= bytes;
            self.effort.visit(1);
            self.publish_report(now, report, out);
        }
        self.reports.line.is_empty()
    }

    fn publish_report(&mut self, now: Time, report: Report, out: &mut Vec<Effect>) {
        let Report { vhost, exchange, key, what } = report;
        let Some((id, _)) = self.vhosts[vhost].exchange(exchange.as_bytes()) else { return };
        let Some(content) = what.into_content(now) else { return };
        let traits = Traits::of(&content.properties.read().unwrap_or_default());
        let exchange = ShortStr::from_static(exchange);
        let new = NewMessage { address: (&exchange, &key).into(), content, extra: None, traits };
        let mut targets = Vec::new();
        let routed = self.route(vhost, Exchange::Named(id), &new, &mut targets);
        if routed.is_err() || targets.is_empty() {
            return;
        }
        if targets.len() > AT_ONCE {
            self.begin_fan_out(new, &targets, false, Origin::Nobody);
            return;
        }
        let publication = Publication { new: &mut Some(new), targets: &targets, awaited: false };
        let taken = self.publish(now, publication, out);
        if let Some(message) = taken.message {
            self.settle_down(now, message, taken.first);
        }
    }

    /// A virtual host is gone: nothing more is told there, and nobody who comes to its place hears of it.
    pub(crate) fn forget_reports(&mut self, vhost: VhostId) {
        let Reports { line, bytes, .. } = &mut self.reports;
        let before = *bytes;
        line.retain(|report| report.vhost != vhost);
        *bytes = line.iter().map(Report::bytes).sum();
        self.held_elsewhere_bytes -= before - *bytes;
    }

    /// Whether anything is bound to a predeclared exchange, by its name.
    pub(crate) fn is_heard(&self, vhost: VhostId, exchange: &str) -> bool {
        let place = &self.vhosts[vhost];
        let found = place.exchange(exchange.as_bytes());
        found.is_some_and(|(id, _)| place.router.count_from(id) > 0)
    }
}

impl What {
    /// The message that tells it; `None` when it does not fit one.
    fn into_content(self, now: Time) -> Option<Content> {
        match self {
            Self::Message(content) => Some(content),
            Self::Event(headers) => crate::event_exchange::content(now, headers),
        }
    }
}

/// A routing key of two parts, cut to what a key may have.
pub(crate) fn key_of(what: &str, of: ShortRef<'_>) -> ShortStr {
    let mut octets = Vec::with_capacity(what.len() + of.len());
    octets.extend_from_slice(what.as_bytes());
    octets.extend_from_slice(of.as_bytes());
    octets.truncate(255);
    ShortStr::try_from(octets.as_slice()).expect("no more than 255 octets")
}

/// The exchange that a message was published to is this one.
pub(crate) fn is_to(address: &Address, exchange: &str) -> bool {
    address.exchange().as_bytes() == exchange.as_bytes()
}

/// What properties say, as a table; nothing of headers that nest too deep to be put into one.
pub(crate) fn nested(build: impl Fn(bool) -> TableBuilder) -> Option<Table> {
    build(true).build().or_else(|_| build(false).build()).ok()
}

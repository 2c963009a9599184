//! What a scenario asks for, checked and in short.

use core::fmt;

use bytes::Bytes;

use crate::error::PerfError;
use crate::options::{Exchange, Scenario};
use crate::pace::Segment;
use crate::payload::Payload;

/// Connections, queues and bindings that are still taken for an intention.
const COUNT_MAX: usize = 1_000_000;

impl Scenario {
    pub(crate) fn check(&self) -> Result<(), PerfError> {
        let complaint = if self.producers == 0 && self.consumers == 0 {
            "neither producers nor consumers"
        } else if self.queues == 0 {
            "there must be a queue"
        } else if [self.producers, self.consumers, self.queues, self.bindings]
            .into_iter()
            .any(|count| count > COUNT_MAX)
        {
            "more than a million of something"
        } else if self.window() == Some(0) {
            "a window of 0 lets nothing through"
        } else if self.exchange == Exchange::Headers && self.priorities.is_some() {
            "headers and priorities cannot both take turns"
        } else if self.exchange == Exchange::Default && self.bindings > 0 {
            "the default exchange has no further bindings; use --exchange"
        } else if self.request_reply && (self.producers == 0 || self.consumers == 0) {
            "questions need somebody who asks and somebody who answers"
        } else {
            return Ok(());
        };
        Err(PerfError::options(complaint))
    }

    pub(crate) fn payload(&self, seed: u64) -> Result<Payload, PerfError> {
        let Some(path) = &self.body else {
            return Ok(Payload::new(self.size, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        };
        let octets = std::fs::read(path).map_err(|error| PerfError::file(path, error))?;
        Ok(Payload::fixed(Bytes::from(octets)))
    }

    /// One segment that lasts, or those asked for.
    pub(crate) fn segments(&self) -> Vec<Segment> {
        if self.variable_rate.is_empty() {
            return vec![Segment { per_second: self.rate, seconds: 1.0 }];
        }
        self.variable_rate.clone()
    }

    /// How many messages, or questions, a producer may have open.
    pub(crate) fn window(&self) -> Option<usize> {
        if self.request_reply { Some(self.confirm.unwrap_or(1)) } else { self.confirm }
    }
}

/// The load in short: `1→1, 1024 B, persistent, confirms (100), acks`.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}→{}", self.producers, self.consumers)?;
        match &self.body {
            Some(path) => write!(f, ", {}", path.display())?,
            None if self.size.from == self.size.to => write!(f, ", {} B", self.size.to)?,
            None => write!(f, ", {}..{} B", self.size.from, self.size.to)?,
        }
        if self.exchange != Exchange::Default {
            write!(f, ", {}", self.exchange.kind())?;
        }
        if self.bindings > 0 {
            write!(f, " with {} bindings", self.bindings + self.queues)?;
        }
        if self.queues > 1 {
            write!(f, ", {} queues", self.queues)?;
        }
        let words = [
            (self.quorum, "quorum"),
            (self.persistent, "persistent"),
            (self.mandatory, "mandatory"),
            (self.request_reply, "request/reply"),
            (self.backlog, "backlog"),
            (self.priorities.is_some(), "priorities"),
            (self.ttl.is_some(), "TTL"),
        ];
        for (_, word) in words.iter().filter(|(holds, _)| *holds) {
            write!(f, ", {word}")?;
        }
        match self.window() {
            Some(window) if self.request_reply => write!(f, " ({window} open)")?,
            Some(window) => write!(f, ", confirms ({window})")?,
            None => {}
        }
        if self.consumers > 0 && !self.request_reply {
            match (self.auto_ack, self.multi_ack) {
                (true, _) => write!(f, ", no acks")?,
                (false, 0 | 1) => write!(f, ", acks")?,
                (false, every) => write!(f, ", acks ({every})")?,
            }
            if self.prefetch > 0 {
                write!(f, ", prefetch {}", self.prefetch)?;
            }
        }
        if self.rate > 0.0 {
            write!(f, ", {}/s", self.rate)?;
        }
        Ok(())
    }
}

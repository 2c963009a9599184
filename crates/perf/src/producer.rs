//! A connection that publishes.

use core::sync::atomic::Ordering::Relaxed;
use std::collections::VecDeque;

use warrener_codec::method::basic;
use warrener_codec::{Content, Method};
use warrener_connection::Event;

use crate::clock::Clock;
use crate::error::PerfError;
use crate::link::{CHANNEL, Link};
use crate::options::Scenario;
use crate::pace::Pace;
use crate::payload::{Payload, stamp};
use crate::tally::{Signals, Tally, add};
use crate::topology::Topology;

/// How many octets are encoded before they are written.
const BATCH_BYTES: usize = 128 * 1024;

/// How often a producer that expects nothing looks for what the broker may say, in nanoseconds.
const LISTEN_NANOS: u64 = 20_000_000;

/// How long confirms are waited for after the last message, in nanoseconds.
const CONFIRM_PATIENCE_NANOS: u64 = 30_000_000_000;

/// What all producers of a run have in common.
#[derive(Clone, Copy)]
pub(crate) struct Stage<'a> {
    pub(crate) clock: Clock,
    pub(crate) scenario: &'a Scenario,
    pub(crate) topology: &'a Topology,
    /// When the first one begins, in nanoseconds.
    pub(crate) start: u64,
}

/// One producer; [`run`](Self::run) is its thread.
pub(crate) struct Producer<'a> {
    stage: Stage<'a>,
    link: Link,
    tally: &'a Tally,
    signals: &'a Signals,
    payload: Payload,
    pace: Pace,
    /// When it begins, in nanoseconds.
    begins: u64,
    /// Unconfirmed messages, or questions without an answer, that it may have.
    window: Option<usize>,
    /// Where in the list of keys it begins.
    offset: usize,
}

/// What is on its way.
#[derive(Default)]
struct Flight {
    /// Delivery tag of the oldest unconfirmed message.
    oldest: u64,
    /// When each should have left; `None` for those confirmed out of order.
    left: VecDeque<Option<u64>>,
    /// How many of them are open.
    open: usize,
}

impl<'a> Producer<'a> {
    /// Producer number `at`, on an open connection.
    pub(crate) fn new(
        stage: Stage<'a>,
        at: usize,
        link: Link,
        tally: &'a Tally,
        signals: &'a Signals,
    ) -> Result<Self, PerfError> {
        let Stage { scenario, topology, start, .. } = stage;
        let delay = scenario.ramp_up * 1e9 * at as f64 / scenario.producers as f64;
        let begins = start + delay as u64;
        Ok(Self {
            stage,
            link,
            tally,
            signals,
            payload: scenario.payload(at as u64)?,
            pace: Pace::new(&scenario.segments(), begins),
            begins,
            window: scenario.window(),
            offset: at * topology.keys.len() / scenario.producers,
        })
    }

    pub(crate) fn run(mut self) -> Result<(), PerfError> {
        let mut flight = Flight { oldest: 1, ..Flight::default() };
        let mut published = 0;
        let mut listened = 0;
        while self.stage.clock.nanos() < self.begins && !self.is_over(0) {
            self.link.wait(Some(self.begins))?;
        }
        while !self.is_over(published) {
            let now = self.stage.clock.nanos();
            let due = self.publish_due(now, &mut published, &mut flight)?;
            let flushed = self.link.flush()?;
            let full = self.window.is_some_and(|window| flight.open >= window);
            let idle = full || !flushed || due.is_some();
            if self.window.is_some() || idle || now - listened > LISTEN_NANOS {
                listened = now;
                if !self.listen(&mut flight)? && idle {
                    self.link.wait(if full { None } else { due })?;
                }
            }
        }
        self.finish(&mut flight)
    }

    fn is_over(&self, published: u64) -> bool {
        self.signals.stop_producers.load(Relaxed)
            || self.stage.scenario.count.is_some_and(|count| published >= count)
    }

    /// Encodes what is due, a batch at most; when the next one is.
    fn publish_due(
        &mut self,
        now: u64,
        published: &mut u64,
        flight: &mut Flight,
    ) -> Result<Option<u64>, PerfError> {
        let before = *published;
        let mut due = None;
        while self.link.machine.outgoing().len() < BATCH_BYTES
            && self.window.is_none_or(|window| flight.open < window)
            && self.stage.scenario.count.is_none_or(|count| *published < count)
        {
            due = self.pace.next();
            if due.is_some_and(|at| at > now) {
                break;
            }
            let time = due.take().unwrap_or(now);
            self.publish(*published, time)?;
            *published += 1;
            self.pace.sent();
            if self.window.is_some() {
                flight.left.push_back(Some(time));
                flight.open += 1;
            }
        }
        add(&self.tally.published, *published - before);
        Ok(due)
    }

    fn publish(&mut self, number: u64, time: u64) -> Result<(), PerfError> {
        let at = self.offset.wrapping_add(number as usize);
        let Topology { keys, properties, exchange, .. } = self.stage.topology;
        let publish = basic::PublishRef {
            exchange: exchange.as_short_ref(),
            routing_key: keys[at % keys.len()].as_short_ref(),
            mandatory: self.stage.scenario.mandatory,
            ..Default::default()
        };
        let properties = properties[at % properties.len()].clone();
        let content = Content::new(properties, self.payload.next(time));
        Ok(self.link.machine.outbound().publish(CHANNEL, publish, &content)?)
    }

    /// Whether the broker said something.
    fn listen(&mut self, flight: &mut Flight) -> Result<bool, PerfError> {
        let (tally, clock, asks) =
            (self.tally, self.stage.clock, self.stage.scenario.request_reply);
        let measuring = self.signals.measuring.load(Relaxed);
        self.link.receive(|_, event| {
            match event {
                Event::Method(_, Method::BasicAck(ack)) => {
                    let now = clock.nanos();
                    let settled = flight.settle(ack.delivery_tag, ack.multiple, |left| {
                        if measuring {
                            tally.record(|latencies| latencies.confirmed(now.saturating_sub(left)));
                        }
                    });
                    add(&tally.confirmed, settled);
                }
                Event::Method(_, Method::BasicNack(nack)) => {
                    add(&tally.nacked, flight.settle(nack.delivery_tag, nack.multiple, |_| {}));
                }
                Event::Content(_, Method::BasicReturn(_), _) => add(&tally.returned, 1),
                Event::Content(_, Method::BasicDeliver(_), content) if asks => {
                    let now = clock.nanos();
                    flight.answered();
                    add(&tally.consumed, 1);
                    add(&tally.octets, content.body.len() as u64);
                    if let Some(left) = stamp(&content.body).filter(|_| measuring) {
                        tally.record(|latencies| latencies.delivered(now.saturating_sub(left)));
                    }
                }
                _ => {}
            }
            Ok(())
        })
    }

    /// Writes what is left and waits for what is owed.
    fn finish(mut self, flight: &mut Flight) -> Result<(), PerfError> {
        let patience = self.stage.clock.nanos() + CONFIRM_PATIENCE_NANOS;
        while !self.link.flush()? || flight.open > 0 {
            if !self.listen(flight)? {
                self.link.wait(None)?;
            }
            if self.signals.stop.load(Relaxed) || self.stage.clock.nanos() > patience {
                break;
            }
        }
        self.link.close();
        Ok(())
    }
}

impl Flight {
    /// Settles one message or all up to it; how many.
    fn settle(&mut self, tag: u64, multiple: bool, mut each: impl FnMut(u64)) -> u64 {
        let Some(at) = tag.checked_sub(self.oldest) else { return 0 };
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let from = if multiple { 0 } else { at };
        let mut settled = 0;
        for slot in self.left.iter_mut().skip(from).take(at.saturating_sub(from).saturating_add(1))
        {
            if let Some(left) = slot.take() {
                each(left);
                settled += 1;
            }
        }
        self.open -= settled;
        self.forget_settled();
        settled as u64
    }

    /// An answer came, to any of the questions.
    fn answered(&mut self) {
        if let Some(slot) = self.left.iter_mut().find(|slot| slot.is_some()) {
            *slot = None;
            self.open -= 1;
        }
        self.forget_settled();
    }

    fn forget_settled(&mut self) {
        while let Some(None) = self.left.front() {
            self.left.pop_front();
            self.oldest += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirms_come_one_by_one_in_any_order_or_many_at_once() {
        let mut flight = Flight { oldest: 1, ..Flight::default() };
        for left in 0..10 {
            flight.left.push_back(Some(left));
            flight.open += 1;
        }
        let mut seen = Vec::new();
        let mut settle = |tag, multiple| flight.settle(tag, multiple, |left| seen.push(left));
        assert_eq!(settle(2, false), 1);
        assert_eq!(settle(2, false), 0);
        assert_eq!(settle(4, true), 3);
        assert_eq!(settle(3, true), 0);
        assert_eq!(settle(99, true), 6);
        assert_eq!(seen, [1, 0, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!((flight.open, flight.oldest, flight.left.len()), (0, 11, 0));
    }
}

//! A connection that consumes, and answers when it is asked to.

use core::sync::atomic::Ordering::Relaxed;

use warrener_codec::method::basic;
use warrener_codec::{Content, Method, Properties};
use warrener_connection::{Connection, Event};

use crate::clock::Clock;
use crate::error::PerfError;
use crate::link::{CHANNEL, Link};
use crate::payload::stamp;
use crate::tally::{Signals, Tally, add};

/// One consumer; [`run`](Self::run) is its thread.
pub(crate) struct Consumer<'a> {
    pub(crate) link: Link,
    pub(crate) clock: Clock,
    pub(crate) tally: &'a Tally,
    pub(crate) signals: &'a Signals,
    pub(crate) habits: Habits,
}

/// What a consumer does with a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// Acknowledge every so many; `None` when the broker expects no acknowledgement.
    pub(crate) ack_every: Option<u64>,
    /// Publish each body back to where the message says.
    pub(crate) answers: bool,
}

/// What has been consumed.
#[derive(Default)]
struct Progress {
    messages: u64,
    octets: u64,
    last_tag: u64,
    acked: u64,
}

impl Consumer<'_> {
    pub(crate) fn run(mut self) -> Result<(), PerfError> {
        let mut progress = Progress::default();
        while !self.signals.stop.load(Relaxed) {
            let any = self.read(&mut progress)?;
            add(&self.tally.consumed, core::mem::take(&mut progress.messages));
            add(&self.tally.octets, core::mem::take(&mut progress.octets));
            if !any && self.habits.ack_every.is_some() {
                // What is left of the last lot: with a prefetch below it, nothing more would come.
                progress.acknowledge(&mut self.link.machine)?;
            }
            if !self.link.flush()? || !any {
                self.link.wait(None)?;
            }
        }
        self.link.close();
        Ok(())
    }

    /// Reads once; whether anything came.
    fn read(&mut self, progress: &mut Progress) -> Result<bool, PerfError> {
        let (clock, habits, link, tally) = (self.clock, self.habits, &mut self.link, self.tally);
        let measuring = self.signals.measuring.load(Relaxed);
        let mut outcome = Ok(false);
        tally.record(|latencies| {
            outcome = link.receive(|machine, event| match event {
                Event::Content(_, Method::BasicDeliver(deliver), content) => {
                    // An answer is counted and timed by the one who asked.
                    if !habits.answers {
                        if measuring && let Some(left) = stamp(&content.body) {
                            latencies.delivered(clock.nanos().saturating_sub(left));
                        }
                        progress.messages += 1;
                        progress.octets += content.body.len() as u64;
                    }
                    progress.last_tag = deliver.delivery_tag();
                    if habits.answers {
                        answer(machine, &content)?;
                    }
                    if habits
                        .ack_every
                        .is_some_and(|every| progress.last_tag - progress.acked >= every)
                    {
                        progress.acknowledge(machine)?;
                    }
                    Ok(())
                }
                Event::Method(_, Method::BasicCancel(_)) => {
                    Err(PerfError::Closed("the consumer was cancelled".to_owned()))
                }
                _ => Ok(()),
            });
        });
        outcome
    }
}

impl Progress {
    fn acknowledge(&mut self, machine: &mut Connection) -> Result<(), PerfError> {
        if self.last_tag > self.acked {
            let multiple = self.last_tag - self.acked > 1;
            let ack = basic::Ack { delivery_tag: self.last_tag, multiple };
            machine.send(CHANNEL, &ack.into())?;
            self.acked = self.last_tag;
        }
        Ok(())
    }
}

fn answer(machine: &mut Connection, question: &Content) -> Result<(), PerfError> {
    let Some(routing_key) = question.properties.reply_to() else { return Ok(()) };
    let publish = basic::PublishRef { routing_key, ..Default::default() };
    let content = Content::new(Properties::default(), question.body.clone());
    Ok(machine.outbound().publish(CHANNEL, publish, &content)?)
}

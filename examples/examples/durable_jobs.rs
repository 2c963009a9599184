//! A durable job queue without AMQP: `warrener-queue` says who gets which job, `warrener-store` keeps jobs over a crash.
//!
//! A job is a record of the log. It may be worked on once its record is on disk, and its record is released when it is done. What
//! was not released is there again after a restart, in order.
//!
//! `cargo run -p warrener-examples --example durable_jobs -- DIRECTORY [JOB ...]` adds jobs, does one, and ends.
//! A job called `later` is not done, and given back.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use core::error::Error;
use std::path::Path;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use warrener_queue::{Config as QueueConfig, Effect, Entry, Outcome, Queue, Rare, Seq};
use warrener_store::{
    After, Append, Config as LogConfig, Lane, Log, LogEvent, RealDisk, RecordId, SegmentLog, Work,
};
use warrener_time::Time;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("usage: durable_jobs DIRECTORY [JOB ...]")?;
    let mut jobs = Jobs::open(Path::new(&directory))?;
    for job in arguments {
        jobs.add(&job)?;
    }
    match jobs.take() {
        Some(job) if job.name == "later" => jobs.give_back(job),
        Some(job) => {
            println!("doing {}", job.name);
            jobs.done(job)?;
        }
        None => println!("nothing to do"),
    }
    println!("{} jobs are left", jobs.len());
    Ok(())
}

/// A job that somebody works on.
pub(crate) struct Job {
    pub(crate) name: String,
    seq: Seq,
}

/// Jobs in order, each on disk until it is done.
pub(crate) struct Jobs {
    log: SegmentLog<RealDisk>,
    queue: Queue<(RecordId, Bytes)>,
    effects: Vec<Effect<(RecordId, Bytes)>>,
    next: u64,
}

impl Jobs {
    /// Reads back what was not done.
    pub(crate) fn open(directory: &Path) -> Result<Self, Box<dyn Error>> {
        let mut log = SegmentLog::new(RealDisk::new(directory)?, LogConfig::new(0x10b5));
        log.open();
        let queue = Queue::new(now(), QueueConfig::default());
        let mut jobs = Self { log, queue, effects: Vec::new(), next: 1 };
        jobs.work(None)?;
        Ok(jobs)
    }

    /// Adds a job; when this returns, it is on disk.
    pub(crate) fn add(&mut self, name: &str) -> Result<(), Box<dyn Error>> {
        let (id, digest) = (RecordId(self.next), Bytes::copy_from_slice(name.as_bytes()));
        self.next += 1;
        self.log.append(Append {
            id,
            refers_to: &[],
            digest: &digest,
            body: &[],
            sync: true,
            after: After::Nothing,
        })?;
        self.work(Some(id))?;
        self.enqueue(id, digest)
    }

    /// The next job, for somebody to do.
    pub(crate) fn take(&mut self) -> Option<Job> {
        let delivery = self.queue.get(now(), false, &mut self.effects)?;
        let name = String::from_utf8_lossy(&delivery.handle.1).into_owned();
        Some(Job { name, seq: delivery.seq })
    }

    /// It was done: it is not there any more after a restart.
    pub(crate) fn done(&mut self, job: Job) -> Result<(), Box<dyn Error>> {
        self.queue.settle(now(), &[job.seq], Outcome::Accept, &mut self.effects);
        for effect in self.effects.drain(..) {
            if let Effect::Gone { handle: (id, _), .. } = effect {
                self.log.release(id);
            }
        }
        self.work(None)
    }

    /// It was not done after all: the next one takes it up.
    pub(crate) fn give_back(&mut self, job: Job) {
        self.queue.settle(now(), &[job.seq], Outcome::Requeue { failed: true }, &mut self.effects);
    }

    /// How many are not done.
    pub(crate) fn len(&self) -> u64 {
        let counts = self.queue.counts();
        counts.ready + counts.unacked
    }

    fn enqueue(&mut self, id: RecordId, name: Bytes) -> Result<(), Box<dyn Error>> {
        let entry = Entry { bytes: name.len() as u32, handle: (id, name), priority: 0 };
        self.queue
            .publish(now(), entry, Rare::default(), &mut self.effects)
            .map_err(|refused| format!("{refused:?}"))?;
        Ok(())
    }

    /// Does the disk's work here and now, until this record is durable, if there is one to wait for. A program with
    /// threads has one for each lane.
    fn work(&mut self, wanted: Option<RecordId>) -> Result<(), Box<dyn Error>> {
        let mut durable = None;
        loop {
            let mut is_idle = true;
            for lane in Lane::ALL {
                while let Some(work) = self.log.poll_work(lane) {
                    self.log.handle_done(work.run());
                    is_idle = false;
                }
            }
            while let Some(event) = self.log.poll_event() {
                match event {
                    LogEvent::Replayed(record) => {
                        self.next = self.next.max(record.id.0 + 1);
                        self.enqueue(record.id, record.digest)?;
                    }
                    LogEvent::Durable { upto, .. } => durable = Some(upto),
                    LogEvent::Failed(error) => return Err(error.into()),
                    _ => {}
                }
            }
            if is_idle {
                break;
            }
        }
        match wanted {
            Some(id) if durable < Some(id) => Err("the log did not take it".into()),
            _ => Ok(()),
        }
    }
}

fn now() -> Time {
    Time::from_micros(UNIX_EPOCH.elapsed().unwrap_or_default().as_micros() as u64)
}

//! Threads that do the log's disk work, so that no disk is waited for under the node's lock.

use core::sync::atomic::{AtomicU64, Ordering};
use std::io;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex};

use warrener_store::{Lane, Work};

use crate::clock::Clock;
use crate::durations::Durations;
use crate::poison::LockOrStop;

/// How many works a lane holds that its thread has not begun.
pub(crate) const LANE_BOUND: usize = 1;

/// The ends of the three lanes that work is given to. A log has at most one work out a lane, so that none ever waits.
#[derive(Debug)]
pub(crate) struct Lanes<W> {
    senders: Mutex<Option<[SyncSender<W>; 3]>>,
    /// Works given and not done, a lane each.
    out: Arc<[AtomicU64; 3]>,
}

/// The ends that work comes out of, one thread each.
pub(crate) struct LaneThreads<W> {
    lanes: [(Lane, Receiver<W>); 3],
    out: Arc<[AtomicU64; 3]>,
}

/// Lanes, and the threads to be started for them.
pub(crate) fn lanes<W: Work>() -> (Lanes<W>, LaneThreads<W>) {
    let [commit, read, reclaim] = [(); 3].map(|()| mpsc::sync_channel(LANE_BOUND));
    let senders = [commit.0, read.0, reclaim.0];
    let lanes = [(Lane::Commit, commit.1), (Lane::Read, read.1), (Lane::Reclaim, reclaim.1)];
    let out = Arc::new([(); 3].map(|()| AtomicU64::new(0)));
    let threads = LaneThreads { lanes, out: Arc::clone(&out) };
    (Lanes { senders: Mutex::new(Some(senders)), out }, threads)
}

impl<W: Work> Lanes<W> {
    /// Gives `work` to its thread.
    pub(crate) fn give(&self, lane: Lane, work: W) {
        let senders = self.senders.lock_or_stop();
        let sender = senders.as_ref().map(|senders| &senders[index(lane)]);
        self.out[index(lane)].fetch_add(1, Ordering::Relaxed);
        // After the end nobody takes it, and nobody waits for what it would do.
        let _ = sender.map(|sender| sender.send(work));
    }

    /// How many works of a lane are given and not done.
    pub(crate) fn out(&self, lane: Lane) -> u64 {
        self.out[index(lane)].load(Ordering::Relaxed)
    }

    /// Ends the threads when they have done what they have.
    pub(crate) fn end(&self) {
        self.senders.lock_or_stop().take();
    }
}

impl<W: Work> LaneThreads<W> {
    /// Starts them; `done` is called with what each work gives back, `panicked` when a thread panics.
    pub(crate) fn start(
        self,
        commits: &Arc<Durations>,
        done: impl Fn(W::Done) + Clone + Send + 'static,
        panicked: impl Fn() + Clone + Send + 'static,
    ) -> io::Result<()> {
        for (lane, works) in self.lanes {
            let (done, guard) = (done.clone(), Guard(panicked.clone()));
            let out = Arc::clone(&self.out);
            let commits = (lane == Lane::Commit).then(|| Arc::clone(commits));
            let thread = std::thread::Builder::new().name(format!("log-{lane:?}").to_lowercase());
            thread.spawn(move || {
                let _guard = guard;
                for work in works {
                    let took = Clock::stopwatch();
                    let outcome = work.run();
                    if let Some(commits) = &commits {
                        commits.add(took());
                    }
                    out[index(lane)].fetch_sub(1, Ordering::Relaxed);
                    done(outcome);
                }
            })?;
        }
        Ok(())
    }
}

/// Says so when a thread panics: nobody else would notice that its work is never done.
pub(crate) struct Guard<F: Fn()>(pub(crate) F);

impl<F: Fn()> Drop for Guard<F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.0)();
        }
    }
}

const fn index(lane: Lane) -> usize {
    match lane {
        Lane::Commit => 0,
        Lane::Read => 1,
        Lane::Reclaim => 2,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use core::sync::atomic::AtomicBool;

    use super::*;

    /// Work of the log that cannot be done.
    pub(crate) struct Planted;

    impl Work for Planted {
        type Done = ();

        fn run(self) {
            panic!("planted")
        }
    }

    #[test]
    fn a_thread_that_panics_says_so() {
        let panicked = Arc::new(AtomicBool::new(false));
        let (seen, (lanes, threads)) = (Arc::clone(&panicked), lanes());
        threads
            .start(&Arc::default(), |()| (), move || seen.store(true, Ordering::SeqCst))
            .unwrap();
        lanes.give(Lane::Commit, Planted);
        while !panicked.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
    }
}

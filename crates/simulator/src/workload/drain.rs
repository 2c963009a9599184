//! The end of a run: all faults are over, everybody leaves, and what is left is delivered and acknowledged.

use core::time::Duration;

use warrener_codec::method::queue;

use crate::channel::short;
use crate::history::{Happened, QueueId};
use crate::server::Ending;

use super::consumer::Consumer;
use super::session::{Asked, HEARTBEAT_S, Session};
use super::{Run, topology};

/// How many seconds of the world's time anything may take when nothing is wrong.
const PATIENCE_S: u32 = 900;

impl Run<'_> {
    pub(super) fn drain(&mut self) {
        self.listen();
        self.heal();
        self.record.note(Happened::Healed);
        let is_calm = |run: &Self| run.open && run.retired && run.first_waiting().is_none();
        if !self.wait(|run| is_calm(run) && run.world.is_listening()) {
            let (by, what) = match self.first_waiting() {
                Some(waiting) => waiting,
                None => (crate::history::ActorId(0), "the server".into()),
            };
            self.record.note(Happened::Hangs(by, what));
            return;
        }
        self.send_everybody_home();
        self.look();
        for queue in self.topology.ids() {
            if !self.has_stopped() {
                self.empty(queue);
            }
        }
        if !self.has_stopped() {
            self.wait_for_floor();
        }
    }

    /// Whether the server has stopped by itself, which it should not when nothing is wrong any more.
    fn has_stopped(&self) -> bool {
        match self.world.poll_ending() {
            Some(Ending::Failed(why)) => self.record.note(Happened::Failed(why)),
            Some(Ending::Closed) => self.record.note(Happened::ShutDown),
            None => {}
        }
        !self.world.is_listening()
    }

    /// Lets time pass until something is so; `false` when it does not come.
    fn wait(&mut self, done: impl Fn(&Self) -> bool) -> bool {
        for _ in 0..PATIENCE_S {
            self.tend_server();
            self.listen();
            self.retired = self.open && self.operator.retire(&self.record);
            if done(self) {
                return true;
            }
            self.world.advance(Duration::from_secs(1));
        }
        false
    }

    fn first_waiting(&self) -> Option<(crate::history::ActorId, String)> {
        let publishers =
            self.publishers.iter().filter_map(|it| Some((it.session.by, it.waits_for()?)));
        let consumers =
            self.consumers.iter().filter_map(|it| Some((it.session.by, it.session.waits_for()?)));
        let hermits =
            self.hermits.iter().filter_map(|it| Some((it.session.by, it.session.waits_for()?)));
        let architects =
            self.architects.iter().filter_map(|it| Some((it.session.by, it.waits_for()?)));
        publishers.chain(consumers).chain(hermits).chain(architects).next()
    }

    /// Everybody leaves; those who vanished are missed after a while, and what lives a short time only is over.
    fn send_everybody_home(&mut self) {
        self.publishers.iter().for_each(|it| it.session.say_goodbye());
        self.consumers.iter().for_each(|it| it.session.say_goodbye());
        self.hermits.iter().for_each(|it| it.session.say_goodbye());
        self.architects.iter().for_each(|it| it.session.say_goodbye());
        let all_gone = |run: &Self| {
            run.publishers.iter().all(|it| it.session.is_over())
                && run.consumers.iter().all(|it| it.session.is_over())
                && run.hermits.iter().all(|it| it.session.is_over())
                && run.architects.iter().all(|it| it.session.is_over())
        };
        if !self.wait(all_gone) {
            let by = crate::history::ActorId(0);
            self.record.note(Happened::Hangs(by, "the end of the connections".into()));
        }
        self.publishers.clear();
        self.consumers.clear();
        self.hermits.clear();
        self.architects.clear();
        self.world.advance(Duration::from_secs(4 * u64::from(HEARTBEAT_S)));
        let longest = self.topology.longest_short_ttl_ms() + 5_000;
        self.world.advance(Duration::from_millis(longest));
        // Whoever deleted a queue may not have come to declaring it again.
        self.open = false;
        if !self.wait(|run| run.open) {
            let by = crate::history::ActorId(0);
            self.record.note(Happened::Hangs(by, "the last declarations".into()));
        }
        self.record.note(Happened::Quiet);
        if self.has_stopped() {
            return;
        }
        let queues: Vec<QueueId> = self.world.view(|view| {
            view.queues("/").filter_map(|(name, _)| topology::queue_of(&name.to_string())).collect()
        });
        for queue in queues {
            if self.topology.get(queue).is_none() {
                self.record.note(Happened::Outlived(queue));
            }
        }
    }

    fn empty(&self, queue: QueueId) {
        let Some(mut last) = Consumer::last(queue, &self.record) else {
            return self.record.note(Happened::Odd("nobody listens at the end".into()));
        };
        let mut idle = 0;
        for _ in 0..10 * PATIENCE_S {
            self.world.advance(Duration::from_secs(1));
            last.listen(&self.record);
            let busy = last.finish(&self.record) || last.session.waits_for().is_some();
            idle = if busy || self.waits_for_the_disk(queue) { 0 } else { idle + 1 };
            if idle == 3 {
                break;
            }
        }
        last.session.say_goodbye();
        self.world.advance(Duration::from_secs(1));
        // Long enough for one that failed to have told everybody.
        if !self.world.is_listening() {
            self.world.advance(Duration::from_secs(10));
            return;
        }
        let counts = self.world.view(|view| view.queue("/", &topology::name(queue)));
        let messages = counts.map_or(0, |counts| counts.ready + counts.unacked);
        self.record.note(Happened::Left { queue, messages });
    }

    /// Whether messages of a queue may still be on their way to a slow disk: what is there in part cannot be read yet.
    fn waits_for_the_disk(&self, queue: QueueId) -> bool {
        let counts = self.world.view(|view| view.queue("/", &topology::name(queue)));
        let writes = |(name, held): &(&str, u64)| *name == "records to be written" && *held > 0;
        counts.is_some_and(|counts| counts.ready > 0) && self.world.holdings().iter().any(writes)
    }

    /// What the server holds when it has nothing to hold. The last acknowledgements reach the disk with the next thing
    /// that somebody waits for; so somebody declares and deletes a queue, twice.
    fn wait_for_floor(&self) {
        if let Some(mut last) = Session::dial(&self.record) {
            self.world.advance(Duration::from_secs(1));
            last.progress(&self.record);
            self.world.advance(Duration::from_secs(1));
            last.progress(&self.record);
            for _ in 0..2 {
                let queue = short("flush");
                let declare =
                    queue::Declare { queue: queue.clone(), durable: true, ..Default::default() };
                last.ask(declare, Asked::Setup);
                last.ask(queue::Delete { queue, ..queue::Delete::default() }, Asked::Delete);
                self.world.advance(Duration::from_secs(2));
            }
            last.answers(&self.record);
            last.say_goodbye();
        }
        self.world.advance(Duration::from_secs(60));
        let mut held = self.world.holdings();
        // A slow disk may be far behind: it has all the time that it needs, as long as it gets on. While records are written
        // the log grows; what counts is what stands first.
        loop {
            self.world.advance(Duration::from_secs(60));
            let later = self.world.holdings();
            let gets_on = later.iter().map(|(_, held)| held).lt(held.iter().map(|(_, held)| held));
            held = later;
            if !gets_on {
                break;
            }
        }
        self.record.note(Happened::Floor(held));
    }
}

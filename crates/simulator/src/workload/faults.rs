//! What befalls a run: streams break, the server dies in every way, the disk fails, clocks are set.

use core::time::Duration;
use std::io::ErrorKind;

use warrener_broker::Alarm;

use crate::history::{Happened, QueueId};
use crate::server::Ending;

use super::Run;
use super::session::{Asked, Session};
use super::topology::name;

/// What is wrong at the moment.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// The disk has a limit.
    full: bool,
    /// The disk was told to fail, and may have.
    faulty: bool,
    /// The server was asked to end.
    ending: bool,
    /// The wall clock against the world's, in milliseconds.
    clock_ms: i64,
    /// The server is starting, and has not been heard of.
    starting: bool,
}

impl Run<'_> {
    /// Chance decides what goes wrong in this step.
    pub(super) fn befall(&mut self) {
        let options = self.options;
        if self.happens(options.power_permille) {
            self.record.note(Happened::PowerLost);
            self.world.lose_power();
            self.close_doors();
        }
        if self.happens(options.kill_permille) {
            self.record.note(Happened::Killed);
            self.world.kill();
            self.close_doors();
            self.reboot_if_faulty();
        }
        if self.happens(options.shutdown_permille) && self.world.is_listening() {
            self.record.note(Happened::ShuttingDown);
            self.world.shut_down();
            self.close_doors();
            self.faults.ending = true;
        }
        if self.happens(options.disk_fault_permille) {
            self.record.note(Happened::DiskFault);
            self.faults.faulty = true;
            let disk = self.world.disk();
            disk.fail_at(disk.operations() + self.random.below(30), ErrorKind::Other);
        }
        if self.happens(options.disk_full_permille) {
            self.fill_disk();
        } else if self.faults.full && self.random.chance(5) {
            self.relieve_disk();
        }
        if self.happens(options.cut_permille) {
            self.with_somebody(|session, record| session.cut(record));
        }
        if self.happens(options.vanish_permille) {
            self.with_somebody(|session, record| session.vanish(record));
        }
        if self.happens(options.stall_permille) {
            self.with_somebody(|session, record| session.stall(!session.stalled, record));
        }
        if self.happens(options.purge_permille) {
            self.purge();
        }
        if self.happens(options.delete_permille) {
            self.delete();
        }
        self.operate();
    }

    /// Chance decides what the operator does in this step.
    fn operate(&mut self) {
        let options = self.options;
        let policy = self.happens(options.policy_permille);
        let rights = self.happens(options.rights_permille);
        let alarm = self.happens(options.alarm_permille).then(|| {
            // A disk that gets full has an alarm of its own.
            let disk = options.disk_full_permille == 0 && self.random.chance(30);
            if disk { Alarm::Disk } else { Alarm::Memory }
        });
        if !self.open || !self.world.is_listening() {
            return;
        }
        let Self { operator, topology, random, record, .. } = self;
        if policy {
            operator.police(topology, random, record);
        }
        if rights {
            operator.change_rights(record);
        }
        for alarm in operator.alarms() {
            if random.chance(10) {
                operator.alarm(alarm, false, record);
            }
        }
        if let Some(alarm) = alarm {
            operator.alarm(alarm, true, record);
        }
    }

    /// After a sync has failed, the system shows what it never wrote as if it had: only a new start of the whole machine
    /// tells what is on disk.
    fn reboot_if_faulty(&self) {
        if self.options.reboot_after_fault > 0 && self.faults.faulty {
            self.record.note(Happened::PowerLost);
            self.world.lose_power();
        }
    }

    fn happens(&mut self, permille: u64) -> bool {
        permille > 0 && self.random.below(1000) < permille
    }

    fn with_somebody(&mut self, then: impl FnOnce(&mut Session, &super::Record)) {
        let publishers = self.publishers.iter_mut().map(|it| &mut it.session);
        let consumers = self.consumers.iter_mut().map(|it| &mut it.session);
        let hermits = self.hermits.iter_mut().map(|it| &mut it.session);
        let architects = self.architects.iter_mut().map(|it| &mut it.session);
        let all = publishers.chain(consumers).chain(hermits).chain(architects);
        let mut all: Vec<&mut Session> = all.collect();
        let index = self.random.index(all.len());
        if let Some(session) = all.get_mut(index).filter(|session| !session.is_over()) {
            then(session, &self.record);
        }
    }

    /// One of the publishers purges a queue.
    fn purge(&mut self) {
        let queue = QueueId(self.random.index(self.topology.queues.len()));
        let open = |it: &&mut super::Publisher| it.session.is_open();
        if let Some(publisher) = self.publishers.iter_mut().find(open) {
            self.record.note(Happened::Purging(queue));
            let queue = crate::channel::short(&name(queue));
            let purge = warrener_codec::method::queue::Purge { queue, ..Default::default() };
            publisher.session.ask(purge, Asked::Purge);
        }
    }

    /// One of the publishers deletes a queue, and declares it again.
    fn delete(&mut self) {
        let queue = QueueId(self.random.index(self.topology.queues.len()));
        let Self { publishers, topology, record, .. } = self;
        let open = publishers.iter_mut().find(|it| it.session.is_open());
        if let Some(publisher) = open.filter(|_| topology.queues[queue.0].comes_and_goes) {
            let session = &mut publisher.session;
            record.note(Happened::Deleting { by: session.by, queue });
            let name = crate::channel::short(&name(queue));
            let delete =
                warrener_codec::method::queue::Delete { queue: name, ..Default::default() };
            session.ask(delete, Asked::Deleted(queue));
            let count = topology.declare_queue(&session.channel, queue);
            session.expect_setup(count);
        }
    }

    fn fill_disk(&mut self) {
        self.record.note(Happened::DiskFull(true));
        let disk = self.world.disk();
        let room = self.random.below(2 * self.options.segment_bytes);
        disk.set_capacity_bytes(Some(disk.used_bytes() + room));
        self.faults.full = true;
    }

    pub(super) fn relieve_disk(&mut self) {
        self.record.note(Happened::DiskFull(false));
        self.world.disk().set_capacity_bytes(None);
        self.faults.full = false;
    }

    /// Nothing is wrong any more.
    pub(super) fn heal(&mut self) {
        self.relieve_disk();
        self.world.disk().fail_at(u64::MAX, ErrorKind::Other);
        let record = &self.record;
        self.publishers.iter_mut().for_each(|it| it.session.stall(false, record));
        self.consumers.iter_mut().for_each(|it| it.session.stall(false, record));
        self.hermits.iter_mut().for_each(|it| it.session.stall(false, record));
        self.architects.iter_mut().for_each(|it| it.session.stall(false, record));
    }

    fn close_doors(&mut self) {
        self.open = false;
        self.opener = None;
        self.faults.starting = false;
        self.faults.ending = false;
        self.operator.handle_end();
    }

    /// Hears how the server ended, starts it again after a while, and opens it when it listens.
    pub(super) fn tend_server(&mut self) {
        if let Some(ending) = self.world.poll_ending() {
            self.close_doors();
            match ending {
                Ending::Closed => self.record.note(Happened::ShutDown),
                Ending::Failed(why) => {
                    self.record.note(Happened::Failed(why));
                    self.reboot_if_faulty();
                }
            }
        }
        if !self.world.is_running() {
            if self.random.chance(30) {
                self.start();
            }
        } else if self.world.is_listening() && !self.faults.ending {
            if self.faults.starting {
                self.faults.starting = false;
                self.inspect();
            }
            if !self.open && self.opener.is_none() {
                self.opener = Session::dial(&self.record);
            }
        }
    }

    pub(super) fn start(&mut self) {
        let most = self.options.clock_step_max_ms;
        let clock_ms = self.random.below(2 * most + 1) as i64 - most as i64;
        self.faults.clock_ms = clock_ms;
        let millis = Duration::from_millis(clock_ms.unsigned_abs());
        if clock_ms < 0 {
            self.world.set_wall_clock(Duration::ZERO, millis);
        } else {
            self.world.set_wall_clock(millis, Duration::ZERO);
        }
        self.world.begin_start();
        self.faults.starting = true;
    }

    /// What is durable must be there as soon as clients are let in.
    fn inspect(&self) {
        self.record.note(Happened::Started(self.faults.clock_ms));
        if !self.declared {
            return;
        }
        let missing = self.world.view(|view| self.topology.missing(&view));
        for what in missing {
            self.record.note(Happened::Missing(what));
        }
    }
}

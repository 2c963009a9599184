//! A log on a simulated disk, driven inline.
#![expect(dead_code, reason = "each test file uses its part of the world")]

use bytes::Bytes;
use warrener_store::{
    After, Append, Appended, Config, Lane, Log, LogEvent, RecordId, SegmentLog, SimulatedDisk, Work,
};

/// Sizes small enough for a test to pass every boundary.
pub(crate) fn small() -> Config {
    let mut config = Config::new(7);
    config.segment_bytes = 16 << 10;
    config.batch_bytes = 4 << 10;
    config.fragment_bytes = 4 << 10;
    config.copy_bytes = 64;
    config.unsynced_bytes = 8 << 10;
    config.reserve_bytes = 16 << 10;
    config
}

/// Runs all work there is, inline.
pub(crate) fn run<L: Log>(log: &mut L) {
    loop {
        let mut idle = true;
        for lane in Lane::ALL {
            while let Some(work) = log.poll_work(lane) {
                let done = work.run();
                log.handle_done(done);
                idle = false;
            }
        }
        if idle {
            return;
        }
    }
}

/// A body that says which record it belongs to.
pub(crate) fn body(id: u64, length: usize) -> Vec<u8> {
    (0..length).map(|at| (id as usize * 31 + at * 7 + at / 256) as u8).collect()
}

/// A digest that says which record it belongs to.
pub(crate) fn digest(id: u64) -> Vec<u8> {
    format!("digest of {id}").into_bytes()
}

/// An empty record.
pub(crate) fn append(id: u64) -> Append<'static> {
    Append {
        id: RecordId(id),
        refers_to: &[],
        digest: &[],
        body: &[],
        sync: true,
        after: After::Nothing,
    }
}

pub(crate) struct World {
    pub(crate) disk: SimulatedDisk,
    pub(crate) config: Config,
    pub(crate) log: SegmentLog<SimulatedDisk>,
    events: Vec<LogEvent>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(SimulatedDisk::new(), small())
    }

    pub(crate) fn with(disk: SimulatedDisk, config: Config) -> Self {
        let mut world = Self::opening(disk, config);
        world.replayed();
        world
    }

    /// A log that has not been replayed yet.
    pub(crate) fn opening(disk: SimulatedDisk, config: Config) -> Self {
        let log = SegmentLog::new(disk.clone(), config);
        let mut world = Self { disk, config, log, events: Vec::new() };
        world.log.open();
        world
    }

    /// Runs everything, replay included, and keeps the events for [`events`](Self::events).
    pub(crate) fn run(&mut self) {
        loop {
            run(&mut self.log);
            let before = self.events.len();
            self.events.extend(core::iter::from_fn(|| self.log.poll_event()));
            if self.events.len() == before {
                return;
            }
        }
    }

    pub(crate) fn run_one_commit(&mut self) {
        if let Some(work) = self.log.poll_work(Lane::Commit) {
            self.log.handle_done(work.run());
        }
        self.events.extend(core::iter::from_fn(|| self.log.poll_event()));
    }

    pub(crate) fn events(&mut self) -> Vec<LogEvent> {
        core::mem::take(&mut self.events)
    }

    pub(crate) fn try_append(&mut self, id: u64, length: usize) -> Appended {
        let body = body(id, length);
        let (front, back) = body.split_at(length / 3);
        let body = [Bytes::copy_from_slice(front), Bytes::copy_from_slice(back)];
        let digest = digest(id);
        self.log
            .append(Append {
                id: RecordId(id),
                refers_to: &[],
                digest: &digest,
                body: &body,
                sync: true,
                after: After::Nothing,
            })
            .unwrap()
    }

    pub(crate) fn append(&mut self, id: u64, length: usize) {
        self.try_append(id, length);
    }

    pub(crate) fn append_about(&mut self, id: u64, about: &[u64]) {
        let about: Vec<_> = about.iter().copied().map(RecordId).collect();
        self.log.append(Append { refers_to: &about, ..append(id) }).unwrap();
    }

    /// The last `Durable` told.
    pub(crate) fn durable(&mut self) -> u64 {
        let durable = |event| match event {
            LogEvent::Durable { upto, .. } => Some(upto.0),
            _ => None,
        };
        self.events().into_iter().filter_map(durable).next_back().unwrap()
    }

    /// Ends the process but not the machine, and opens again.
    pub(crate) fn process_end(&mut self) {
        self.disk.end_process();
        self.open_again();
    }

    /// Loses all that is not synced, and opens again.
    pub(crate) fn power_loss(&mut self) {
        self.disk.cut_power();
        self.disk.restart(|_| 0);
        self.open_again();
    }

    /// Loses what chance picks.
    pub(crate) fn power_loss_choosing(&mut self, seed: u64) {
        let mut random = Random(seed);
        self.disk.cut_power();
        self.disk.restart(|below| random.below(below as u64) as usize);
        self.open_again();
    }

    fn open_again(&mut self) {
        self.log = SegmentLog::new(self.disk.clone(), self.config);
        self.events.clear();
        self.log.open();
    }

    /// Lets an opening finish; the ids replayed, whose digests are checked.
    pub(crate) fn replayed(&mut self) -> Vec<u64> {
        self.run();
        let mut ids = Vec::new();
        let mut ready = false;
        for event in self.events() {
            match event {
                LogEvent::Replayed(record) => {
                    let expected = digest(record.id.0);
                    assert!(record.digest.is_empty() || record.digest == expected);
                    ids.push(record.id.0);
                }
                LogEvent::Ready { .. } => ready = true,
                LogEvent::Opened(_) => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(ready);
        ids
    }

    pub(crate) fn assert_loads(&mut self, id: u64, length: usize) {
        self.log.load(RecordId(id));
        self.run();
        let (found, outcome) = self.loaded();
        assert_eq!(found, RecordId(id));
        let loaded = outcome.unwrap();
        assert_eq!(loaded.body, body(id, length));
        assert_eq!(loaded.digest, digest(id));
    }

    pub(crate) fn assert_missing(&mut self, id: u64) {
        self.log.load(RecordId(id));
        self.run();
        let outcome = self.loaded();
        assert_eq!(outcome, (RecordId(id), Err(warrener_store::LoadError::Missing)));
    }

    fn loaded(&mut self) -> (RecordId, Result<warrener_store::Loaded, warrener_store::LoadError>) {
        let loaded = |event| match event {
            LogEvent::Loaded { id, outcome } => Some((id, outcome)),
            _ => None,
        };
        let mut loaded: Vec<_> = self.events().into_iter().filter_map(loaded).collect();
        assert_eq!(loaded.len(), 1);
        loaded.remove(0)
    }
}

/// Numbers that look random, from a seed (xorshift64* over splitmix).
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let value = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub(crate) fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }
}

//! The power goes at every single operation of random histories; what is left is compared with a model.

mod world;

use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use warrener_store::{
    After, Append, Appended, Config, Disk, Lane, Log, LogEvent, RecordId, SegmentDone, SegmentLog,
    SegmentWork, SimulatedDisk, Work,
};
use world::{Random, body, digest, small};

/// What a history has said about a record.
#[derive(Clone, Debug)]
struct Fact {
    length: usize,
    about: Vec<u64>,
    whole: bool,
    /// The step at which it was released, and of its append.
    released: Option<u64>,
    /// When it was released, something large was still being written, for which the release waits.
    late: bool,
    appended: u64,
    /// These are there too when it is, or released; and everything that came before, where it was to wait for that.
    after: Vec<u64>,
    after_everything: bool,
    group: Option<u64>,
}

/// The slow and obvious log.
#[derive(Clone, Debug, Default)]
struct Model {
    facts: BTreeMap<u64, Fact>,
    durable: BTreeSet<u64>,
    /// Every change up to this step was told to be durable.
    synced_step: u64,
    /// The step after which each whole append is.
    step: u64,
    next: u64,
}

impl Model {
    fn handle(&mut self, event: &LogEvent) {
        let LogEvent::Durable { upto, ahead } = *event else { return };
        for (&id, fact) in self.facts.range(..=ahead.0) {
            if id <= upto.0 || fact.whole {
                self.durable.insert(id);
                if fact.whole {
                    self.synced_step = self.synced_step.max(fact.appended);
                }
            }
        }
    }

    /// Compares what a recovery brought with what was said, and goes on from there.
    fn recover(&mut self, replayed: &[u64], last: u64, context: &str) {
        assert!(replayed.is_sorted_by(|a, b| a < b), "{context}: in order, each once");
        let found: BTreeSet<_> = replayed.iter().copied().collect();
        let about_nothing =
            |fact: &Fact| !fact.about.is_empty() && !fact.about.iter().any(|id| found.contains(id));
        for id in &found {
            let fact = self.facts.get(id);
            let fact = fact.unwrap_or_else(|| panic!("{context}: {id} was never appended"));
            assert!(!about_nothing(fact), "{context}: {id} is about nothing that is there");
            let released = fact.released.filter(|_| !fact.late);
            let synced = released.is_some_and(|step| step < self.synced_step);
            assert!(!synced, "{context}: {id} was released, and that was synced");
        }
        let mut effective = 0;
        for id in &self.durable {
            let fact = &self.facts[id];
            if found.contains(id) || about_nothing(fact) {
                continue;
            }
            let released = fact.released;
            let released =
                released.unwrap_or_else(|| panic!("{context}: {id} was durable, and is lost"));
            // A record in fragments may be missing because it was released before it was whole.
            effective = effective.max(if fact.whole { released } else { 0 });
        }
        for (id, fact) in &self.facts {
            let before = fact.whole && fact.appended < effective && fact.released.is_none();
            let there = found.contains(id) || about_nothing(fact);
            assert!(!before || there, "{context}: a later release counts, {id} is lost");
        }
        self.check_groups(&found, context);
        self.check_order(&found, about_nothing, context);
        // One that was released before it was written has left nothing behind.
        let known = self.durable.iter().filter(|id| self.facts[id].released.is_none());
        assert!(known.max().is_none_or(|&id| id <= last), "{context}: an id may come again");
        self.facts.retain(|id, _| found.contains(id));
        for fact in self.facts.values_mut() {
            fact.released = None;
            fact.group = None;
            fact.after.clear();
            fact.after_everything = false;
            fact.about.retain(|id| found.contains(id));
        }
        self.durable = found;
        self.synced_step = self.step;
        self.next = last + 1;
    }

    /// Nothing is there before what it was to come after.
    fn check_order(
        &self,
        found: &BTreeSet<u64>,
        about_nothing: impl Fn(&Fact) -> bool,
        context: &str,
    ) {
        for id in found {
            let fact = &self.facts[id];
            for before in &fact.after {
                let there = self
                    .facts
                    .get(before)
                    .is_none_or(|before| before.released.is_some() || about_nothing(before));
                let there = there || found.contains(before);
                assert!(there, "{context}: {id} is there, and {before} is not");
            }
            if fact.after_everything {
                for (before, other) in &self.facts {
                    let released = other.released.is_some_and(|step| step < fact.appended);
                    let wrong = match found.contains(before) {
                        true => released,
                        false => before < id && other.released.is_none() && !about_nothing(other),
                    };
                    assert!(!wrong, "{context}: {id} is there, and {before} as it was before");
                }
            }
        }
    }

    fn check_groups(&self, found: &BTreeSet<u64>, context: &str) {
        let mut groups = BTreeMap::<u64, (usize, usize)>::new();
        for (id, fact) in &self.facts {
            if let (Some(group), None, []) = (fact.group, fact.released, &fact.about[..]) {
                let (there, all) = groups.entry(group).or_default();
                *there += usize::from(found.contains(id));
                *all += 1;
            }
        }
        for (group, (there, all)) in groups {
            assert!(there == 0 || there == all, "{context}: of group {group} {there} of {all}");
        }
    }
}

/// A log under a random history.
struct Run {
    random: Random,
    disk: SimulatedDisk,
    config: Config,
    log: SegmentLog<SimulatedDisk>,
    model: Model,
    failed: bool,
    /// What each lane has out: handed out, or run and not given back yet.
    lanes: BTreeMap<Lane, Stage>,
}

enum Stage {
    Polled(SegmentWork<SimulatedDisk>),
    Run(SegmentDone<SimulatedDisk>),
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let disk = SimulatedDisk::new();
        let mut config = small();
        config.segment_bytes = 2000 + random.below(12_000) as u32;
        config.batch_bytes = 500 + random.below(4000) as u32;
        config.fragment_bytes = 600 + random.below(3000) as u32;
        config.reserve_bytes = 4000;
        config.unsynced_bytes = random.below(4000);
        let log = SegmentLog::new(disk.clone(), config);
        let model = Model { next: 1, ..Model::default() };
        Self { random, disk, config, log, model, failed: false, lanes: BTreeMap::new() }
    }

    /// Takes the work of a lane one stage further: it is handed out, run, and given back, at different times.
    fn step(&mut self, lane: Lane) -> bool {
        match self.lanes.remove(&lane) {
            None => match self.log.poll_work(lane) {
                None => return false,
                Some(work) => {
                    self.lanes.insert(lane, Stage::Polled(work));
                }
            },
            Some(Stage::Polled(work)) => {
                self.lanes.insert(lane, Stage::Run(work.run()));
            }
            Some(Stage::Run(done)) => self.log.handle_done(done),
        }
        true
    }

    /// Runs everything to its end.
    fn settle(&mut self) {
        while Lane::ALL.into_iter().any(|lane| self.step(lane)) {}
        self.events();
    }

    fn events(&mut self) {
        while let Some(event) = self.log.poll_event() {
            match event {
                LogEvent::Failed(_) => self.failed = true,
                event => self.model.handle(&event),
            }
        }
    }

    fn append(&mut self, group: Option<u64>) {
        let id = self.model.next;
        self.model.next += 1 + self.random.below(3);
        let length = match self.random.below(20) {
            0 => self.random.below(9000),
            1..=5 => self.random.below(1500),
            _ => self.random.below(100),
        } as usize;
        let live: Vec<_> = self.live().collect();
        let mut about = Vec::new();
        if self.random.chance(4) && !live.is_empty() {
            for _ in 0..=self.random.below(2) {
                about.push(live[self.random.below(live.len() as u64) as usize]);
            }
        }
        let references: Vec<_> = about.iter().copied().map(RecordId).collect();
        let whole = body(id, length);
        let parts: Vec<_> = whole.chunks(700).map(Bytes::copy_from_slice).collect();
        let after_everything = group.is_none() && id % 8 == 3;
        let after = match group {
            None if id.is_multiple_of(2) => references.clone(),
            _ => Vec::new(),
        };
        let appended = self
            .log
            .append(Append {
                id: RecordId(id),
                refers_to: &references,
                digest: &digest(id),
                body: &parts,
                sync: !self.random.chance(4),
                after: match after_everything {
                    true => After::Everything,
                    false if after.is_empty() => After::Nothing,
                    false => After::Records(&after),
                },
            })
            .unwrap();
        self.model.step += 1;
        let fact = Fact {
            length,
            about,
            after: after.iter().map(|id| id.0).collect(),
            after_everything,
            whole: appended == Appended::Whole,
            released: None,
            late: false,
            appended: self.model.step,
            group,
        };
        self.model.facts.insert(id, fact);
    }

    fn live(&self) -> impl Iterator<Item = u64> {
        let live = self.model.facts.iter().filter(|(_, fact)| fact.released.is_none());
        live.map(|(&id, _)| id)
    }

    fn release(&mut self) {
        let live: Vec<_> = self.live().collect();
        if live.is_empty() {
            return;
        }
        // Mostly the oldest, as queues do; some stay for long.
        let reach =
            if self.random.chance(4) { live.len() as u64 } else { 4.min(live.len() as u64) };
        let id = live[self.random.below(reach) as usize];
        self.log.release(RecordId(id));
        self.model.step += 1;
        let durable = &self.model.durable;
        let late = self.model.facts.iter().any(|(id, fact)| !fact.whole && !durable.contains(id));
        let fact = self.model.facts.get_mut(&id).unwrap();
        (fact.released, fact.late) = (Some(self.model.step), late);
    }

    fn group(&mut self) {
        self.log.begin_group();
        let group = self.model.next;
        for _ in 0..self.random.below(5) {
            self.append(Some(group));
        }
        for _ in 0..self.random.below(3) {
            self.release();
        }
        self.log.end_group();
    }

    /// Two looks at the disk without a new segment between them.
    fn rest(&mut self) {
        for _ in 0..2 {
            self.log.check_space();
            (0..3).for_each(|_| {
                self.step(Lane::Reclaim);
            });
        }
    }

    fn history(&mut self, steps: u64) {
        for _ in 0..steps {
            match self.random.below(20) {
                0..=8 => self.append(None),
                9..=13 => self.release(),
                14 => self.group(),
                15 => self.log.sync(),
                16..=18 => (0..=self.random.below(3)).for_each(|_| {
                    self.step(Lane::Commit);
                }),
                _ => {
                    self.step(Lane::Reclaim);
                    if self.random.chance(8) {
                        self.rest();
                    }
                }
            }
            self.events();
            if self.failed {
                return;
            }
        }
        self.settle();
    }

    /// Opens the log after a loss of power, which may come again on the way.
    fn recover(&mut self, context: &str) {
        let mut random = Random(self.random.next());
        for again in 0.. {
            self.disk.cut_power();
            self.disk.restart(|below| random.below(below as u64) as usize);
            if again < 3 && random.chance(2) {
                self.disk.cut_power_at(self.disk.operations() + random.below(12));
            }
            self.lanes.clear();
            self.log = SegmentLog::new(self.disk.clone(), self.config);
            self.log.open();
            let mut replayed = Vec::new();
            let mut ready = None;
            let mut lanes = Lane::ALL;
            // Whichever lane is first, and several of them between two looks at what happened.
            while ready.is_none() && lanes.into_iter().any(|lane| self.step(lane)) {
                lanes.rotate_left(random.below(3) as usize);
                if random.chance(3) {
                    self.step(lanes[1]);
                }
                while let Some(event) = self.log.poll_event() {
                    match event {
                        LogEvent::Opened(_) => {}
                        LogEvent::Replayed(record) => {
                            assert_eq!(record.digest, digest(record.id.0), "{context}");
                            replayed.push(record.id.0);
                        }
                        LogEvent::Ready { last } => ready = Some(last.0),
                        LogEvent::Failed(_) if self.disk.is_off() => {}
                        other => panic!("{context}: {other:?}"),
                    }
                }
            }
            if let Some(last) = ready {
                if !self.disk.is_off() {
                    // Not sooner: an opening that the power interrupts has no say.
                    self.disk.cut_power_at(u64::MAX);
                }
                self.model.recover(&replayed, last, context);
                self.failed = false;
                return self.check_bodies(context);
            }
            assert!(self.disk.is_off(), "{context}: neither ready nor without power");
        }
    }

    fn check_bodies(&mut self, context: &str) {
        for &id in &self.model.durable {
            self.log.load(RecordId(id));
        }
        world::run(&mut self.log);
        let mut left = self.model.durable.clone();
        while let Some(event) = self.log.poll_event() {
            let LogEvent::Loaded { id, outcome } = event else { panic!("{context}: {event:?}") };
            let loaded = outcome.unwrap_or_else(|error| panic!("{context}: {id}: {error}"));
            assert_eq!(loaded.body, body(id.0, self.model.facts[&id.0].length), "{context}: {id}");
            assert_eq!(loaded.digest, digest(id.0), "{context}");
            assert!(left.remove(&id.0), "{context}: {id} twice");
        }
        assert!(left.is_empty(), "{context}: {left:?} not loaded");
    }
}

/// Opens, lives, and goes on for some steps; the number of operations that took.
fn live(run: &mut Run, steps: u64) {
    run.log.open();
    run.settle();
    if !run.failed {
        run.history(steps);
    }
}

#[test]
fn the_power_goes_at_every_operation() {
    let (mut rewritten, mut taken) = (0, 0);
    for seed in 0..12 {
        let mut whole = Run::new(seed);
        live(&mut whole, 150);
        assert!(!whole.failed);
        rewritten +=
            usize::from(whole.disk.list().unwrap().iter().any(|f| f.contains(".00000001.")));
        let names =
            whole.disk.list().unwrap().into_iter().filter(|name| name.ends_with(".segment"));
        let mut files = names.filter_map(|name| whole.disk.contents(&name));
        taken += usize::from(files.any(|bytes| bytes[40..44] != [0; 4]));
        for cut in 0..whole.disk.operations() {
            let mut run = Run::new(seed);
            run.disk.cut_power_at(cut);
            live(&mut run, 150);
            let context = format!("seed {seed}, power cut at {cut}");
            run.random = Random(seed << 32 | cut);
            run.recover(&context);
            // It goes on, and the power goes again, at any time.
            run.disk.cut_power_at(run.disk.operations() + run.random.clone().below(60));
            run.history(60);
            run.recover(&format!("{context}, and then once more"));
        }
    }
    assert!(rewritten > 2, "only {rewritten} histories gave space back");
    assert!(taken > 2, "only {taken} histories wrote a segment over another");
}

#[test]
fn the_power_goes_now_and_then_in_a_long_life() {
    for seed in 1000..1012 {
        let mut run = Run::new(seed);
        live(&mut run, 50);
        for round in 0..12 {
            let cut = run.random.below(150);
            run.disk.cut_power_at(run.disk.operations() + cut);
            run.history(200);
            run.recover(&format!("seed {seed}, round {round}"));
        }
    }
}

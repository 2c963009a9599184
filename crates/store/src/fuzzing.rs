//! What is fuzzed: each body takes any bytes and asserts what must hold for all of them. The targets in `/fuzz` are
//! thin; `cargo test` runs the same bodies over their corpus.

use crate::format::{FooterBuilder, MANIFEST, Manifest, SegmentHeader, SegmentName};
use crate::{
    After, Append, Config, Disk, Lane, Log, LogEvent, RecordId, SegmentLog, SimulatedDisk, Work,
    salvage, verify,
};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// What a target runs on any bytes.
pub type Body = fn(&[u8]);

/// The bodies by the names of their targets.
pub const TARGETS: &[(&str, Body)] =
    &[("store_mutated", mutated), ("store_recovery", recovery), ("store_footer", footer)];

fn config() -> Config {
    let mut config = Config::new(3);
    config.segment_bytes = 3000;
    config.batch_bytes = 1000;
    config.fragment_bytes = 700;
    config.reserve_bytes = 64;
    config
}

fn run(log: &mut SegmentLog<SimulatedDisk>) -> Vec<LogEvent> {
    let mut events = Vec::new();
    loop {
        let before = events.len();
        let mut idle = true;
        for lane in Lane::ALL {
            while let Some(work) = log.poll_work(lane) {
                let done = work.run();
                log.handle_done(done);
                idle = false;
            }
        }
        events.extend(core::iter::from_fn(|| log.poll_event()));
        if idle && events.len() == before {
            return events;
        }
    }
}

/// The bodies of all records, or `None` when the log was refused or a body could not be read.
fn contents(disk: &SimulatedDisk) -> Option<BTreeMap<u64, Bytes>> {
    let mut log = SegmentLog::new(disk.clone(), config());
    log.open();
    let mut bodies = BTreeMap::new();
    for event in run(&mut log) {
        match event {
            LogEvent::Failed(_) => return None,
            LogEvent::Replayed(record) => log.load(record.id),
            _ => {}
        }
    }
    for event in run(&mut log) {
        if let LogEvent::Loaded { id, outcome } = event {
            bodies.insert(id.0, outcome.ok()?.body);
        }
    }
    Some(bodies)
}

/// A log with whole records, fragments, references, releases, sealed segments and one rewritten; in flow until its last
/// segment was written over an older one, or not; cleanly closed or not.
fn sample(closed: bool, flows: bool) -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let mut log = SegmentLog::new(disk.clone(), config());
    log.open();
    run(&mut log);
    for id in 1..=60_u64 {
        let length = if id % 20 == 7 { 2000 } else { 20 * (id as usize % 9) };
        let body = [Bytes::from(vec![id as u8; length])];
        let refers_to = if id % 5 == 0 { vec![RecordId(id - 1)] } else { Vec::new() };
        let digest = id.to_le_bytes();
        let record = Append {
            id: RecordId(id),
            refers_to: &refers_to,
            digest: &digest,
            body: &body,
            sync: true,
            after: if id % 20 == 8 { After::Everything } else { After::Nothing },
        };
        log.append(record).expect("the sample's records are lawful");
        if id % 3 != 0 {
            log.release(RecordId(id.saturating_sub(6)));
        }
        if id % 4 == 0 {
            run(&mut log);
        }
    }
    let mut id = 60;
    while flows && (id < 100 || taken_bytes(&disk) == 0) {
        id += 1;
        let body = [Bytes::from(vec![id as u8; 300])];
        let (id, after) = (RecordId(id), After::Nothing);
        let record = Append { id, refers_to: &[], digest: b"flow", body: &body, sync: true, after };
        log.append(record).expect("the sample's records are lawful");
        log.release(RecordId(id.0 - 3));
        run(&mut log);
    }
    if closed {
        log.close();
    }
    run(&mut log);
    disk.copy()
}

/// How long the file of the last segment was before.
fn taken_bytes(disk: &SimulatedDisk) -> u32 {
    let names = disk.list().expect("a simulated disk lists its files");
    let last = names.iter().filter_map(|name| SegmentName::parse(name)).max();
    let header = last.and_then(|name| {
        let bytes = disk.contents(&name.file())?;
        SegmentHeader::decode(name, &bytes).ok()
    });
    header.map_or(0, |header| header.taken_bytes)
}

/// A sound log with some of its bytes changed is refused, or nothing that was synced is missing from it. Without a clean
/// stop the end of the last segment may look torn.
pub fn mutated(data: &[u8]) {
    type Sample = (SimulatedDisk, BTreeMap<u64, Bytes>);
    static SAMPLES: OnceLock<[Sample; 4]> = OnceLock::new();
    let samples = SAMPLES.get_or_init(|| {
        [0, 1, 2, 3].map(|bits| {
            let disk = sample(bits & 1 == 1, bits & 2 == 2);
            let bodies = contents(&disk.copy()).expect("the sample is sound");
            (disk, bodies)
        })
    });
    let Some((&first, changes)) = data.split_first() else { return };
    let closed = first & 1 == 1;
    let (sound, expected) = &samples[usize::from(first & 3)];
    let disk = sound.copy();
    let names = disk.list().expect("a simulated disk lists its files");
    for change in changes.chunks_exact(5) {
        let name = &names[usize::from(change[0]) % names.len()];
        let Some(mut bytes) = disk.contents(name).filter(|bytes| !bytes.is_empty()) else {
            continue;
        };
        let at = usize::from(u16::from_le_bytes([change[1], change[2]])) % bytes.len();
        match change[3] % 4 {
            0 | 1 => bytes[at] ^= change[4],
            2 => bytes[at..].iter_mut().take(usize::from(change[4])).for_each(|byte| *byte = 0),
            // A file that is shorter than it was, where that can be told from one that never was longer.
            _ if closed => bytes.truncate(at),
            _ => continue,
        }
        disk.put(name, &bytes);
    }
    let last = names.iter().rfind(|name| name.ends_with(".segment"));
    let changed_last = last.is_some_and(|last| disk.contents(last) != sound.contents(last));
    let sound = verify(&disk).is_ok_and(|verified| verified.damages.is_empty());
    let saved = SimulatedDisk::new();
    if salvage(&disk, saved.clone(), config()).is_ok() && sound && closed {
        assert_eq!(contents(&saved).as_ref(), Some(expected), "all of a sound log is saved");
    }
    let Some(found) = contents(&disk) else {
        assert!(!sound || !closed, "what verifies opens");
        return;
    };
    for (id, body) in &found {
        assert_eq!(Some(body), expected.get(id).or(Some(body)), "record {id} has another body");
    }
    if closed || !changed_last {
        let missing = expected.keys().find(|id| !found.contains_key(id));
        assert_eq!(missing, None, "lost without a word");
    }
}

/// Arbitrary bytes in a segment with a sound header, listed in the manifest or not.
pub fn recovery(data: &[u8]) {
    let Some((&first, bytes)) = data.split_first() else { return };
    let disk = SimulatedDisk::new();
    let name = SegmentName { number: 1, generation: 0 };
    let listed = first & 1 == 1;
    let mut manifest = Manifest { epoch: 1, unlisted: 1, ..Manifest::default() };
    if listed {
        (manifest.segments, manifest.unlisted) = (vec![name], 2);
    }
    let header = SegmentHeader { name, epoch: 1, salt: 0, taken_bytes: 0 };
    let segment = if first & 2 == 2 { [&header.encode(), bytes].concat() } else { bytes.to_vec() };
    let manifest = if first & 4 == 4 { bytes.to_vec() } else { manifest.encode() };
    disk.put(MANIFEST, &manifest);
    disk.put(&name.file(), &segment);
    // Whatever they say of it, they say it.
    let _ = verify(&disk);
    let _ = salvage(&disk, SimulatedDisk::new(), config());
    if let Some(bodies) = contents(&disk) {
        assert!(bodies.is_empty(), "records out of nothing");
    }
}

/// An index of arbitrary bytes whose checksums are right.
pub fn footer(data: &[u8]) {
    let [a, b, counts @ ..] = data else { return };
    let [records, fragments, releases, rest @ ..] = counts else { return };
    let (first, others) = rest.split_at((usize::from(*a) * 4).min(rest.len()));
    let (second, third) = others.split_at((usize::from(*b) * 4).min(others.len()));
    let disk = SimulatedDisk::new();
    let name = SegmentName { number: 1, generation: 0 };
    let header = SegmentHeader { name, epoch: 1, salt: 0, taken_bytes: 0 };
    let sections = [(first, *records), (second, *fragments), (third, *releases)];
    let footer = FooterBuilder::of_bytes(sections).finish(header.seed()).1;
    let mut segment = header.encode().to_vec();
    segment.extend([0; 300]);
    segment.extend(footer.sections.concat());
    segment.extend(footer.trailer);
    let manifest = Manifest { epoch: 1, unlisted: 2, segments: vec![name], ..Manifest::default() };
    disk.put(MANIFEST, &manifest.encode());
    disk.put(&name.file(), &segment);
    // Whatever the index says, no body passes for one: the entries are zeros.
    if let Some(bodies) = contents(&disk) {
        assert!(bodies.is_empty(), "records out of nothing");
    }
}

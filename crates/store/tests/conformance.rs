//! What every log must do, whatever it is made of: random histories on a `SegmentLog`, with the `MemoryLog` as oracle.

mod world;

use bytes::Bytes;
use warrener_store::{
    After, Append, LoadError, Loaded, Log, LogEvent, MemoryLog, RealDisk, RecordId, Refused,
    SegmentLog, SimulatedDisk,
};
use world::{Random, body, digest, run, small};

/// What is seen of a log from outside.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    replayed: Vec<(u64, Bytes, u64)>,
    ready: Option<u64>,
    durable: u64,
    loaded: Vec<(u64, Result<Loaded, LoadError>)>,
    closed: bool,
}

fn settle<L: Log>(log: &mut L) -> Seen {
    let mut seen = Seen::default();
    loop {
        run(log);
        let Some(event) = log.poll_event() else { return seen };
        match event {
            LogEvent::Opened(opened) => assert_eq!(opened.cut, None),
            LogEvent::Replayed(r) => seen.replayed.push((r.id.0, r.digest, r.body_bytes)),
            LogEvent::Ready { last } => seen.ready = Some(last.0),
            LogEvent::Durable { upto, ahead } => {
                assert!(seen.durable <= upto.0 && upto <= ahead);
                seen.durable = upto.0;
            }
            LogEvent::Written { .. } => {}
            LogEvent::Loaded { id, outcome } => {
                seen.loaded.push((id.0, outcome));
                // In any order.
                seen.loaded.sort_by_key(|(id, _)| *id);
            }
            LogEvent::Closed => seen.closed = true,
            other => panic!("{other:?}"),
        }
    }
}

/// The same change on both.
fn change(log: &mut impl Log, random: &mut Random, next: &mut u64) {
    match random.below(16) {
        0..=7 => {
            let id = *next;
            *next += 1 + random.below(2);
            let length = if random.chance(15) { 6000 } else { random.below(300) } as usize;
            let whole = body(id, length);
            let parts: Vec<_> = whole.chunks(1000).map(Bytes::copy_from_slice).collect();
            let about: Vec<_> = (0..random.below(3) * random.below(2))
                .map(|_| RecordId(id - random.below(20).min(id)))
                .collect();
            let record = Append {
                id: RecordId(id),
                refers_to: &about,
                digest: &digest(id),
                body: &parts,
                sync: random.chance(2),
                after: After::Nothing,
            };
            let after = if random.chance(5) { After::Everything } else { After::Records(&about) };
            match log.append(Append { after, ..record }) {
                // The oracle knows no groups.
                Err(Refused::WaitsInGroup) => log.append(record).map(drop).unwrap(),
                appended => appended.map(drop).unwrap(),
            }
        }
        8..=11 => log.release(RecordId(next.saturating_sub(random.below(15)))),
        12 => log.load(RecordId(next.saturating_sub(random.below(30)).max(1) * 2)),
        13 => log.begin_group(),
        14 => log.end_group(),
        _ => log.check_space(),
    }
}

fn compare<L: Log>(seed: u64, mut log: L, mut reopen: impl FnMut(L) -> L) {
    let mut random = Random(seed);
    let mut oracle = MemoryLog::new();
    assert_eq!(log.append(world::append(1)), Err(Refused::NotReady));
    log.open();
    oracle.open();
    assert_eq!(settle(&mut log), settle(&mut oracle));
    let mut next = 1;
    for life in 0..4 {
        for round in 0..12 {
            for _ in 0..random.below(25) {
                let (mut same, mut next_too) = (random.clone(), next);
                change(&mut oracle, &mut same, &mut next_too);
                change(&mut log, &mut random, &mut next);
            }
            log.end_group();
            oracle.end_group();
            log.sync();
            let (seen, expected) = (settle(&mut log), settle(&mut oracle));
            assert_eq!(seen, expected, "seed {seed}, life {life}, round {round}");
        }
        log.close();
        oracle.close();
        assert_eq!(log.append(world::append(u64::MAX)), Err(Refused::Stopped));
        assert_eq!(settle(&mut log), settle(&mut oracle));
        log = reopen(log);
        oracle = oracle.reopen();
        log.open();
        oracle.open();
        let (seen, expected) = (settle(&mut log), settle(&mut oracle));
        let ids = |seen: &Seen| seen.replayed.iter().map(|(id, ..)| *id).collect::<Vec<_>>();
        assert_eq!(ids(&seen), ids(&expected), "seed {seed}, after life {life}");
        assert_eq!(seen, expected, "seed {seed}, after life {life}");
        next = next.max(seen.ready.unwrap() + 1);
    }
}

#[test]
fn a_log_on_a_simulated_disk_does_what_the_oracle_does() {
    for seed in 0..60 {
        let disk = SimulatedDisk::new();
        compare(seed, SegmentLog::new(disk.clone(), small()), |old| {
            drop(old);
            SegmentLog::new(disk.clone(), small())
        });
    }
}

#[test]
fn a_log_on_a_real_disk_does_what_the_oracle_does() {
    let directory = tempfile::tempdir().unwrap();
    let disk = RealDisk::new(directory.path().join("some/where")).unwrap();
    compare(1, SegmentLog::new(disk.clone(), small()), |old| {
        drop(old);
        SegmentLog::new(disk.clone(), small())
    });
}

#[test]
fn the_oracle_does_what_it_does() {
    compare(2, MemoryLog::new(), MemoryLog::reopen);
}

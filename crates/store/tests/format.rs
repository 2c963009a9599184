//! The bytes on disk do not change unnoticed, and every version that was ever written opens. docs/file-format.md

mod world;

use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::PathBuf;
use warrener_store::{After, Append, Config, Disk, Log, RecordId, SimulatedDisk};
use world::{World, body, digest, small};

/// The host's records have a version of their own.
const RECORDS_VERSION: u16 = 0x0203;

fn config() -> Config {
    let mut config = small();
    config.records_version = RECORDS_VERSION;
    config
}

/// A log with an entry of each kind, a rewritten segment with its footer, and one without.
fn written() -> SimulatedDisk {
    let mut world = World::with(SimulatedDisk::new(), config());
    for id in 1..=160 {
        let body = [Bytes::from(body(id, if id == 151 { 5000 } else { 400 }))];
        let refers_to = if id % 8 == 0 { vec![RecordId(id - 1)] } else { Vec::new() };
        let digest = digest(id);
        let record = Append {
            id: RecordId(id),
            refers_to: &refers_to,
            digest: &digest,
            body: &body,
            sync: true,
            after: After::Nothing,
        };
        if id == 151 {
            // What follows something large waits for it, and would be written.
            (145..151).for_each(|id| world.log.release(RecordId(id)));
        }
        world.log.append(record).unwrap();
        if id % 8 == 0 {
            let before = id - 7..id - 1;
            before.filter(|_| id != 152).for_each(|id| world.log.release(RecordId(id)));
            world.run();
        }
    }
    // The last of them stay in the log as releases, for their records are in a segment that stays.
    (10..=119).chain(154..=156).for_each(|id| world.log.release(RecordId(id)));
    world.log.sync();
    world.run();
    world.disk.copy()
}

fn fixture(version: u16) -> BTreeMap<String, Vec<u8>> {
    let directory =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/v{version}"));
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn what_is_written_today_is_what_the_last_version_wrote() {
    let disk = written();
    let names = disk.list().unwrap();
    let mut files: BTreeMap<_, _> =
        names.into_iter().map(|name| (name.clone(), disk.contents(&name).unwrap())).collect();
    assert!(files.remove("reserve").is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0)));
    files.remove("spare");
    assert!(files.keys().any(|name| name.ends_with(".00000001.segment")), "one is rewritten");
    assert_eq!(files.len(), 3, "the manifest, a rewritten segment, and one being written");
    let expected = fixture(3);
    assert_eq!(files.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, bytes) in files {
        assert!(
            bytes == expected[&name],
            "{name} has changed: that is a new version of the format"
        );
    }
}

#[test]
fn every_version_opens() {
    for version in [1, 2, 3] {
        let disk = SimulatedDisk::new();
        for (name, bytes) in fixture(version) {
            disk.put(&name, &bytes);
        }
        // The secret of the process that wrote it need not be known.
        let mut config = config();
        config.seed = 99;
        let mut world = World::opening(disk, config);
        let replayed = world.replayed();
        let kept = |id: &u64| (*id < 9 || *id > 120) && (id % 8 == 7 || id.is_multiple_of(8));
        let kept: Vec<_> = (1..=160).filter(kept).collect();
        assert_eq!(replayed, kept, "version {version}");
        for id in replayed {
            world.assert_loads(id, if id == 151 { 5000 } else { 400 });
        }
    }
}

#[test]
fn an_older_version_is_of_the_newest_as_soon_as_it_was_opened() {
    let disk = SimulatedDisk::new();
    for (name, bytes) in fixture(1) {
        disk.put(&name, &bytes);
    }
    World::with(disk.clone(), config());
    let manifest = disk.contents("manifest").unwrap();
    // An older program looks at these before it does anything, and refuses.
    assert_eq!(manifest[8..12], [3, 0, 3, 2]);
}

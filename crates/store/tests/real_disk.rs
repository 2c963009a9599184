//! The machine's own file system.

mod world;

use std::fs;
use warrener_store::{Append, Disk, Log, LogError, LogEvent, RealDisk, RecordId, SegmentLog};
use world::{append, run, small};

fn open(disk: &RealDisk) -> (SegmentLog<RealDisk>, Vec<LogEvent>) {
    let mut log = SegmentLog::new(disk.clone(), small());
    log.open();
    let mut events = Vec::new();
    loop {
        run(&mut log);
        let before = events.len();
        events.extend(core::iter::from_fn(|| log.poll_event()));
        if before == events.len() {
            return (log, events);
        }
    }
}

#[test]
fn a_directory_is_its_owners_and_one_logs_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep").join("data");
    let disk = RealDisk::new(&path).unwrap();
    let (mut log, _) = open(&disk);
    log.append(append(1)).unwrap();
    run(&mut log);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(path.clone()), 0o700);
        for entry in fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(path.clone()), 0o600, "{}", path.display());
        }
    }
    let other = RealDisk::new(&path).unwrap();
    assert_eq!(open(&other).1, [LogEvent::Failed(LogError::Locked)]);
    drop(log);
    let (_, events) = open(&other);
    assert!(matches!(&events[1], LogEvent::Replayed(record) if record.id == RecordId(1)));
}

#[cfg(unix)]
#[test]
fn what_is_written_to_a_directory_that_was_removed_is_not_durable() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data");
    let disk = RealDisk::new(&path).unwrap();
    let (mut log, _) = open(&disk);
    log.append(append(1)).unwrap();
    run(&mut log);
    assert!(matches!(log.poll_event(), Some(LogEvent::Durable { .. })));
    fs::remove_dir_all(&path).unwrap();
    log.append(append(2)).unwrap();
    run(&mut log);
    let told = log.poll_event();
    let Some(LogEvent::Failed(LogError::Io { kind, .. })) = told else { panic!("{told:?}") };
    assert_eq!(kind, std::io::ErrorKind::NotFound);
}

#[cfg(unix)]
#[test]
fn a_file_that_has_another_name_is_not_written_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data");
    let disk = RealDisk::new(&path).unwrap();
    let (mut log, _) = open(&disk);
    let body = [vec![7; 900].into()];
    let (spare, held) = (path.join("spare"), directory.path().join("held"));
    // Records of which the last five stay.
    let mut flow = |ids: core::ops::Range<u64>| {
        for id in ids {
            log.append(Append { body: &body, ..append(id) }).unwrap();
            log.release(RecordId(id.saturating_sub(5)));
            run(&mut log);
        }
    };
    flow(1..60);
    fs::hard_link(&spare, &held).unwrap();
    let before = fs::read(&held).unwrap();
    flow(60..120);
    assert!(fs::read(&held).unwrap() == before, "it was written to");
    assert!(spare.exists(), "another one is kept");
    while let Some(event) = log.poll_event() {
        assert!(!matches!(event, LogEvent::Failed(_)), "{event:?}");
    }
}

#[test]
fn a_directory_moved_elsewhere_opens_there() {
    let directory = tempfile::tempdir().unwrap();
    let disk = RealDisk::new(directory.path().join("here")).unwrap();
    let (mut log, _) = open(&disk);
    for id in 1..=100 {
        log.append(append(id)).unwrap();
    }
    run(&mut log);
    drop(log);
    fs::rename(directory.path().join("here"), directory.path().join("there")).unwrap();
    let disk = RealDisk::new(directory.path().join("there")).unwrap();
    assert_eq!(open(&disk).1.len(), 102);
    assert!(disk.free_bytes().unwrap().is_some_and(|free| free > 0) || cfg!(not(unix)));
}

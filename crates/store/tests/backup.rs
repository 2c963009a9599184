//! A copy of a log that is in use.

#![expect(clippy::disallowed_methods, reason = "the log is used by a thread of its own meanwhile")]

mod world;

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::fs;
use std::sync::Arc;
use warrener_store::{BackupError, Log, LogEvent, RealDisk, RecordId, SegmentLog, backup, verify};
use world::{append, run, small};

fn open(path: &std::path::Path) -> (SegmentLog<RealDisk>, Vec<u64>) {
    let mut log = SegmentLog::new(RealDisk::new(path).unwrap(), small());
    log.open();
    let mut replayed = Vec::new();
    loop {
        run(&mut log);
        match log.poll_event() {
            Some(LogEvent::Replayed(record)) => replayed.push(record.id.0),
            Some(LogEvent::Ready { .. }) => return (log, replayed),
            Some(LogEvent::Failed(error)) => panic!("{error}"),
            _ => {}
        }
    }
}

#[test]
fn a_backup_of_a_log_in_use_is_the_log_at_one_moment() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let (mut log, _) = open(&data);
    let (durable, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    // A log of a hundred records: each time a new one is durable, the oldest goes, so segments come and go.
    let writer = std::thread::spawn({
        let (durable, over) = (Arc::clone(&durable), Arc::clone(&over));
        move || {
            let body = [vec![7; 300].into()];
            let mut id = 0;
            while !over.load(Ordering::Relaxed) {
                id += 1;
                log.append(warrener_store::Append { body: &body, ..append(id) }).unwrap();
                log.release(RecordId(id.saturating_sub(100)));
                run(&mut log);
                while let Some(event) = log.poll_event() {
                    match event {
                        LogEvent::Durable { upto, .. } => durable.store(upto.0, Ordering::SeqCst),
                        LogEvent::Failed(error) => panic!("{error}"),
                        _ => {}
                    }
                }
            }
        }
    });
    for number in 0.. {
        if number >= 15 && durable.load(Ordering::SeqCst) >= 800 {
            break;
        }
        let before = durable.load(Ordering::SeqCst);
        let copy = directory.path().join(format!("copy {number}"));
        let copied = backup(&data, &copy).unwrap();
        let after = durable.load(Ordering::SeqCst) + 1;
        assert!(copied.bytes > 0);
        let disk = RealDisk::new(&copy).unwrap();
        assert_eq!(verify(&disk).unwrap().damages, []);
        let (_, found) = open(&copy);
        let last = found.last().copied().unwrap_or_default();
        assert!((before..=after).contains(&last), "{last} of {before} to {after}");
        // As of that moment: the last hundred, or one more whose release was not written yet.
        let first = last.saturating_sub(100) + 1;
        let whole = found.iter().copied().filter(|id| *id >= first);
        assert!(whole.eq(first..=last), "{found:?}");
        assert!(found.iter().all(|id| *id + 1 >= first), "{found:?}");
        fs::remove_dir_all(copy).unwrap();
    }
    over.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    assert!(!data.join("backup").exists(), "nothing is held any more");
}

#[test]
fn a_backup_is_made_into_an_empty_directory_and_of_a_log() {
    let directory = tempfile::tempdir().unwrap();
    let (data, copy) = (directory.path().join("data"), directory.path().join("copy"));
    let refused = backup(&data, &copy).unwrap_err();
    assert!(matches!(refused, BackupError::NoLog(_)), "{refused}");
    drop(open(&data));
    // What an interrupted one left is no hindrance.
    fs::create_dir(data.join("backup")).unwrap();
    fs::write(data.join("backup").join("manifest"), b"left").unwrap();
    backup(&data, &copy).unwrap();
    let refused = backup(&data, &copy).unwrap_err();
    assert!(matches!(refused, BackupError::NotEmpty(_)), "{refused}");
    #[cfg(unix)]
    for entry in fs::read_dir(&copy).unwrap() {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

//! docs/disk.md, as far as it needs a real disk.

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::process::Command;

use lapin::options::ConfirmSelectOptions;
use lapin::protocol::BasicProperties;
use lapin::{Channel, PublisherConfirm};

use warrener_store::{
    After, Append, Config, Lane, Log, LogEvent, RealDisk, RecordId, SegmentLog, Work,
};

use crate::broker::{Broker, program};
use crate::clients::lapin::session::{ack, consume, declare, next, open, play};
use crate::process;
use crate::wire::Peer;

/// Larger than what any of the pipes on the way takes.
const BODY_BYTES: usize = 256 << 10;

#[test]
fn a_log_that_fails_closes_every_connection_and_ends_the_process_with_an_error() {
    let data = tempfile::tempdir().expect("a folder");
    let path = data.path().join("warrener");
    let mut broker = Broker::start_in(&path);
    let mut bystander = Peer::open(&broker);
    play(&broker, async |url| {
        let (_connection, channel) = open(&url).await;
        declare(&channel, "q", true).await;
        select_confirms(&channel).await;
        assert!(send(&channel, b"kept").await.await.expect("an open channel").is_ack());
        // Somebody tidies up.
        std::fs::remove_dir_all(&path).expect("our own folder");
        let lost = send(&channel, b"lost").await.await;
        assert!(lost.is_err(), "confirmed, and on no disk: {lost:?}");
    });
    let closed = bystander.expect_close();
    let text = "INTERNAL_ERROR - the broker's log has failed; what was not confirmed may be lost";
    assert_eq!((closed.code, closed.text.as_str()), (541, text));
    bystander.agree_to_close();
    assert_eq!(broker.wait().code(), Some(1));
    let said = broker.last_words();
    assert!(said.contains("the log has failed: the disk failed"), "{said}");
}

#[test]
fn a_directory_that_cannot_be_written_is_refused_with_what_to_do() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut program = program();
    program.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(file.path());
    let ended = program.output().expect("the program");
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("cannot use data directory") && said.contains("--data-dir"), "{said}");
}

/// `WARRENER_TEST_SMALL_DISK` names a file system of its own, of some 64 MiB, which is filled to the brim; without it,
/// the limit below which publishers wait is what makes the disk small.
#[cfg(target_os = "linux")]
#[test]
fn publishers_wait_for_room_and_consumers_make_it_without_a_restart() {
    let small = std::env::var_os("WARRENER_TEST_SMALL_DISK").map(PathBuf::from);
    let base = small.clone().unwrap_or_else(|| "/dev/shm".into());
    let data = tempfile::tempdir_in(base).expect("a folder in memory");
    let limit = match small {
        Some(_) => 1,
        None => free_bytes(data.path()) - (48 << 20),
    };
    let limit = limit.to_string();
    let broker = Broker::start_on(data.path(), &["--disk-free-limit", &limit]);
    play(&broker, async |url| {
        let (_publisher, publishing) = open(&url).await;
        declare(&publishing, "q", true).await;
        select_confirms(&publishing).await;
        let body = vec![b'x'; BODY_BYTES];
        let mut waiting = Vec::new();
        let mut sent = 0;
        loop {
            let Some(confirm) = soon(send(&publishing, &body)).await else { break };
            sent += 1;
            waiting.push(confirm);
            let Some(confirm) = soon(&mut waiting[0]).await else { break };
            assert!(confirm.expect("an open channel").is_ack());
            waiting.clear();
            assert!(sent < 1000, "there is room for ever");
        }
        broker.expect_log(if limit == "1" { "the disk is full" } else { "low on disk" });

        // A consumer makes room, and the publisher goes on where it was.
        let (_consumer, consuming) = open(&url).await;
        let mut deliveries = consume(&consuming, "q").await;
        for _ in 0..sent {
            let delivery = next(&mut deliveries).await;
            assert_eq!(delivery.data.len(), BODY_BYTES);
            ack(&delivery).await;
        }
        for confirm in waiting {
            assert!(confirm.await.expect("an open channel").is_ack());
        }
        let last = send(&publishing, b"last").await;
        assert!(last.await.expect("an open channel").is_ack());
        loop {
            let delivery = next(&mut deliveries).await;
            ack(&delivery).await;
            if delivery.data == b"last" {
                break;
            }
        }
    });
    assert_eq!(broker.terminate().code(), Some(0));
}

/// What comes of it within a time that no idle disk takes.
async fn soon<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(Duration::from_secs(3), work).await.ok()
}

#[cfg(target_os = "linux")]
fn free_bytes(path: &Path) -> u64 {
    let said = Command::new("df").args(["--output=avail", "-B1"]).arg(path).output();
    let said = String::from_utf8(said.expect("df").stdout).expect("text");
    said.lines().nth(1).and_then(|line| line.trim().parse().ok()).expect("a number of bytes")
}

async fn send(channel: &Channel, body: &[u8]) -> PublisherConfirm {
    let persistent = BasicProperties::default().with_delivery_mode(2);
    let sent = channel.basic_publish("".into(), "q".into(), Default::default(), body, persistent);
    sent.await.expect("an open channel")
}

async fn select_confirms(channel: &Channel) {
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirm.select-ok");
}

#[test]
fn a_record_that_makes_no_sense_stops_the_start_with_its_place_each_time() {
    let data = tempfile::tempdir().expect("a folder");
    // The log is whole; what it was given is none of a broker's records.
    let disk = RealDisk::new(data.path()).expect("a directory");
    let mut log = SegmentLog::new(disk, Config::new(1));
    let run = |log: &mut SegmentLog<RealDisk>| {
        for lane in Lane::ALL {
            while let Some(work) = log.poll_work(lane) {
                log.handle_done(work.run());
            }
        }
        while let Some(event) = log.poll_event() {
            assert!(!matches!(event, LogEvent::Failed(_)), "{event:?}");
        }
    };
    log.open();
    run(&mut log);
    let digest = b"\xffnonsense";
    let append = Append {
        id: RecordId(7),
        refers_to: &[],
        digest,
        body: &[],
        sync: true,
        after: After::Nothing,
    };
    log.append(append).expect("taken");
    run(&mut log);
    log.close();
    run(&mut log);
    drop(log);

    let folder = data.path().to_str().expect("UTF-8");
    let start = || {
        let mut command = program();
        command.args(["--listen", "127.0.0.1:0", "--data-dir", folder]);
        let outcome = process::run(&mut command, Duration::from_secs(20)).expect("an end");
        assert_eq!(outcome.status.code(), Some(1));
        outcome.stderr.lines().last().expect("a line").to_owned()
    };
    let said = start();
    for words in [" at offset ", "record 7", folder] {
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(start(), said);
}

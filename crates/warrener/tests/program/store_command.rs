//! `warrener store`: verify, backup, salvage.

use std::path::Path;
use std::process::Output;

use lapin::options::ConfirmSelectOptions;
use lapin::protocol::BasicProperties;

use crate::broker::{Broker, program};
use crate::clients::lapin::session::{ack, declare, get, open, play, publish_with};

fn store(arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> (Option<i32>, String) {
    let mut command = program();
    command.arg("store").args(arguments.iter().map(|argument| argument.as_ref()));
    let Output { status, stdout, stderr } = command.output().expect("the program");
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

fn fill(broker: &Broker, first: usize, end: usize) {
    play(broker, async |url| {
        let (_connection, channel) = open(&url).await;
        declare(&channel, "q", true).await;
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirm.select-ok");
        for number in first..end {
            let persistent = BasicProperties::default().with_delivery_mode(2);
            publish_with(&channel, "", "q", number.to_string().as_bytes(), persistent).await;
        }
    });
}

/// What is in the queue, in order; it is empty afterwards.
fn drain(broker: &Broker) -> Vec<usize> {
    play(broker, async |url| {
        let (_connection, channel) = open(&url).await;
        let mut found = Vec::new();
        while let Some(message) = get(&channel, "q").await {
            ack(&message).await;
            found.push(String::from_utf8_lossy(&message.data).parse().expect("a number"));
        }
        found
    })
}

#[test]
fn a_backup_of_a_running_broker_is_restored_by_starting_on_it() {
    let place = tempfile::tempdir().expect("a folder");
    let (data, copy) = (place.path().join("data"), place.path().join("copy"));
    let broker = Broker::start_in(&data);
    fill(&broker, 0, 50);
    let (code, said) = store(&[&"verify", &data]);
    assert!(code == Some(1) && said.contains("another process has the log open"), "{said}");
    let (code, said) = store(&[&"backup", &data, &"--into", &copy]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("sound"), "{said}");
    // What comes later is not in it.
    fill(&broker, 50, 60);
    broker.kill();
    let restored = Broker::start_in(&copy);
    assert_eq!(drain(&restored), (0..50).collect::<Vec<_>>());
    assert_eq!(restored.terminate().code(), Some(0));
    let (code, said) = store(&[&"verify", &copy]);
    assert!(code == Some(0) && said.contains("sound"), "{said}");
}

#[test]
fn what_is_left_of_a_damaged_directory_is_salvaged_loudly() {
    let place = tempfile::tempdir().expect("a folder");
    let (data, saved) = (place.path().join("data"), place.path().join("saved"));
    let broker = Broker::start_in(&data);
    fill(&broker, 0, 50);
    assert_eq!(broker.terminate().code(), Some(0));
    damage(&data);

    let (code, said) = store(&[&"verify", &data]);
    assert!(code == Some(1) && said.contains(".segment, offset"), "{said}");
    let (code, said) = store(&[&"salvage", &data, &"--into", &saved]);
    assert!(code == Some(0) && said.contains("LOST"), "{said}");
    let broker = Broker::start_in(&saved);
    let kept = drain(&broker);
    assert!(kept.len() == 49 && kept.is_sorted() && !kept.contains(&25), "{kept:?}");
    assert_eq!(broker.terminate().code(), Some(0));
}

/// Changes the body of message 25.
fn damage(data: &Path) {
    let files = std::fs::read_dir(data).expect("the data directory");
    let mut segments = files.map(|file| file.expect("a file").path());
    let segment = segments.find(|path| path.extension().is_some_and(|it| it == "segment"));
    let segment = segment.expect("a segment");
    let mut bytes = std::fs::read(&segment).expect("a segment");
    // Properties that say delivery-mode 2, then the body.
    let wanted = [0x10, 0x00, 2, b'2', b'5'];
    let at = bytes.windows(wanted.len()).position(|window| window == wanted).expect("message 25");
    bytes[at + 3] = b'x';
    std::fs::write(&segment, bytes).expect("to damage it");
}

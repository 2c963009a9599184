//! What the log looks like.

use core::time::Duration;

use crate::broker::Broker;
use crate::process;
use crate::wire::{self, Peer};

#[test]
fn lines_are_objects_where_that_is_wanted() {
    let broker = Broker::start_configured(|command| {
        command.args(["--memory-only", "--listen", "127.0.0.1:0", "--log-format=json"]);
    });
    let _peer = Peer::open(&broker);
    broker.expect_log("open for user");
    for line in broker.log().lines() {
        let is_object = line.starts_with("{\"timestamp\":\"") && line.ends_with('}');
        assert!(is_object && line.contains("\"level\":"), "{line}");
    }
}

#[test]
fn a_log_that_nobody_reads_holds_up_nobody() {
    let mut broker = Broker::start_with(&["--log", "trace"]);
    let lines = broker.lines();
    let unread = lines.lock().expect("the lines");
    // More than a pipe holds and a reader has in hand.
    for _ in 0..1_000 {
        drop(Peer::greeted(&broker));
    }
    let mut peer = Peer::open(&broker);
    broker.signal("TERM");
    assert_eq!(peer.expect_close().code, 320);
    peer.agree_to_close();
    let status = broker.ends();
    drop(unread);
    assert_eq!(status.and_then(|status| status.code()), Some(0));
}

/// What a stranger would like a terminal, a parser or a page to swallow; a user's name must be UTF-8, so without the last octet.
const HOSTILE: &[u8] = b"\x1b[2J\r\n\"}<img src=x onerror=alert(1)>\xff";

#[test]
fn a_hostile_name_stays_within_one_line_of_plain_text() {
    for format in ["human", "json"] {
        let broker = Broker::start_with(&["--log-format", format, "--log", "trace"]);
        let mut stranger = Peer::greeted(&broker);
        let name = &HOSTILE[..HOSTILE.len() - 1];
        stranger.log_in_by("PLAIN", &[b"\0", name, b"\0password"].concat());
        assert_eq!(stranger.expect_close().code, 403);
        broker.expect_log("does not exist");

        let mut peer = Peer::greeted(&broker);
        peer.log_in_as(Some(HOSTILE), "PLAIN", b"\0guest\0guest");
        peer.open_channel();
        broker.expect_log("client ");
        // Names of queues and consumers are quoted in refusals, and those in the log.
        for (method, arguments) in [
            (wire::QUEUE_DECLARE, [&[0, 0][..], &short(HOSTILE), &[1], &wire::long(b"")].concat()),
            (
                CONSUME,
                [&[0, 0][..], &short(HOSTILE), &short(HOSTILE), &[0], &wire::long(b"")].concat(),
            ),
        ] {
            let mut other = Peer::open(&broker);
            other.send(&wire::method(1, method, &arguments));
            let _refused = other.frame();
        }
        let log = broker.log();
        assert!(log.contains("<img src=x onerror=alert(1)>"), "{log}");
        for line in log.lines() {
            assert!(!line.contains(char::is_control), "{line:?}");
            let whole = match format {
                "json" => line.starts_with("{\"timestamp\"") && line.ends_with('}'),
                _ => {
                    line.starts_with("20")
                        && ["INFO", "WARN", "DEBUG", "TRACE"]
                            .iter()
                            .any(|level| line.contains(level))
                }
            };
            assert!(whole, "{line:?}");
        }
    }
}

#[test]
fn what_a_login_is_made_of_is_quoted_nowhere() {
    const SECRET: &str = "hunter2";
    let broker = Broker::start_with(&["--log", "trace"]);
    let responses: [(&str, &[u8]); 6] = [
        ("PLAIN", b"\0guest\0hunter2"),
        ("PLAIN", b"guest hunter2"),
        ("PLAIN", b"\0\xff\0hunter2"),
        ("AMQPLAIN", b"\x05LOGINS\0\0\0\x05guest\x08PASSWORDS\0\0\0\x07hunter2"),
        ("AMQPLAIN", b"hunter2 is no table"),
        ("hunter2", b"hunter2"),
    ];
    for (mechanism, response) in responses {
        let mut peer = Peer::greeted(&broker);
        peer.log_in_by(mechanism, response);
        while let Some(frame) = peer.frame_or_end() {
            let said = String::from_utf8_lossy(&frame.payload).into_owned();
            // The mechanism is a name, not a secret; no other word of the login comes back.
            assert!(mechanism == SECRET || !said.contains(SECRET), "{said}");
            if frame.method() == Some(wire::CLOSE) {
                peer.agree_to_close();
                break;
            }
        }
    }
    // secure-ok and update-secret, asked for by nobody.
    let secret = wire::long(SECRET.as_bytes());
    let mut early = Peer::greeted(&broker);
    early.send(&wire::method(0, (10, 21), &secret));
    let _ = early.frame_or_end();
    let mut late = Peer::open(&broker);
    late.send(&wire::method(0, (10, 70), &[&secret[..], &wire::short("renewed")].concat()));
    let said = String::from_utf8_lossy(&late.frame().payload).into_owned();
    assert!(!said.contains(SECRET), "{said}");
    broker.signal("TERM");
    broker.expect_log("SIGTERM");
    for line in broker.log().lines().filter(|line| line.contains(SECRET)) {
        assert!(line.contains("mechanism"), "{line}");
    }
}

#[test]
fn what_one_source_repeats_is_counted() {
    let broker = Broker::start();
    // However slow this machine is today, some round has more than enough of them within one window.
    let mut connections = 0;
    let told = (0..10).any(|_| {
        for _ in 0..300 {
            let mut peer = Peer::connect(&broker);
            peer.send(b"GET / HTTP/1.1\r\n\r\n");
            let _header: [u8; 8] = peer.read();
            connections += 1;
        }
        let line = "more lines about connections ended from 127.0.0.1 were left out";
        process::eventually(Duration::from_secs(20), || broker.log().contains(line))
    });
    assert!(told, "nothing is left out:\n{}", broker.last_words());
    let lines = broker.log().lines().filter(|line| line.contains("127.0.0.1:")).count();
    assert!(lines < connections, "{lines} lines:\n{}", broker.last_words());
}

/// A short string of any octets.
fn short(octets: &[u8]) -> Vec<u8> {
    let length = u8::try_from(octets.len()).expect("a short string");
    [&[length][..], octets].concat()
}

/// basic.consume.
const CONSUME: (u16, u16) = (60, 20);

//! A broker that somebody runs, over TCP, and its management interface.
#![expect(clippy::disallowed_methods, reason = "a live broker has its own clock and sockets")]

use core::time::Duration;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::thread::sleep;
use std::time::UNIX_EPOCH;

use crate::line::Line;
use crate::session::{Quiet, Side};

/// How often the streams are looked at.
const LOOK: Duration = Duration::from_millis(1);
/// After so long a silence nothing more is expected, when nobody knows what should come.
const SILENCE: Duration = Duration::from_millis(150);
/// How long a policy may take to reach the queues, and an alarm the connections.
const SPREADING: Duration = Duration::from_millis(300);
/// Even what must come is not awaited for longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is expected is not awaited for longer.
const SUSPENSE: Duration = Duration::from_secs(3);
/// When everything known has come, what should not come has so long to show itself.
const AFTERTHOUGHT: Duration = Duration::from_millis(40);

/// Where a broker is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The port of its management interface.
    pub(crate) management: u16,
}

/// Streams to a live broker, in a virtual host of their own.
pub(crate) struct Live {
    place: Place,
    vhost: String,
    /// Those who were made for this script.
    users: Vec<String>,
    streams: BTreeMap<u32, TcpStream>,
    /// The recording is being made, so nobody knows what comes.
    pub(crate) records: bool,
    /// The command line of the broker's `rabbitmqctl`.
    ctl: Option<String>,
    /// It was told that memory is short.
    is_short: bool,
}

/// The share of memory from which on RabbitMQ says that it is short, as its documentation gives it for versions from 4.0 on.
const WATERMARK: &str = "0.6";
/// A share that it always takes.
const PASSED_WATERMARK: &str = "0.0001";

impl Live {
    /// A virtual host in which nothing is yet.
    pub(crate) fn new(place: &Place, vhost: &str, records: bool, ctl: Option<String>) -> Self {
        let mut live = Self::nowhere(place, vhost);
        (live.records, live.ctl) = (records, ctl);
        live.manage("DELETE", &format!("/api/vhosts/{vhost}"), "");
        let made = live.manage("PUT", &format!("/api/vhosts/{vhost}"), "{}");
        assert!(made.starts_with('2'), "the virtual host is not made: {made}");
        live
    }

    fn nowhere(place: &Place, vhost: &str) -> Self {
        Self {
            place: place.clone(),
            vhost: vhost.into(),
            users: Vec::new(),
            streams: BTreeMap::new(),
            records: false,
            ctl: None,
            is_short: false,
        }
    }

    /// Makes memory short, or not any more.
    fn set_short(&mut self, is_short: bool) {
        let ctl = self.ctl.as_deref().expect("WARRENER_TEST_CTL");
        let watermark = if is_short { PASSED_WATERMARK } else { WATERMARK };
        let told = Command::new("sh")
            .args(["-c", &format!("{ctl} set_vm_memory_high_watermark {watermark}")])
            .output()
            .expect("a shell");
        assert!(told.status.success(), "{ctl}: {told:?}");
        self.is_short = is_short;
        sleep(SPREADING);
    }

    /// The status and the body of the answer.
    fn manage(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect((self.place.host.as_str(), self.place.management))
            .expect("a management interface");
        let request = format!(
            "{method} {path} HTTP/1.0\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("a management interface that reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer.split_once(' ').expect("a status line").1.to_owned()
    }

    fn put(&self, path: &str, body: &str) {
        let answer = self.manage("PUT", path, &body.replace('\\', "\\\\"));
        assert!(answer.starts_with('2'), "{path}: {answer}");
    }

    fn put_policy(&self, kind: &str, line: &Line) {
        let plain = |text: &str| text.parse::<i64>().is_ok() || text.parse::<bool>().is_ok();
        let member = |(name, text): (&str, &str)| {
            if plain(text) {
                format!(r#""{name}":{text}"#)
            } else {
                format!(r#""{name}":"{text}""#)
            }
        };
        let definition: Vec<String> = line.definition().into_iter().map(member).collect();
        let body = format!(
            r#"{{"pattern":"{}","apply-to":"{}","priority":{},"definition":{{{}}}}}"#,
            line.word(1),
            line.word(2),
            line.word(3),
            definition.join(",")
        );
        self.put(&format!("/api/{kind}/{}/{}", self.vhost, line.word(0)), &body);
        sleep(SPREADING);
    }

    fn delete(&self, kind: &str, name: &str) {
        self.manage("DELETE", &format!("/api/{kind}/{}/{name}", self.vhost), "");
        sleep(SPREADING);
    }

    pub(crate) fn version(place: &Place) -> String {
        let overview = Self::nowhere(place, "").manage("GET", "/api/overview", "");
        let key = "\"rabbitmq_version\":\"";
        let (_, rest) = overview.split_once(key).expect("a version");
        rest.split('"').next().expect("text").to_owned()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if self.is_short {
            self.set_short(false);
        }
        for user in &self.users {
            self.manage("DELETE", &format!("/api/users/{user}"), "");
        }
        if !self.vhost.is_empty() {
            self.manage("DELETE", &format!("/api/vhosts/{}", self.vhost), "");
        }
    }
}

impl Side for Live {
    fn dial(&mut self, connection: u32) {
        let stream = TcpStream::connect((self.place.host.as_str(), self.place.port))
            .expect("a broker that listens");
        stream.set_nodelay(true).expect("a socket");
        self.streams.insert(connection, stream);
    }

    fn write(&mut self, connection: u32, octets: &[u8]) {
        let stream = self.streams.get_mut(&connection).expect("a stream");
        stream.set_nonblocking(false).expect("a socket");
        // The broker may have ended the stream meanwhile, which reading will find.
        let _ = stream.write_all(octets);
    }

    fn cut(&mut self, connection: u32) {
        if let Some(stream) = self.streams.remove(&connection) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn read(&mut self, connection: u32, into: &mut Vec<u8>) -> bool {
        let Some(stream) = self.streams.get_mut(&connection) else { return true };
        stream.set_nonblocking(true).expect("a socket");
        let mut buffer = [0; 16 * 1024];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return true,
                Ok(count) => into.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(_) => return true,
            }
        }
    }

    fn wait(&mut self, time: Duration) {
        sleep(time);
    }

    fn vhost(&self) -> String {
        self.vhost.clone()
    }

    fn now_s(&self) -> u64 {
        UNIX_EPOCH.elapsed().expect("after 1970").as_secs()
    }

    fn has_settled(&mut self, quiet: &mut Quiet, as_expected: bool, awaiting: bool) -> bool {
        let enough = if self.records {
            if awaiting { PATIENCE } else { SILENCE }
        } else if as_expected {
            AFTERTHOUGHT
        } else {
            SUSPENSE
        };
        sleep(LOOK);
        quiet.0 += LOOK;
        quiet.0 >= enough
    }

    fn user_name(&self, name: &str) -> String {
        format!("{name}{}", self.vhost)
    }

    fn administer(&mut self, line: &Line) {
        let user = line.word(0);
        let word = |index| if line.word(index) == "-" { "" } else { line.word(index) };
        match line.verb.as_str() {
            "user" => {
                let tags = line.value("tags").unwrap_or_default();
                let body = format!(r#"{{"password":"{}","tags":"{tags}"}}"#, line.word(1));
                self.users.push(user.to_owned());
                self.put(&format!("/api/users/{user}"), &body);
            }
            "permissions" => {
                let (configure, write, read) = (word(1), word(2), word(3));
                let body =
                    format!(r#"{{"configure":"{configure}","write":"{write}","read":"{read}"}}"#);
                self.put(&format!("/api/permissions/{}/{user}", self.vhost), &body);
            }
            "topic-permissions" => {
                let (exchange, write, read) = (word(1), word(2), word(3));
                let body =
                    format!(r#"{{"exchange":"{exchange}","write":"{write}","read":"{read}"}}"#);
                self.put(&format!("/api/topic-permissions/{}/{user}", self.vhost), &body);
            }
            "alarm" => self.set_short(line.has("on")),
            "policy" => self.put_policy("policies", line),
            "operator-policy" => self.put_policy("operator-policies", line),
            "clear-policy" => self.delete("policies", line.word(0)),
            "clear-operator-policy" => self.delete("operator-policies", line.word(0)),
            "user-limit" => {
                let path = format!("/api/user-limits/{user}/{}", line.word(1));
                self.put(&path, &format!(r#"{{"value":{}}}"#, line.word(2)));
            }
            "vhost-limit" => {
                let path = format!("/api/vhost-limits/{}/{}", self.vhost, line.word(0));
                self.put(&path, &format!(r#"{{"value":{}}}"#, line.word(1)));
            }
            other => panic!("{other}: no such verb"),
        }
    }
}

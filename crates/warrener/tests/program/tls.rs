//! AMQP over TLS: clients of all kinds, certificates that name users, and files that change.

use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::broker::Broker;
use crate::certificates::{Authority, Files};
use crate::clients::{LIMIT, folder, install, unless_missing};
use crate::process;
use crate::wire::{
    BODY, HEADER, METHOD, PROTOCOL_HEADER, Peer, QUEUE_DECLARE, START, TUNE, content_header, frame,
    long, method, publish, short,
};

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A broker that shows `files`, with these options besides.
fn broker(files: &Files, options: &[&str]) -> Broker {
    let tls = [&files.options()[..], &["--tls-listen", "127.0.0.1:0"], options].concat();
    Broker::start_with(&tls)
}

fn stream(broker: &Broker, client: Arc<ClientConfig>) -> Stream {
    let socket = TcpStream::connect(broker.tls_address()).expect("the broker listens");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("not zero");
    let name = ServerName::try_from("localhost").expect("a name");
    StreamOwned::new(ClientConnection::new(client, name).expect("a client"), socket)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// What a client's login is answered with.
fn external(broker: &Broker, client: Arc<ClientConfig>) -> Result<(), u16> {
    let mut peer = Peer::greet(stream(broker, client));
    peer.log_in_by("EXTERNAL", b"");
    let answer = peer.frame();
    match answer.method() {
        Some(TUNE) => Ok(()),
        _ => Err(u16::from_be_bytes([answer.payload[4], answer.payload[5]])),
    }
}

/// The mechanisms that are offered, and whatever comes with them.
fn greeting(broker: &Broker, client: Arc<ClientConfig>) -> String {
    let mut stream = stream(broker, client);
    stream.write_all(PROTOCOL_HEADER).expect("it reads");
    let mut head = [0; 7];
    stream.read_exact(&mut head).expect("a frame");
    let mut rest = vec![0; u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize];
    stream.read_exact(&mut rest).expect("all of it");
    String::from_utf8_lossy(&rest).into_owned()
}

#[test]
fn pika_and_amqplib_speak_over_tls_as_over_tcp() {
    static PIKA: LazyLock<Result<PathBuf, String>> = LazyLock::new(install::pika);
    static AMQPLIB: LazyLock<Result<PathBuf, String>> = LazyLock::new(install::amqplib);
    let authority = Authority::new();
    let broker = broker(&authority.sign("server", "server", &["127.0.0.1"]), &[]);
    let url = format!("amqps://guest:guest@{}/%2F", broker.tls_address());
    let satisfied = |client: &mut Command| {
        let known =
            [("SSL_CERT_FILE", authority.file()), ("NODE_EXTRA_CA_CERTS", authority.file())];
        let outcome =
            process::run(client.env("AMQP_URL", &url).envs(known), LIMIT).expect("an end");
        let said = format!("{}{}", outcome.text(), outcome.stderr);
        assert!(outcome.status.success(), "{client:?}: {said}{}", broker.last_words());
    };
    if let Some(pika) = unless_missing(&PIKA, "pika over TLS") {
        for program in ["hello_world.py", "large_body.py", "publisher_confirms.py"] {
            let program = folder("python").join(program);
            satisfied(Command::new("python3").arg("-B").arg(program).env("PYTHONPATH", pika));
        }
    }
    if let Some(modules) = unless_missing(&AMQPLIB, "amqplib over TLS") {
        for program in ["hello_world.js", "large_body.js", "publisher_confirms.js"] {
            let program = folder("node").join(program);
            satisfied(Command::new("node").arg(program).env("NODE_PATH", modules));
        }
    }
}

#[test]
fn messages_larger_than_every_buffer_come_back_whole() {
    const COUNT: usize = 40;
    const BODY_BYTES: usize = 300_000;
    let authority = Authority::new();
    let broker = broker(&authority.sign("server", "server", &["localhost"]), &[]);
    let mut peer = Peer::greet(stream(&broker, authority.client(None)));
    peer.log_in("guest", "guest");
    peer.open_channel();
    let declare = [&[0, 0][..], &short("q"), &[0], &long(b"")].concat();
    peer.send(&method(1, QUEUE_DECLARE, &declare));
    peer.expect_method(1, (50, 11));
    for number in 0..COUNT {
        peer.send(&publish(1, "q"));
        peer.send(&content_header(1, 60, BODY_BYTES as u64));
        for part in vec![number as u8; BODY_BYTES].chunks(100_000) {
            peer.send(&frame(BODY, 1, part));
        }
    }
    // basic.consume without acknowledgements: all of them at once, more than a socket takes.
    peer.send(&method(
        1,
        (60, 20),
        &[&[0, 0][..], &short("q"), &short("t"), &[2], &long(b"")].concat(),
    ));
    peer.expect_method(1, (60, 21));
    for number in 0..COUNT {
        assert_eq!(peer.frame().kind, METHOD);
        assert_eq!(peer.frame().kind, HEADER);
        let mut left = BODY_BYTES;
        while left > 0 {
            let part = peer.frame();
            assert!(part.kind == BODY && part.payload.iter().all(|&octet| octet == number as u8));
            left -= part.payload.len();
        }
    }
}

#[test]
fn a_certificate_logs_in_whom_it_names_and_a_client_without_one_is_not_offered_that() {
    let authority = Authority::new();
    let server = authority.sign("server", "server", &["localhost"]);
    let ca = authority.file();
    let options = |from: &'static str| {
        vec!["--tls-client-ca", text(&ca), "--tls-login-from", from, "--user", "ann:a"]
    };
    let [ann, eve] = ["ann", "eve"].map(|name| authority.sign(name, name, &["ann"]));

    let by_name = broker(&server, &options("common_name"));
    assert_eq!(external(&by_name, authority.client(Some(&ann))), Ok(()));
    assert_eq!(external(&by_name, authority.client(Some(&eve))), Err(403));
    by_name.expect_log("user 'eve' does not exist");
    assert!(greeting(&by_name, authority.client(Some(&ann))).contains("PLAIN AMQPLAIN EXTERNAL"));
    assert!(!greeting(&by_name, authority.client(None)).contains("EXTERNAL"));
    // A password goes on to do, with a certificate and without.
    let mut peer = Peer::greet(stream(&by_name, authority.client(None)));
    peer.log_in("ann", "a");
    peer.expect_method(0, TUNE);

    let by_host = broker(&server, &options("subject_alternative_name:dns"));
    assert_eq!(external(&by_host, authority.client(Some(&eve))), Ok(()));
    let whole = options("distinguished_name");
    let by_subject = broker(&server, &[&whole[..], &["--user", "CN=ann,O=Burrow:x"]].concat());
    assert_eq!(external(&by_subject, authority.client(Some(&ann))), Ok(()));
    assert_eq!(external(&by_subject, authority.client(Some(&eve))), Err(403));
}

#[test]
fn a_client_must_show_a_good_certificate_where_that_is_required() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = authority.sign("server", "server", &["localhost"]);
    let ca = authority.file();
    let options = ["--tls-client-ca", text(&ca), "--tls-client-certificates", "required"];
    let broker = broker(&server, &options);
    let greeted = |shown: Option<&Files>| -> bool {
        let mut stream = stream(&broker, authority.client(shown));
        let mut first = [0];
        stream.write_all(PROTOCOL_HEADER).is_ok() && stream.read_exact(&mut first).is_ok()
    };
    assert!(greeted(Some(&authority.sign("ann", "ann", &[]))));
    assert!(!greeted(None));
    assert!(!greeted(Some(&other.sign("eve", "eve", &[]))));
    broker.expect_log("AMQP over TLS failed");
}

/// What `openssl s_client` says about the certificate it is shown.
fn shown(broker: &Broker, authority: &Authority, server_name: &str) -> Option<String> {
    let mut openssl = Command::new("openssl");
    let address = broker.tls_address().to_string();
    openssl.args(["s_client", "-connect", &address, "-servername", server_name]);
    openssl.args(["-verify_return_error", "-CAfile"]).arg(authority.file());
    let outcome = process::run(&mut openssl, LIMIT).map_err(|error| format!("openssl: {error}"));
    let outcome = unless_missing(&outcome, "openssl s_client")?;
    let said = outcome.text();
    assert!(said.contains("Verify return code: 0 (ok)"), "{said}{}", outcome.stderr);
    Some(said.lines().find(|line| line.starts_with("subject=")).expect("a subject").to_owned())
}

#[test]
fn openssl_is_shown_the_certificate_of_the_server_it_asks_for() {
    let authority = Authority::new();
    let first = authority.sign("first", "first", &["a.example"]);
    let second = authority.sign("second", "second", &["b.example", "*.c.example"]);
    let broker = broker(&first, &second.options());
    for (asked, expected) in [
        ("a.example", "first"),
        ("b.example", "second"),
        ("x.c.example", "second"),
        ("unknown.example", "first"),
    ] {
        if let Some(subject) = shown(&broker, &authority, asked) {
            assert!(subject.contains(expected), "{asked}: {subject}");
        }
    }
}

#[test]
fn certificates_change_while_connections_go_on() {
    let authority = Authority::new();
    let files = authority.sign("server", "before", &["localhost"]);
    let broker = broker(&files, &[]);
    let mut old = Peer::greet(stream(&broker, authority.client(None)));
    old.log_in("guest", "guest");
    old.open_channel();

    std::fs::write(&files.certificate, "no certificate").expect("a file");
    broker.signal("HUP");
    broker.expect_log("TLS certificates stay as they were");
    greeting(&broker, authority.client(None));

    authority.sign("server", "after", &["localhost"]);
    broker.expect_log("TLS certificates are read again");
    if let Some(subject) = shown(&broker, &authority, "localhost") {
        assert!(subject.contains("after"), "{subject}");
    }
    let declare = [&[0, 0][..], &short("q"), &[0], &long(b"")].concat();
    old.send(&method(1, QUEUE_DECLARE, &declare));
    old.expect_method(1, (50, 11));
}

#[test]
fn who_does_not_shake_hands_is_cut_off() {
    let authority = Authority::new();
    let server = authority.sign("server", "server", &["localhost"]);
    let broker = broker(&server, &["--handshake-timeout", "1"]);
    let connect = || {
        let socket = TcpStream::connect(broker.tls_address()).expect("it listens");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("not zero");
        socket
    };
    let mut rest = Vec::new();
    connect().read_to_end(&mut rest).expect("closed");
    broker.expect_log("did not begin within the handshake time-out");

    let mut plain = connect();
    plain.write_all(PROTOCOL_HEADER).expect("it reads");
    // An alert, and the end.
    plain.read_to_end(&mut rest).expect("closed");
    broker.expect_log("AMQP over TLS failed");

    // Whoever has shaken hands in time has the rest of that time, and no more.
    let mut silent = stream(&broker, authority.client(None));
    silent.write_all(PROTOCOL_HEADER).expect("it reads");
    let mut all = Vec::new();
    silent.read_to_end(&mut all).expect("closed");
    assert_eq!(all.get(7..11), Some(&[START.0.to_be_bytes(), START.1.to_be_bytes()].concat()[..]));
}

#[test]
fn settings_that_cannot_work_are_one_line_that_names_the_file() {
    let authority = Authority::new();
    let server = authority.sign("server", "server", &["localhost"]);
    let other = authority.sign("other", "other", &["localhost"]);
    let refusal = |certificate: &Path, key: &Path| {
        let mut program = crate::broker::program();
        program.args(["--memory-only", "--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0"]);
        program.arg("--tls-cert").arg(certificate).arg("--tls-key").arg(key);
        let outcome = process::run(&mut program, LIMIT).expect("an end");
        assert!(!outcome.status.success());
        outcome.stderr.lines().last().unwrap_or_default().to_owned()
    };
    let line = refusal(&server.certificate, &other.key);
    assert!(line.contains(text(&other.key)) && line.contains("cannot use TLS"), "{line}");
    let missing = Path::new("/nonexistent/server.pem");
    assert!(refusal(missing, &server.key).contains("/nonexistent/server.pem"));
    let line = refusal(&server.key, &server.key);
    assert!(line.contains(text(&server.key)) && line.contains("no certificate"), "{line}");
}

#[test]
fn the_management_api_speaks_over_tls_with_the_same_certificates() {
    let authority = Authority::new();
    let files = authority.sign("server", "server", &["localhost"]);
    let broker = broker(&files, &["--management-tls", "127.0.0.1:0"]);
    let log = broker.log();
    let begin = "management API over TLS on https://";
    let rest = log.lines().find_map(|line| line.split_once(begin)).expect("it says where").1;
    let address = rest.split('/').next().expect("an address");
    // Somebody who says nothing keeps nobody else out.
    let _idle = TcpStream::connect(address).expect("it listens");
    let socket = TcpStream::connect(address).expect("it listens");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("not zero");
    let name = ServerName::try_from("localhost").expect("a name");
    let client = ClientConnection::new(authority.client(None), name).expect("a client");
    let mut stream = StreamOwned::new(client, socket);
    stream
        .write_all(
            b"GET /api/whoami HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
              authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n",
        )
        .expect("it reads");
    let mut answer = Vec::new();
    // Whether the end of the stream was announced is not asked here.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("administrator"), "{answer}");
}

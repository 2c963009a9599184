//! The server role, against clients that other people wrote.

use core::time::Duration;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use bytes::{Buf, BytesMut};
use futures_util::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Confirmation, ConnectionProperties};
use warrener_connection::ServerConfig;
use warrener_connection::testing::Loopback;
use warrener_time::Time;

#[test]
fn lapin() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let conversation = async {
        let conversation = talk_with_lapin(server());
        tokio::time::timeout(Duration::from_secs(30), conversation).await.expect("in time")
    };
    runtime.expect("a runtime").block_on(conversation).expect("a conversation");
}

async fn talk_with_lapin(port: u16) -> Result<(), lapin::Error> {
    let wrong = format!("amqp://guest:wrong@127.0.0.1:{port}");
    let refused = lapin::Connection::connect(&wrong, ConnectionProperties::default()).await;
    assert!(refused.is_err());
    let uri = format!("amqp://guest:guest@127.0.0.1:{port}/%2f?heartbeat=5");
    let connection = lapin::Connection::connect(&uri, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let queue = "lapin".into();
    channel.queue_declare(queue, QueueDeclareOptions::default(), FieldTable::default()).await?;
    let bodies = [Vec::new(), b"small".to_vec(), vec![7; 500_000]];
    for body in &bodies {
        let confirmed = channel
            .basic_publish(
                "".into(),
                "lapin".into(),
                BasicPublishOptions::default(),
                body,
                BasicProperties::default().with_content_type("text/plain".into()),
            )
            .await?
            .await?;
        assert!(matches!(confirmed, Confirmation::Ack(_)), "{confirmed:?}");
    }
    let mut consumer = channel
        .basic_consume(
            "lapin".into(),
            "tag".into(),
            BasicConsumeOptions { no_ack: true, ..Default::default() },
            FieldTable::default(),
        )
        .await?;
    for body in &bodies {
        let delivery = consumer.next().await.expect("a delivery")?;
        assert_eq!(delivery.data, *body);
        assert_eq!(
            delivery.properties.content_type().as_ref().map(|text| text.as_str()),
            Some("text/plain")
        );
    }
    let other = connection.create_channel().await?;
    assert!(other.basic_get("lapin".into(), BasicGetOptions::default()).await?.is_none());
    other.close(200, "done".into()).await?;
    connection.close(200, "done".into()).await
}

#[test]
fn pika() {
    let pika = match installed_pika() {
        Ok(pika) => pika,
        Err(reason) => return skipped("pika", &reason),
    };
    let conversation = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/conversation.py");
    let outcome = Command::new("timeout")
        .args(["60", "python3", "-B"])
        .arg(conversation)
        .arg(server().to_string())
        .env("PYTHONPATH", pika)
        .output()
        .expect("a program that runs");
    let said = String::from_utf8_lossy(&outcome.stdout);
    assert_eq!(said.trim(), "content", "{}", String::from_utf8_lossy(&outcome.stderr));
}

/// A folder for `PYTHONPATH`, filled once.
fn installed_pika() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("connection-pika");
    if folder.join("pika").is_dir() {
        return Ok(folder);
    }
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/requirements.txt");
    let outcome = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--root-user-action=ignore", "--no-deps", "--require-hashes", "--target"])
        .arg(&folder)
        .arg("--requirement")
        .arg(requirements)
        .output()
        .map_err(|error| format!("no python3: {error}"))?;
    if outcome.status.success() {
        return Ok(folder);
    }
    Err(String::from_utf8_lossy(&outcome.stderr).trim().to_owned())
}

/// Says that a test could not run here; in CI it must.
fn skipped(test: &str, reason: &str) {
    #[expect(clippy::disallowed_methods, reason = "CI is told by the environment")]
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!ci, "{test} may not be skipped in CI: {reason}");
    let _ = writeln!(std::io::stderr(), "{test} skipped: {reason}");
}

/// A server that gives each connection a broker of its own; its port.
fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    #[expect(clippy::disallowed_methods, reason = "a server of its own for each test")]
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || serve(stream.expect("a client")));
        }
    });
    port
}

fn serve(mut stream: TcpStream) {
    let mut broker = Loopback::new(ServerConfig::new(), now());
    let (mut input, mut buffer) = (BytesMut::new(), [0; 16 * 1024]);
    stream.set_nodelay(true).expect("a socket");
    while !broker.connection.is_finished() {
        let timer = broker.connection.poll_timeout();
        let wait = timer.map(|(at, _)| at.saturating_since(now()).max(Duration::from_millis(1)));
        stream.set_read_timeout(wait).expect("a socket");
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                input.extend_from_slice(&buffer[..count]);
                broker.handle_bytes(now(), &mut input).expect("a lawful client");
            }
            Err(_) => broker.connection.handle_timeout(now()),
        }
        if std::io::copy(&mut broker.connection.outgoing().reader(), &mut stream).is_err() {
            return;
        }
    }
}

fn now() -> Time {
    Time::from_micros(UNIX_EPOCH.elapsed().expect("after 1970").as_micros() as u64)
}

//! `warrener move`: nothing is lost between two brokers, whoever dies meanwhile.

use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::thread;

use warrener_client::codec::method::queue;
use warrener_client::codec::{ArrayBuilder, TableBuilder};
use warrener_client::{Channel, Connection, Delivery, Properties};

use crate::broker::{Broker, program};
use crate::clients::lapin::session::play;
use crate::process;

const LIMIT: Duration = Duration::from_secs(120);
const MESSAGES: u32 = 2_000;

#[test]
fn messages_move_in_order_whoever_is_killed() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut source = Broker::start_in(here.path());
    let mut target = Broker::start_in(there.path());
    play(&source, async |url| fill(&url).await);
    play(&target, async |url| drop(declare(&channel(&url).await, "orders").await));

    // Each is killed when the target has got some more: the program, then the source, then the target.
    for kill in 0..3 {
        let seen = play(&target, async |url| ready(&url, "orders").await);
        let mut moving = start(&source, &target, &["--queue", "orders", "--window", "20"]);
        let arrived = process::eventually(LIMIT, || {
            let is_over = moving.try_wait().expect("our own child").is_some();
            is_over || play(&target, async |url| ready(&url, "orders").await) > seen + 20
        });
        assert!(arrived, "nothing moves");
        match kill {
            0 => moving.kill().expect("our own child"),
            1 => {
                source.kill();
                source = Broker::start_in(here.path());
            }
            _ => {
                target.kill();
                target = Broker::start_in(there.path());
            }
        }
        assert!(process::wait(&mut moving, LIMIT).is_some(), "it goes on with nobody there");
    }
    let outcome = finish(start(&source, &target, &["--queue", "orders"]));
    assert!(outcome.contains("messages of 1 queues moved"), "{outcome}");

    assert_eq!(play(&source, async |url| ready(&url, "orders").await), 0);
    let mut next = 0;
    let arrived = play(&target, async |url| take_all(&url, "orders").await);
    for delivery in &arrived {
        let number: u32 = text(delivery).parse().expect("a number");
        // What was under way at a kill comes a second time, behind what came first.
        assert!(number <= next, "{number} came before {next}");
        if number == next {
            assert_eq!(delivery.properties, properties(number));
            assert_eq!(delivery.routing_key.as_bytes(), b"orders");
            next += 1;
        }
    }
    assert_eq!(next, MESSAGES);
}

#[test]
fn queues_that_the_source_lists_are_declared_and_patterns_choose_among_them() {
    let (source, target) = (Broker::start_without_disk(), Broker::start_without_disk());
    play(&source, async |url| {
        let channel = channel(&url).await;
        for name in ["orders.paid", "orders.open", "letters"] {
            declare(&channel, name).await;
        }
        // A copy of the first goes to orders.open here, and not once more when it is moved.
        let copies = ArrayBuilder::new().with("orders.open").build().unwrap();
        let headers = TableBuilder::new().with("CC", &copies).build().unwrap();
        let copied = Properties::builder().headers(&headers).build().unwrap();
        for (name, properties) in [("orders.paid", copied), ("orders.open", Properties::default())]
        {
            publish(&channel, name, properties, name).await;
        }
    });
    let management = management_of_rabbitmq();
    let options = ["--management", &management, "--queues", r"^orders\."];
    let said = finish(start(&source, &target, &options));
    assert!(said.contains("orders.log: left alone, because its type is stream"), "{said}");
    assert!(said.contains("orders.paid: 1 moved"), "{said}");
    play(&target, async |url| {
        let channel = channel(&url).await;
        for (name, expected) in [
            ("orders.paid", ["orders.paid"].as_slice()),
            ("orders.open", &["orders.paid", "orders.open"]),
        ] {
            let moved = take_all(&url, name).await;
            assert_eq!(moved.iter().map(text).collect::<Vec<_>>(), expected, "{said}");
            let look = queue::Declare { passive: true, ..named(name) };
            assert_eq!(channel.call(look).await.expect("queue.declare-ok").message_count, 0);
        }
        let look = queue::Declare { passive: true, ..named("letters") };
        assert!(channel.call(look).await.unwrap_err().to_string().contains("NOT_FOUND"));
    });
}

#[test]
fn it_says_what_is_wrong_and_leaves_the_messages_where_they_are() {
    let (source, target) = (Broker::start_without_disk(), Broker::start_without_disk());
    play(&source, async |url| {
        let channel = channel(&url).await;
        declare(&channel, "orders").await;
        publish(&channel, "orders", Properties::default(), "1").await;
    });
    for (options, complaint) in [
        (vec!["--queue", "orders"], "orders: target: the channel is closed: 404"),
        (vec!["--management", "http://127.0.0.1:1"], "--queue NAME moves without it"),
        (vec!["--queues", "("], "--queues: "),
    ] {
        let mut moving = start(&source, &target, &options);
        let status = process::wait(&mut moving, LIMIT).expect("an end");
        let mut said = String::new();
        moving.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains(complaint), "{said}");
    }
    assert_eq!(play(&source, async |url| ready(&url, "orders").await), 1);
}

fn start(source: &Broker, target: &Broker, options: &[&str]) -> Child {
    let mut command = program();
    command.arg("move").args([source.url(), target.url()]).args(options);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program under test")
}

/// What it said, when it ended well.
fn finish(mut moving: Child) -> String {
    let status = process::wait(&mut moving, LIMIT).expect("an end");
    let (mut said, mut complaint) = (String::new(), String::new());
    moving.stdout.take().expect("a pipe").read_to_string(&mut said).expect("text");
    moving.stderr.take().expect("a pipe").read_to_string(&mut complaint).expect("text");
    assert!(status.success(), "{said}{complaint}");
    said
}

/// Says once what RabbitMQ's management API says of these queues.
fn management_of_rabbitmq() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody who asks");
        let mut request = [0; 2_048];
        let count = stream.read(&mut request).expect("a request");
        let request = String::from_utf8_lossy(&request[..count]);
        assert!(request.starts_with("GET /api/queues/%2F HTTP/1."), "{request}");
        assert!(request.contains("authorization: Basic Z3Vlc3Q6Z3Vlc3Q="), "{request}");
        let queue = |name: &str, kind: &str| {
            format!(
                r#"{{"arguments":{{"x-queue-type":"{kind}"}},"auto_delete":false,"durable":true,"exclusive":false,"name":"{name}","type":"{kind}","vhost":"/"}}"#
            )
        };
        let body = format!(
            "[{},{},{},{}]",
            queue("letters", "classic"),
            queue("orders.open", "classic"),
            queue("orders.paid", "quorum"),
            queue("orders.log", "stream")
        );
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).expect("a reader");
    });
    format!("http://{address}")
}

async fn channel(url: &str) -> Channel {
    Connection::open(url).await.expect("a broker").channel().await.expect("a channel")
}

fn named(name: &str) -> queue::Declare {
    queue::Declare { queue: name.try_into().unwrap(), durable: true, ..Default::default() }
}

async fn declare(channel: &Channel, name: &str) -> queue::DeclareOk {
    channel.call(named(name)).await.expect("queue.declare-ok")
}

async fn ready(url: &str, name: &str) -> u32 {
    declare(&channel(url).await, name).await.message_count
}

async fn fill(url: &str) {
    let channel = channel(url).await;
    declare(&channel, "orders").await;
    channel.confirm_select().await.unwrap();
    let mut confirms = Vec::new();
    for number in 0..MESSAGES {
        let text = number.to_string();
        let sent = channel.publish_confirmed("", "orders", true, properties(number), text).await;
        confirms.push(sent.unwrap());
    }
    for confirm in confirms {
        confirm.await.unwrap();
    }
}

async fn publish(channel: &Channel, name: &str, properties: Properties, body: &'static str) {
    channel.confirm_select().await.unwrap();
    channel.publish_confirmed("", name, true, properties, body).await.unwrap().await.unwrap();
}

fn properties(number: u32) -> Properties {
    let headers = TableBuilder::new().with("number", i64::from(number)).build().unwrap();
    let id = format!("id {number}");
    Properties::builder().headers(&headers).message_id(&id).delivery_mode(2).build().unwrap()
}

async fn take_all(url: &str, name: &str) -> Vec<Delivery> {
    let channel = channel(url).await;
    let mut all = Vec::new();
    while let Some(delivery) = channel.get(name, true).await.expect("an open channel") {
        all.push(delivery);
    }
    all
}

fn text(delivery: &Delivery) -> String {
    String::from_utf8_lossy(&delivery.body.to_bytes()).into_owned()
}

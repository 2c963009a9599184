//! The examples that serve somebody, each with a client that is served.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use tokio::sync::mpsc;
use warrener_client::codec::TableBuilder;
use warrener_client::codec::method::{basic, queue};
use warrener_client::{Connection, Properties};
use warrener_embedded::Broker;

#[expect(dead_code, reason = "main is for the command line")]
#[path = "../examples/amqp_proxy.rs"]
mod amqp_proxy;
#[expect(dead_code, reason = "main is for the command line")]
#[path = "../examples/broker_in_a_thread.rs"]
mod broker_in_a_thread;
#[expect(dead_code, reason = "main is for the command line")]
#[path = "../examples/broker_on_an_event_loop.rs"]
mod broker_on_an_event_loop;
#[expect(dead_code, reason = "main is for the command line")]
#[path = "../examples/webhook_service.rs"]
mod webhook_service;

use broker_in_a_thread::BrokerThread;

/// Publishes with a confirm, takes the message back, and closes; gives what came.
async fn there_and_back(uri: &str) -> warrener_client::Delivery {
    let connection = Connection::open(uri).await.expect("the broker lets it in");
    let channel = connection.channel().await.unwrap();
    let name: warrener_client::ShortStr = "letters".try_into().unwrap();
    let declare = queue::Declare { queue: name.clone(), durable: true, ..Default::default() };
    channel.call(declare).await.unwrap();
    channel.confirm_select().await.unwrap();
    let headers = TableBuilder::new().with("colour", "red").build().unwrap();
    let properties = Properties::builder().headers(&headers).delivery_mode(2).build().unwrap();
    let confirm = channel.publish_confirmed("", "letters", true, properties, "a letter").await;
    confirm.unwrap().await.unwrap();
    let consume = basic::Consume { queue: name, no_ack: true, ..Default::default() };
    let letter = channel.consume(consume).await.unwrap().next().await.expect("a letter");
    assert_eq!(letter.body.to_bytes(), "a letter");
    connection.close().await.expect("an orderly end");
    letter
}

#[tokio::test]
async fn the_proxy_logs_what_passes_and_stamps_what_is_published() {
    let broker = Broker::start().await.unwrap();
    let uri = broker.listen().await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (log, mut lines) = mpsc::unbounded_channel();
    let behind = uri.rsplit('@').next().unwrap().to_owned();
    let proxy = tokio::spawn(amqp_proxy::serve(listener, behind, log));

    let letter = there_and_back(&format!("amqp://guest:guest@{address}")).await;
    let headers = letter.properties.headers().expect("headers");
    assert_eq!(headers.get("via").and_then(|via| via.as_str()), Some("amqp_proxy"));
    assert_eq!(headers.get("colour").and_then(|colour| colour.as_str()), Some("red"));
    let mut log = Vec::new();
    while !log.iter().any(|line: &String| line.starts_with("broker closed: 200")) {
        log.push(lines.recv().await.expect("the log goes on"));
    }
    let expected = "client [1] basic.publish with 8 octets";
    assert!(log.iter().any(|line| line == expected), "{log:#?}");

    let refused = Connection::open(&format!("amqp://guest:wrong@{address}")).await.unwrap_err();
    assert!(refused.to_string().contains("ACCESS_REFUSED"), "{refused}");
    proxy.abort();
}

#[test]
fn a_broker_in_a_thread_keeps_what_is_durable_until_it_is_started_again() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for declared in [None, Some(())] {
        let broker = BrokerThread::start(Some(directory.path().to_owned())).unwrap();
        if declared.is_some() {
            runtime.block_on(async {
                let connection = Connection::open(&broker.uri).await.unwrap();
                let passive = queue::Declare {
                    queue: "letters".try_into().unwrap(),
                    passive: true,
                    ..Default::default()
                };
                connection.channel().await.unwrap().call(passive).await.expect("it is there");
            });
        }
        runtime.block_on(there_and_back(&broker.uri));
        broker.stop().unwrap();
    }
}

#[test]
fn a_broker_lives_on_a_loop_of_somebody_else() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("amqp://guest:guest@{}", listener.local_addr().unwrap());
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    #[expect(clippy::disallowed_methods, reason = "the loop of somebody else")]
    let turning = std::thread::spawn(move || {
        let mut host = broker_on_an_event_loop::Host::new(listener).unwrap();
        while !stopped.load(Ordering::Relaxed) {
            if !host.turn().unwrap() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(there_and_back(&uri));
    runtime.block_on(async {
        let wrong = uri.replace("guest:guest", "guest:wrong");
        assert!(Connection::open(&wrong).await.is_err());
    });
    stop.store(true, Ordering::Relaxed);
    turning.join().unwrap();
}

#[tokio::test]
async fn events_reach_the_hooks_that_asked_for_them_once_each() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = webhook_service::service().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, service).await });
    let (hook, events) = std::sync::mpsc::channel();
    let customer = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/inbox", customer.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "a customer of its own")]
    std::thread::spawn(move || {
        for stream in customer.incoming() {
            let mut stream = stream.unwrap();
            let request = request_of(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
            let _ = hook.send(request);
        }
    });
    let ask = async |method: &'static str, path: &'static str, body: String| {
        tokio::task::spawn_blocking(move || request(address, method, path, &body)).await.unwrap()
    };
    // Both patterns match; the event goes there once.
    assert!(ask("PUT", "/hooks/order.*.paid", url.clone()).await.starts_with("HTTP/1.1 201"));
    assert!(ask("PUT", "/hooks/order.%23", url.clone()).await.starts_with("HTTP/1.1 201"));
    assert!(ask("POST", "/events/order.7.paid", "tea".to_owned()).await.ends_with("1 of 1\n"));
    assert!(ask("POST", "/events/stock.low", "tea".to_owned()).await.ends_with("0 of 0\n"));
    assert!(ask("DELETE", "/hooks/order.%23", url.clone()).await.starts_with("HTTP/1.1 204"));
    assert!(ask("DELETE", "/hooks/order.%23", url).await.starts_with("HTTP/1.1 404"));
    assert!(ask("POST", "/events/order.7.sent", "tea".to_owned()).await.ends_with("0 of 0\n"));
    let seen: Vec<String> = events.try_iter().collect();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(seen[0].starts_with("POST /inbox ") && seen[0].ends_with("tea"), "{seen:?}");
    serving.abort();
}

fn request(address: core::net::SocketAddr, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let len = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len}\r\n");
    stream.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn request_of(stream: &mut TcpStream) -> String {
    let (mut request, mut piece) = (Vec::new(), [0; 1024]);
    loop {
        let count = stream.read(&mut piece).unwrap();
        request.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let len = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= len.map_or(0, |len| len.parse().unwrap()) {
            return text;
        }
    }
}

//! Publishes a message to itself over tokio: the connection is parted, one task reads and parses, the other writes.

#![expect(clippy::print_stdout, reason = "a program says what it did")]

use core::error::Error;
use core::time::Duration;
use std::time::UNIX_EPOCH;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use warrener_codec::method::{basic, queue};
use warrener_codec::{ChannelId, Content, Method, Properties};
use warrener_connection::{Close, Connection, Event, Initiator, Outbound, Timer, Uri};
use warrener_time::Time;

const ONE: ChannelId = ChannelId::new(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let uri: Uri = std::env::args().nth(1).ok_or("usage: .. amqp://user:password@host")?.parse()?;
    println!("received: {}", run(&uri).await?);
    Ok(())
}

pub(crate) async fn run(uri: &Uri) -> Result<String, Box<dyn Error>> {
    let mut stream = tokio::net::TcpStream::connect((uri.host.as_str(), uri.port)).await?;
    let mut connection = Connection::client(uri.client_config(), now());
    let mut input = BytesMut::with_capacity(16 * 1024);
    while !connection.is_open() {
        stream.write_all_buf(connection.outgoing()).await?;
        match timeout(until(connection.poll_timeout()), stream.read_buf(&mut input)).await {
            Ok(Ok(1..)) => connection.handle_bytes(now(), &mut input)?,
            Ok(_) => connection.handle_eof(now()),
            Err(_) => connection.handle_timeout(now()),
        }
        if let Some(Event::Closed(close)) = connection.poll_event() {
            Err(close.to_string())?;
        }
    }
    let (mut inbound, mut outbound) = connection.split().map_err(|_| "closed too early")?;
    let (mut read, mut write) = stream.into_split();
    let (sender, mut events) = tokio::sync::mpsc::channel(64);
    tokio::spawn(async move {
        while !inbound.is_finished() {
            let mut next =
                match timeout(until(inbound.poll_timeout()), read.read_buf(&mut input)).await {
                    Ok(Ok(1..)) => inbound.poll_event(now(), &mut input),
                    Ok(_) => inbound.handle_eof(now()),
                    Err(_) => inbound.handle_timeout(now()),
                };
            while let Some(event) = next {
                sender.send(event).await.ok()?;
                next = inbound.poll_event(now(), &mut input);
            }
        }
        Some(())
    });
    outbound.send(ONE, &Method::ChannelOpen)?;
    let mut received = None;
    while !outbound.is_finished() {
        write.write_all_buf(outbound.outgoing()).await?;
        let event = timeout(until(outbound.poll_timeout()), events.recv()).await;
        outbound.handle_timeout(now());
        if let Some(event) = event.ok().flatten().and_then(|event| outbound.admit(now(), event)) {
            received = answer(&mut outbound, event)?.or(received);
        }
    }
    received.ok_or_else(|| "closed before the message came".into())
}

fn answer(out: &mut Outbound, event: Event) -> Result<Option<String>, Box<dyn Error>> {
    match event {
        Event::ChannelOpened(_) => {
            out.send(ONE, &queue::Declare { exclusive: true, ..Default::default() }.into())?;
        }
        Event::Method(_, Method::QueueDeclareOk(queue::DeclareOk { queue, .. })) => {
            let routing_key = queue.as_short_ref();
            let publish = basic::PublishRef { routing_key, ..Default::default() };
            out.publish(ONE, publish, &Content::new(Properties::default(), b"a message".to_vec()))?;
            out.send(ONE, &basic::Consume { queue, no_ack: true, ..Default::default() }.into())?;
        }
        Event::Content(_, Method::BasicDeliver(_), content) => {
            out.close(now(), Close::goodbye());
            return Ok(Some(String::from_utf8_lossy(&content.body.to_bytes()).into_owned()));
        }
        Event::Closed(close) if close.by != Initiator::Local => Err(close.to_string())?,
        _ => {}
    }
    Ok(None)
}

fn now() -> Time {
    Time::from_micros(UNIX_EPOCH.elapsed().unwrap_or_default().as_micros() as u64)
}

fn until(timer: Option<(Time, Timer)>) -> Duration {
    timer.map_or(Duration::from_secs(3_600), |(at, _)| at.saturating_since(now()))
}

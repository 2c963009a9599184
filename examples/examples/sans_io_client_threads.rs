//! Publishes a message to itself over `std::net::TcpStream`: a thread reads, another does the rest, no runtime.
//!
//! `cargo run -p warrener-examples --example sans_io_client_threads -- amqp://guest:guest@localhost`

#![expect(clippy::disallowed_methods, reason = "a program has threads")]
#![expect(clippy::print_stdout, reason = "a program says what it did")]

use core::error::Error;
use core::time::Duration;
use std::io::Read;
use std::net::TcpStream;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::UNIX_EPOCH;

use bytes::{Buf, BytesMut};
use warrener_codec::method::{basic, queue};
use warrener_codec::{ChannelId, Content, Method, Properties};
use warrener_connection::{Close, Connection, Event, Initiator, Uri};
use warrener_time::Time;

const ONE: ChannelId = ChannelId::new(1);

fn main() -> Result<(), Box<dyn Error>> {
    let uri: Uri = std::env::args().nth(1).ok_or("usage: .. amqp://user:password@host")?.parse()?;
    println!("received: {}", run(&uri)?);
    Ok(())
}

/// Feeds the machine octets and time, and writes what it has to say, until it is finished.
pub(crate) fn run(uri: &Uri) -> Result<String, Box<dyn Error>> {
    let mut stream = TcpStream::connect((uri.host.as_str(), uri.port))?;
    let (sender, octets) = channel();
    let reading = stream.try_clone()?;
    thread::spawn(move || read(reading, &sender));
    let mut connection = Connection::client(uri.client_config(), now());
    let (mut input, mut received) = (BytesMut::new(), None);
    while !connection.is_finished() {
        let wait = connection.poll_timeout().map(|(at, _)| at.saturating_since(now()));
        std::io::copy(&mut connection.outgoing().reader(), &mut stream)?;
        match octets.recv_timeout(wait.unwrap_or(Duration::from_secs(3_600))) {
            Ok(octets) => {
                input.extend_from_slice(&octets);
                // What is wrong with them comes as an event, too.
                let _ = connection.handle_bytes(now(), &mut input);
            }
            Err(RecvTimeoutError::Timeout) => connection.handle_timeout(now()),
            Err(RecvTimeoutError::Disconnected) => connection.handle_eof(now()),
        }
        while let Some(event) = connection.poll_event() {
            received = answer(&mut connection, event)?.or(received);
        }
    }
    std::io::copy(&mut connection.outgoing().reader(), &mut stream)?;
    received.ok_or_else(|| "closed before the message came".into())
}

fn answer(out: &mut Connection, event: Event) -> Result<Option<String>, Box<dyn Error>> {
    match event {
        Event::Ready(_) => out.send(ONE, &Method::ChannelOpen)?,
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

fn read(mut stream: TcpStream, octets: &Sender<Vec<u8>>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer)
        && octets.send(buffer[..count].to_vec()).is_ok()
    {}
}

fn now() -> Time {
    Time::from_micros(UNIX_EPOCH.elapsed().unwrap_or_default().as_micros() as u64)
}

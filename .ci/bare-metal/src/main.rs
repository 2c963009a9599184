//! A message's way through the low layers, for a machine that has nothing: no operating system, no
//! standard library, no heap but a piece of memory of our own.
//!
//! It is built and linked for `thumbv7em-none-eabihf`, so whatever reached for the world in one of
//! these crates would be an undefined symbol here. What it computes is returned to whoever started
//! it, so that nothing is optimised away.

#![no_std]
#![no_main]

extern crate alloc;

mod heap;

use alloc::vec::Vec;
use core::panic::PanicInfo;

use bytes::{BufMut, BytesMut};
use warrener_broker::{Broker, Config as BrokerConfig, ConnectionId, PasswordHash, Seed, User};
use warrener_codec::{ChannelId, Decoder, Frame, Limits, Method, ShortStr};
use warrener_connection::{ClientConfig, Connection, Decision, Event, ServerConfig};
use warrener_endpoint::{Answer, Endpoint, Question};
use warrener_queue::{Config, Consume, ConsumerId, Effect, Entry, Outcome, Queue, Rare};
use warrener_router::{Kind, Matches, NoHeaders, Router, Target};
use warrener_time::Time;

/// Where the machine begins.
#[unsafe(no_mangle)]
extern "C" fn _start() -> usize {
    let now = Time::from_secs(1);
    let frames = frames_of(&[8, 0, 0, 0, 0, 0, 0, 0xCE, 8, 0, 0, 0, 0, 0, 0, 0xCE]);
    let opened = conversation(now).is_some();
    let routes = routes_of(b"sensor.7.temperature");
    let settled = queued(now);
    let connections = served(now).map_or(0, |broker| broker.view().connections());
    frames + usize::from(opened) + routes + settled + connections
}

/// codec: bytes in, frames out.
fn frames_of(bytes: &[u8]) -> usize {
    let mut decoder = Decoder::new(Limits::default());
    let mut input = BytesMut::from(bytes);
    let mut frames = 0;
    while let Ok(Some(Frame::Heartbeat)) = decoder.decode(&mut input) {
        frames += 1;
    }
    frames
}

/// connection: a client and a server talk until a channel is open.
fn conversation(now: Time) -> Option<ChannelId> {
    let mut client = Connection::client(ClientConfig::default(), now);
    let mut server = Connection::server(ServerConfig::new(), now);
    let (mut to_server, mut to_client) = (BytesMut::new(), BytesMut::new());
    loop {
        to_server.put(client.outgoing());
        server.handle_bytes(now, &mut to_server).ok()?;
        while let Some(event) = server.poll_event() {
            match event {
                Event::Authenticate(_) | Event::Open { .. } => {
                    server.decide(now, Decision::Accept).ok()?;
                }
                Event::ChannelOpened(channel) => {
                    server.send(channel, &Method::ChannelOpenOk).ok()?;
                }
                _ => {}
            }
        }
        to_client.put(server.outgoing());
        client.handle_bytes(now, &mut to_client).ok()?;
        while let Some(event) = client.poll_event() {
            match event {
                Event::Ready(_) => client.send(ChannelId::new(1), &Method::ChannelOpen).ok()?,
                Event::ChannelOpened(channel) => return Some(channel),
                _ => {}
            }
        }
    }
}

/// router: which of two destinations a key reaches.
fn routes_of(key: &[u8]) -> usize {
    let mut router = Router::new(1);
    let sensors = router.add(Kind::Topic);
    let bound = router
        .bind(sensors, Target::Destination(1u8), "sensor.*.temperature")
        .and_then(|_| router.bind(sensors, Target::Destination(2u8), "sensor.#"));
    if bound.is_err() {
        return 0;
    }
    let mut matches = Matches::new();
    router.route(sensors, key, &NoHeaders, &mut matches);
    matches.len()
}

/// queue: a message is published, handed out and settled.
fn queued(now: Time) -> usize {
    let mut effects: Vec<Effect<u32>> = Vec::new();
    let mut queue = Queue::new(now, Config::default());
    let entry = Entry { handle: 7u32, bytes: 120, priority: 0 };
    let published = queue.publish(now, entry, Rare::default(), &mut effects).is_ok();
    let consumes = queue.consume(now, ConsumerId(7), Consume::default(), &mut effects).is_ok();
    if let (true, true, Some(delivery)) =
        (published, consumes, queue.poll_delivery(now, &mut effects))
    {
        queue.settle(now, &[delivery.seq], Outcome::Accept, &mut effects);
    }
    effects.len()
}

/// broker and endpoint: a whole broker lets a client in.
fn served(now: Time) -> Option<Broker> {
    let (guest, vhost) = (ShortStr::from_static("guest"), ShortStr::from_static("/"));
    let mut config = BrokerConfig::new(Seed::from(7));
    config.users.push(User::with_full_access(guest.clone(), PasswordHash::default(), vhost));
    let mut broker = Broker::new(config, now);
    let stream = ShortStr::from_static("a wire");
    let mut endpoint = Endpoint::new(ConnectionId(1), stream, ServerConfig::new(), now);
    let mut client = Connection::client(ClientConfig::default(), now);

    let mut effects = Vec::new();
    let (mut to_server, mut to_client) = (BytesMut::new(), BytesMut::new());
    while !client.is_open() {
        to_server.put(client.outgoing());
        while let Some(event) = endpoint.poll_event(now, &mut to_server) {
            if let Some(input) = endpoint.admit(now, event) {
                broker.handle(now, input, &mut effects);
            }
            for effect in effects.drain(..) {
                endpoint.apply(now, &effect).ok()?;
            }
        }
        if let Some(Question::Login(_)) = endpoint.poll_question() {
            endpoint.answer(now, Answer::Accept { user: guest.clone() }).ok()?;
        }
        to_client.put(endpoint.outgoing());
        client.handle_bytes(now, &mut to_client).ok()?;
    }
    Some(broker)
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

//! A broker on an event loop that is there already: a `Node`, and an `Endpoint` for each connection, turned by whoever turns
//! the loop. No thread, no runtime, no lock.
//!
//! This loop is the plainest there is: sockets that do not block, looked at one after the other. mio, io_uring or a game's
//! frame take its place without a change to `Host`.
//!
//! `cargo run -p warrener-examples --example broker_on_an_event_loop -- 127.0.0.1:5672`

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "an example is a program")]

use core::error::Error;
use core::time::Duration;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::UNIX_EPOCH;

use bytes::{Buf, BytesMut};
use warrener_broker::{Config, ConnectionId, PasswordHash, Seed, User};
use warrener_codec::ShortStr;
use warrener_connection::{Credentials, Event, ServerConfig};
use warrener_endpoint::{Answer, Endpoint, Question};
use warrener_node::{Connections, Node};
use warrener_store::{Lane, MemoryLog, Work};
use warrener_time::Time;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: broker_on_an_event_loop LISTEN_ADDRESS")?;
    let mut host = Host::new(TcpListener::bind(address)?)?;
    println!("clients may connect to {}", host.listener.local_addr()?);
    loop {
        if !host.turn()? {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The broker and its connections.
pub(crate) struct Host {
    listener: TcpListener,
    node: Node<MemoryLog>,
    clients: Clients,
    next: u64,
}

#[derive(Default)]
struct Clients(BTreeMap<ConnectionId, Client>);

struct Client {
    stream: TcpStream,
    endpoint: Endpoint,
    input: BytesMut,
}

impl Connections for Clients {
    fn with<R>(&mut self, id: ConnectionId, then: impl FnOnce(&mut Endpoint) -> R) -> Option<R> {
        self.0.get_mut(&id).map(|client| then(&mut client.endpoint))
    }
}

impl Host {
    pub(crate) fn new(listener: TcpListener) -> Result<Self, Box<dyn Error>> {
        listener.set_nonblocking(true)?;
        let mut config = Config::new(Seed::from(7));
        let (guest, vhost) = (ShortStr::from_static("guest"), ShortStr::from_static("/"));
        config.users.push(User::with_full_access(guest, PasswordHash::default(), vhost));
        let node = Node::open(config, MemoryLog::new(), now());
        Ok(Self { listener, node, clients: Clients::default(), next: 1 })
    }

    /// Does what can be done without waiting; whether that was anything.
    pub(crate) fn turn(&mut self) -> Result<bool, Box<dyn Error>> {
        let now = now();
        let mut did = self.accept(now)?;
        let ids: Vec<ConnectionId> = self.clients.0.keys().copied().collect();
        for id in &ids {
            did |= self.read(now, *id);
        }
        if self.node.poll_timeout().is_some_and(|due| due <= now) {
            self.node.handle_timeout(now, &mut self.clients);
        }
        did |= self.work(now);
        for id in ids {
            did |= self.write(now, id);
        }
        Ok(did)
    }

    /// The log's work; this one is in memory, so there is nothing to wait for.
    fn work(&mut self, now: Time) -> bool {
        let mut did = false;
        for lane in Lane::ALL {
            while let Some(work) = self.node.poll_work(lane) {
                self.node.handle_done(now, work.run(), &mut self.clients);
                did = true;
            }
        }
        while self.node.poll_notice().is_some() {}
        did
    }

    fn accept(&mut self, now: Time) -> Result<bool, Box<dyn Error>> {
        let (stream, peer) = match self.listener.accept() {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        stream.set_nonblocking(true)?;
        let id = ConnectionId(self.next);
        self.next += 1;
        let name = ShortStr::truncated(&peer.to_string());
        let endpoint = Endpoint::new(id, name, ServerConfig::new(), now);
        self.clients.0.insert(id, Client { stream, endpoint, input: BytesMut::new() });
        Ok(true)
    }

    /// Octets to events, and events to the node.
    fn read(&mut self, now: Time, id: ConnectionId) -> bool {
        let Some(client) = self.clients.0.get_mut(&id) else { return false };
        let mut events = Vec::new();
        let mut did = false;
        if client.endpoint.wants_read() {
            let mut piece = [0; 16 * 1024];
            match client.stream.read(&mut piece) {
                Ok(count @ 1..) => {
                    client.input.extend_from_slice(&piece[..count]);
                    did = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => events.extend(client.endpoint.handle_eof(now)),
            }
        }
        if client.endpoint.poll_timeout().is_some_and(|(due, _)| due <= now) {
            events.extend(client.endpoint.handle_timeout(now));
        }
        loop {
            if events.is_empty() {
                events.extend(self.next_event(now, id));
            }
            if events.is_empty() {
                return did;
            }
            did = true;
            self.node.handle_events(now, id, &mut events, &mut self.clients);
        }
    }

    fn next_event(&mut self, now: Time, id: ConnectionId) -> Option<Event> {
        let client = self.clients.0.get_mut(&id)?;
        loop {
            if let Some(event) = client.endpoint.poll_event(now, &mut client.input) {
                return Some(event);
            }
            // Who may come in is the host's to say; then there may be more to read.
            let Question::Login(login) = client.endpoint.poll_question()? else { return None };
            let answer = match &login.credentials {
                Credentials::Password { user, password }
                    if user == "guest" && password.expose() == b"guest" =>
                {
                    Answer::Accept { user: ShortStr::from_static("guest") }
                }
                _ => Answer::Refuse,
            };
            client.endpoint.answer(now, answer).ok()?;
        }
    }

    fn write(&mut self, now: Time, id: ConnectionId) -> bool {
        let Some(Client { stream, endpoint, .. }) = self.clients.0.get_mut(&id) else {
            return false;
        };
        let mut did = false;
        while endpoint.outgoing().has_remaining() {
            match stream.write(endpoint.outgoing().chunk()) {
                Ok(count) => endpoint.advance(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    endpoint.abandon();
                    break;
                }
            }
            did = true;
        }
        let is_over = endpoint.is_finished() && !endpoint.outgoing().has_remaining();
        if let Some(drained) = endpoint.drained() {
            self.node.handle_input(now, drained, &mut self.clients);
        }
        if is_over {
            self.clients.0.remove(&id);
        }
        did
    }
}

fn now() -> Time {
    Time::from_micros(UNIX_EPOCH.elapsed().unwrap_or_default().as_micros() as u64)
}

//! A proxy that logs what passes and rewrites some of it: each message published through it gets a header `via`.
//!
//! It is a server to its clients and a client to its broker, made of the same machine in both roles. Whoever logs in here logs
//! in there, so the proxy knows no users.
//!
//! `cargo run -p warrener-examples --example amqp_proxy -- 127.0.0.1:5673 127.0.0.1:5672`

#![expect(clippy::print_stdout, reason = "an example is a program")]

use core::error::Error;
use core::time::Duration;
use std::time::UNIX_EPOCH;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use warrener_codec::{Content, Method, TableBuilder};
use warrener_connection::{
    ClientConfig, Close, Connection, Credentials, Decision, Event, Initiator, Mechanism,
    ServerConfig,
};
use warrener_time::Time;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(listen), Some(broker)) = (arguments.next(), arguments.next()) else {
        Err("usage: amqp_proxy LISTEN_ADDRESS BROKER_ADDRESS")?
    };
    let (log, mut lines) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(line) = lines.recv().await {
            println!("{line}");
        }
    });
    serve(TcpListener::bind(listen).await?, broker, log).await
}

/// Serves every client that comes, each in a task of its own.
pub(crate) async fn serve(
    listener: TcpListener,
    broker: String,
    log: mpsc::UnboundedSender<String>,
) -> Outcome<()> {
    loop {
        let (client, _) = listener.accept().await?;
        let (broker, log) = (broker.clone(), log.clone());
        tokio::spawn(async move {
            if let Err(error) = stand_between(client, &broker, &log).await {
                let _ = log.send(format!("a connection ended: {error}"));
            }
        });
    }
}

/// One stream and the machine that speaks on it.
struct Side {
    stream: TcpStream,
    machine: Connection,
    input: BytesMut,
}

impl Side {
    fn new(stream: TcpStream, machine: Connection) -> Self {
        Self { stream, machine, input: BytesMut::new() }
    }

    /// Writes what there is to say, and waits for octets or for a deadline.
    async fn turn(&mut self) -> Outcome<()> {
        self.stream.write_all_buf(self.machine.outgoing()).await?;
        self.input.reserve(16 * 1024);
        tokio::select! {
            read = self.stream.read_buf(&mut self.input) => match read? {
                0 => self.machine.handle_eof(now()),
                // What is wrong with the octets comes as an event, too.
                _ => drop(self.machine.handle_bytes(now(), &mut self.input)),
            },
            () = until(&self.machine) => self.machine.handle_timeout(now()),
        }
        Ok(())
    }
}

async fn stand_between(
    client: TcpStream,
    address: &str,
    log: &mpsc::UnboundedSender<String>,
) -> Outcome<()> {
    let mut client = Side::new(client, Connection::server(ServerConfig::new(), now()));
    let Some(mut broker) = log_in(&mut client, address).await? else { return Ok(()) };
    while !client.machine.is_finished() || !broker.machine.is_finished() {
        tokio::select! {
            turn = client.turn(), if !client.machine.is_finished() => turn?,
            turn = broker.turn(), if !broker.machine.is_finished() => turn?,
        }
        while let Some(event) = client.machine.poll_event() {
            log.send(format!("client {}", summary(&event)))?;
            pass_on(
                rewritten(event)?,
                &Method::ChannelOpen,
                &mut client.machine,
                &mut broker.machine,
            );
        }
        while let Some(event) = broker.machine.poll_event() {
            log.send(format!("broker {}", summary(&event)))?;
            pass_on(event, &Method::ChannelOpenOk, &mut broker.machine, &mut client.machine);
        }
        // What one side said is what the other hears.
        client.stream.write_all_buf(client.machine.outgoing()).await?;
        broker.stream.write_all_buf(broker.machine.outgoing()).await?;
    }
    Ok(())
}

/// Lets the client in if the broker does; `None` when either ends it.
async fn log_in(client: &mut Side, address: &str) -> Outcome<Option<Side>> {
    let mut config = ClientConfig::default();
    loop {
        if client.machine.is_finished() {
            client.stream.write_all_buf(client.machine.outgoing()).await?;
            return Ok(None);
        }
        match client.machine.poll_event() {
            Some(Event::Authenticate(login)) => {
                let Credentials::Password { user, password } = &login.credentials else {
                    client.machine.decide(now(), Decision::refuse_login(&login.mechanism))?;
                    continue;
                };
                let password = core::str::from_utf8(password.expose())?;
                config.mechanism = Mechanism::plain(user, password);
                config.client_properties = login.client_properties.clone();
                client.machine.decide(now(), Decision::Accept)?;
            }
            Some(Event::Open { vhost }) => {
                config.vhost = vhost;
                let stream = TcpStream::connect(address).await?;
                let machine = Connection::client(config.clone(), now());
                let mut broker = Side::new(stream, machine);
                match opened(&mut broker).await? {
                    Ok(()) => {
                        client.machine.decide(now(), Decision::Accept)?;
                        return Ok(Some(broker));
                    }
                    Err(close) => client.machine.decide(now(), Decision::Refuse(close))?,
                }
            }
            Some(_) => {}
            None => client.turn().await?,
        }
    }
}

/// Waits for the broker's word.
async fn opened(broker: &mut Side) -> Outcome<Result<(), Close>> {
    loop {
        match broker.machine.poll_event() {
            Some(Event::Ready(_)) => return Ok(Ok(())),
            Some(Event::Closed(close)) => return Ok(Err(close)),
            Some(_) => {}
            None => broker.turn().await?,
        }
    }
}

/// What one side did, done to the other; `opened` is what opening a channel means there. Each side's own machine has checked
/// that it was lawful.
fn pass_on(event: Event, opened: &Method, from: &mut Connection, to: &mut Connection) {
    let outcome = match event {
        Event::ChannelOpened(channel) => to.send(channel, opened),
        Event::Method(channel, method) => to.send(channel, &method),
        Event::Content(channel, method, content) => to.send_content(channel, &method, &content),
        Event::ChannelClosed(channel, close) if close.by == Initiator::Peer => {
            to.close_channel(channel, &close)
        }
        Event::ChannelClosed(channel, _) => to.send(channel, &Method::ChannelCloseOk),
        Event::Closed(close) => {
            if close.by == Initiator::Peer {
                from.finish_close();
            }
            to.close(now(), close);
            Ok(())
        }
        _ => Ok(()),
    };
    // It does not get through when that side has closed the channel meanwhile, and then nobody waits for it.
    let _ = outcome;
}

/// Every message that is published here says so.
fn rewritten(event: Event) -> Outcome<Event> {
    let Event::Content(channel, Method::BasicPublish(publish), content) = event else {
        return Ok(event);
    };
    let headers =
        content.properties.headers().map(|headers| headers.to_owned()).unwrap_or_default();
    let mut stamped = TableBuilder::new();
    for (name, value) in &headers {
        stamped.insert(name, value);
    }
    let stamped = stamped.with("via", "amqp_proxy").build()?;
    let mut properties = content.properties.read()?;
    properties.headers = Some(stamped.as_table_ref());
    let content = Content::new(properties.to_owned(), content.body);
    Ok(Event::Content(channel, Method::BasicPublish(publish), content))
}

fn summary(event: &Event) -> String {
    match event {
        Event::Method(channel, method) => format!("[{channel}] {}", method.name()),
        Event::Content(channel, method, content) => {
            format!("[{channel}] {} with {} octets", method.name(), content.body.len())
        }
        Event::ChannelOpened(channel) => format!("[{channel}] opened"),
        Event::ChannelClosed(channel, close) => format!("[{channel}] closed: {close}"),
        Event::Closed(close) => format!("closed: {close}"),
        other => format!("{other:?}"),
    }
}

async fn until(machine: &Connection) {
    match machine.poll_timeout() {
        Some((at, _)) => tokio::time::sleep(at.saturating_since(now())).await,
        None => tokio::time::sleep(Duration::from_secs(3_600)).await,
    }
}

fn now() -> Time {
    Time::from_micros(UNIX_EPOCH.elapsed().unwrap_or_default().as_micros() as u64)
}

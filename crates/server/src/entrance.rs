//! From a socket that was accepted to a stream on which AMQP can begin: what a load balancer says,
//! TLS, and who is at its other end.

use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use warrener_codec::LongStr;
use warrener_connection::ServerConfig;

use crate::clock::Clock;
use crate::config::{Config, Network, TcpConfig};
use crate::gate::Place;
use crate::greeting;
use crate::keepalive;
use crate::listener::Protocol;
use crate::poison::LockOrStop;
use crate::proxy_protocol::{self, Ends, Step};
use crate::stream::{self, ReadHalf, Wrap, WriteHalf};
use crate::tls::{NoName, Tls, TlsSession, user_name};
use crate::web_socket::WebSocket;

/// What every socket passes before it is a connection.
pub(crate) struct Entrance {
    greeting: Mutex<ServerConfig>,
    pub(crate) tls: Option<Arc<Tls>>,
    proxies: Vec<Network>,
    tcp: TcpConfig,
}

/// A socket that was accepted.
pub(crate) struct Accepted {
    pub(crate) socket: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) protocol: Protocol,
    /// Kept until the socket is closed.
    pub(crate) place: Place,
}

/// A stream that speaks AMQP from its next octet on.
pub(crate) struct Arrival {
    pub(crate) read: ReadHalf,
    pub(crate) write: WriteHalf,
    pub(crate) origin: Origin,
    /// What it is greeted with.
    pub(crate) greeting: ServerConfig,
    pub(crate) place: Place,
}

/// Where a stream comes from.
#[derive(Debug)]
pub(crate) struct Origin {
    /// Its other end.
    pub(crate) peer: SocketAddr,
    /// Both its ends, for log lines.
    pub(crate) name: String,
    /// Whether what comes is encrypted.
    pub(crate) tls: bool,
    /// The user that its certificate names; nothing when it showed none.
    pub(crate) certificate: Option<Result<String, NoName>>,
}

impl Entrance {
    pub(crate) fn new(greeting: ServerConfig, tls: Option<Arc<Tls>>, config: &Config) -> Self {
        let (proxies, tcp) = (config.proxies.clone(), config.tcp.clone());
        Self { greeting: Mutex::new(greeting), tls, proxies, tcp }
    }

    /// Whoever comes from now on is treated as this configuration says, as far as that may change; files are read again.
    pub(crate) fn reload(&self, config: &Config) {
        let mut greeting = self.greeting.lock_or_stop();
        *greeting = greeting::renewed(config, &greeting);
        drop(greeting);
        if let Some(tls) = &self.tls {
            tls.reload();
        }
    }

    /// Lets a socket in, within the time that a whole handshake may take. What it takes here the rest does not have.
    pub(crate) async fn enter(&self, accepted: Accepted) -> io::Result<Arrival> {
        let took = Clock::stopwatch();
        let greeting = self.greeting.lock_or_stop().clone();
        let timeout = greeting.handshake_timeout;
        let entering = tokio::time::timeout(timeout, self.prepare(accepted, greeting));
        let mut arrival =
            entering.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let left = timeout.saturating_sub(took()).max(Duration::from_millis(1));
        arrival.greeting.handshake_timeout = left;
        Ok(arrival)
    }

    async fn prepare(&self, accepted: Accepted, mut greeting: ServerConfig) -> io::Result<Arrival> {
        let Accepted { mut socket, peer, protocol, mut place } = accepted;
        // Replies are small and somebody waits for them. Where it cannot be had, they are only later.
        let _ = socket.set_nodelay(true);
        keepalive::set(&socket, &self.tcp);
        let mut ends = Ends { source: peer, destination: socket.local_addr()? };
        if self.proxies.iter().any(|proxy| proxy.contains(peer.ip())) {
            ends = announced(&mut socket).await?.unwrap_or(ends);
        }
        let claimed = place.claim(ends.source.ip());
        claimed.map_err(|full| io::Error::new(io::ErrorKind::QuotaExceeded, full))?;
        let mut origin = Origin::new(ends);
        origin.tls = protocol.is_secret();
        let mut session: Option<Box<dyn Wrap>> = None;
        if protocol.is_secret() {
            let tls =
                self.tls.as_ref().ok_or_else(|| io::Error::other("there is no certificate"))?;
            let accepted = TlsSession::accept(&socket, tls.current()).await?;
            if let Some(certificate) = accepted.client_certificate() {
                origin.certificate = Some(user_name(certificate, tls.config().login_from));
                greeting.mechanisms = with_external(&greeting.mechanisms);
            }
            session = Some(Box::new(accepted));
        }
        if protocol.is_web_socket() {
            session = Some(Box::new(WebSocket::accept(&socket, session).await?));
        }
        let (read, write) = stream::split(socket, session);
        Ok(Arrival { read, write, origin, greeting, place })
    }
}

impl Origin {
    fn new(ends: Ends) -> Self {
        let name = format!("{} -> {}", ends.source, ends.destination);
        Self { peer: ends.source, name, tls: false, certificate: None }
    }
}

/// What a load balancer says about the client. Not an octet of what follows is read.
async fn announced(socket: &mut TcpStream) -> io::Result<Option<Ends>> {
    let mut header = Vec::new();
    loop {
        match proxy_protocol::parse(&header) {
            Ok(Step::Done(ends)) => return Ok(ends),
            Ok(Step::More(more)) => {
                let read = header.len();
                header.resize(read + more, 0);
                socket.read_exact(&mut header[read..]).await?;
            }
            Err(malformed) => return Err(io::Error::new(io::ErrorKind::InvalidData, malformed)),
        }
    }
}

/// EXTERNAL is offered to those who have shown a certificate (RabbitMQ).
fn with_external(mechanisms: &LongStr) -> LongStr {
    LongStr::from([mechanisms.as_bytes(), b" EXTERNAL"].concat())
}

//! Addresses taken before anything else, listened on when the broker is ready.

use core::fmt;
use core::net::SocketAddr;
use std::io;
use std::sync::Arc;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;

use crate::config::{AMQP_PORT, AMQPS_PORT, Config, Listen};
use crate::error::ServeError;
use crate::gate::{Gate, Place};
use crate::limits;

/// What is spoken on an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Amqp,
    Amqps,
    WebSocket,
    WebSocketTls,
}

/// Addresses that are ours, and on which nobody is answered yet: a peer is refused, not left waiting, until then.
pub(crate) struct Reserved(Vec<(SocketAddr, TcpSocket, Protocol)>);

impl Reserved {
    /// Takes every address, or says which one cannot be had.
    pub(crate) fn take(config: &Config) -> Result<Self, ServeError> {
        let mut taken = Self(Vec::new());
        taken.take_all(&config.listen, Protocol::Amqp)?;
        if let Some(tls) = &config.tls {
            taken.take_all(&tls.listen, Protocol::Amqps)?;
        }
        for (addresses, protocol) in [
            (&config.web_socket, Protocol::WebSocket),
            (&config.web_socket_tls, Protocol::WebSocketTls),
        ] {
            taken.take_all(&Listen::On(addresses.clone()), protocol)?;
        }
        Ok(taken)
    }

    fn take_all(&mut self, listen: &Listen, protocol: Protocol) -> Result<(), ServeError> {
        let refused = |address| move |source| ServeError::Listen { address, source };
        let mut take = |(address, socket)| self.0.push((address, socket, protocol));
        match listen {
            Listen::On(addresses) => {
                for &address in addresses {
                    let beside = has_ipv4_beside(address, addresses);
                    match reserve(address, beside) {
                        Ok(reserved) => take(reserved),
                        Err(error) if beside && is_absent(&error) => {
                            tracing::warn!("not listening on {address}: this machine has no IPv6");
                        }
                        Err(error) => return Err(refused(address)(error)),
                    }
                }
            }
            Listen::Loopback => {
                let [four, six] = Listen::loopback(protocol.port());
                take(reserve(four, false).map_err(refused(four))?);
                match reserve(six, false) {
                    Ok(reserved) => take(reserved),
                    Err(error) if is_absent(&error) => {}
                    Err(error) => return Err(refused(six)(error)),
                }
            }
        }
        Ok(())
    }

    /// The addresses, with the ports that were free.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (SocketAddr, Protocol)> {
        self.0.iter().map(|&(address, _, protocol)| (address, protocol))
    }

    /// Lets peers in.
    pub(crate) fn listen(self) -> Result<Vec<(TcpListener, Protocol)>, ServeError> {
        let listen = |(address, socket, protocol): (SocketAddr, TcpSocket, Protocol)| {
            let listening = socket.listen(limits::ACCEPT_BACKLOG);
            let listening = listening.map_err(|source| ServeError::Listen { address, source })?;
            Ok((listening, protocol))
        };
        self.0.into_iter().map(listen).collect()
    }
}

impl Protocol {
    /// Whether TLS is below it.
    pub(crate) const fn is_secret(self) -> bool {
        matches!(self, Self::Amqps | Self::WebSocketTls)
    }

    /// Whether WebSocket is below it.
    pub(crate) const fn is_web_socket(self) -> bool {
        matches!(self, Self::WebSocket | Self::WebSocketTls)
    }

    /// The port where clients expect it. For WebSocket there is none.
    const fn port(self) -> u16 {
        if self.is_secret() { AMQPS_PORT } else { AMQP_PORT }
    }
}

/// As a log line names it.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amqp => "AMQP",
            Self::Amqps => "AMQP over TLS",
            Self::WebSocket => "AMQP over WebSocket",
            Self::WebSocketTls => "AMQP over WebSocket and TLS",
        })
    }
}

/// Accepts for ever, as long as there is room. When the process can open no more descriptors all the same, it rests instead
/// of spinning, and says so once.
pub(crate) async fn accept(
    listener: &TcpListener,
    gate: &Arc<Gate>,
    mut accepted: impl FnMut(TcpStream, SocketAddr, Place),
) {
    let mut full = false;
    let mut said: Option<Instant> = None;
    loop {
        gate.room(|why| {
            if said.is_none_or(|said| said.elapsed() >= limits::SAY_AGAIN) {
                tracing::warn!("{why}");
                said = Some(Instant::now());
            }
        })
        .await;
        match listener.accept().await {
            Ok((stream, peer)) => {
                full = false;
                accepted(stream, peer, gate.enter());
            }
            // The peer was gone before we came to it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if !full {
                    tracing::error!(
                        "cannot accept a connection: {error}; raise the limit of open files (ulimit -n)"
                    );
                }
                full = true;
                tokio::time::sleep(limits::ACCEPT_REST).await;
            }
        }
    }
}

/// Whether this is all of IPv6, and all of IPv4 is listed with the same port: `0.0.0.0:5672` and `[::]:5672`.
fn has_ipv4_beside(address: SocketAddr, listed: &[SocketAddr]) -> bool {
    let all = |of: SocketAddr| of.ip().is_unspecified() && of.port() == address.port();
    address.is_ipv6() && all(address) && listed.iter().any(|other| other.is_ipv4() && all(*other))
}

/// `alone` leaves IPv4 to another socket: otherwise, all of IPv6 is all of IPv4 too.
pub(crate) fn reserve(address: SocketAddr, alone: bool) -> io::Result<(SocketAddr, TcpSocket)> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port whose last connections are still in TIME_WAIT is free: a restart must not wait for them.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    if alone {
        SockRef::from(&socket).set_only_v6(true)?;
    }
    socket.bind(address)?;
    Ok((socket.local_addr()?, socket))
}

/// Whether a machine without IPv6 would say this.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(AF_NOT_SUPPORTED)
}

#[cfg(target_os = "linux")]
const AF_NOT_SUPPORTED: i32 = 97;
#[cfg(windows)]
const AF_NOT_SUPPORTED: i32 = 10047;
#[cfg(not(any(target_os = "linux", windows)))]
const AF_NOT_SUPPORTED: i32 = 47;

#[cfg(test)]
mod tests {
    use super::*;

    fn reserve_one(address: SocketAddr) -> Result<Reserved, ServeError> {
        Reserved::take(&Config { listen: Listen::On(vec![address]), ..Config::in_memory() })
    }

    #[tokio::test]
    async fn port_zero_becomes_a_free_port_that_answers_once_listened_on() {
        let reserved = reserve_one("127.0.0.1:0".parse().unwrap()).unwrap();
        let (address, _) = reserved.addresses().next().unwrap();
        assert_ne!(address.port(), 0);
        assert!(TcpStream::connect(address).await.is_err());

        let _listening = reserved.listen().unwrap();
        assert!(TcpStream::connect(address).await.is_ok());
    }

    #[tokio::test]
    async fn all_of_ipv4_and_all_of_ipv6_may_have_the_same_port() {
        // A port that was free a moment ago may be taken by somebody else.
        let attempt = |_| {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            let both = vec![
                SocketAddr::new(core::net::Ipv4Addr::UNSPECIFIED.into(), port),
                SocketAddr::new(core::net::Ipv6Addr::UNSPECIFIED.into(), port),
            ];
            let config = Config { listen: Listen::On(both), ..Config::in_memory() };
            Some((Reserved::take(&config).ok()?, port))
        };
        let (reserved, port) = (0..20).find_map(attempt).unwrap();
        // Without IPv6 there is one address, with it there are two.
        assert!(reserved.addresses().count() >= 1);
        let listening = reserved.listen().unwrap();
        for (listener, _) in &listening {
            let address = listener.local_addr().unwrap();
            let host = if address.is_ipv4() { "127.0.0.1" } else { "::1" };
            assert!(TcpStream::connect((host, port)).await.is_ok(), "{address}");
        }
    }

    #[tokio::test]
    async fn a_port_in_use_is_an_error_that_names_it() {
        let holder = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = holder.local_addr().unwrap();
        let text = reserve_one(address).map(|_| ()).unwrap_err().to_string();
        assert!(text.contains(&address.to_string()) && text.contains("another program"), "{text}");
    }
}

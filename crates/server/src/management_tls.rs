//! The management API over TLS, with the certificates of AMQP over TLS.

use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use warrener_management::axum::extract::connect_info::Connected;
use warrener_management::axum::serve::{IncomingStream, Listener};

use crate::tls::Tls;

/// How many handshakes go on at a time.
const HANDSHAKES: usize = 64;

/// How long one may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long accepting rests when there are no descriptors left.
const REST: Duration = Duration::from_millis(100);

/// Streams whose handshake is done.
#[derive(Debug)]
pub(crate) struct OverTls {
    address: SocketAddr,
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    /// Whoever accepts; it ends with this.
    _accepting: JoinSet<()>,
}

/// Where a client is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl OverTls {
    /// Accepts on `listener` with the certificates of the moment.
    pub(crate) fn new(listener: TcpListener, address: SocketAddr, tls: Arc<Tls>) -> Self {
        let (tell, ready) = mpsc::channel(1);
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, tls, tell));
        Self { address, ready, _accepting: accepting }
    }
}

async fn accept(
    listener: TcpListener,
    tls: Arc<Tls>,
    tell: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let permits = Arc::new(Semaphore::new(HANDSHAKES));
    let mut handshakes = JoinSet::new();
    loop {
        while handshakes.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("nobody is let in to the management API over TLS: {error}");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let (tell, acceptor) = (tell.clone(), TlsAcceptor::from(tls.current()));
        handshakes.spawn(async move {
            let done = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await;
            // Whoever cannot speak TLS is told so by its end of the stream.
            if let Ok(Ok(stream)) = done {
                let _ = tell.send((stream, peer)).await;
            }
            drop(permit);
        });
    }
}

impl Listener for OverTls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(ready) => ready,
            // Whoever accepts ends with this only.
            None => core::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}

impl Connected<IncomingStream<'_, OverTls>> for Peer {
    fn connect_info(stream: IncomingStream<'_, OverTls>) -> Self {
        Self(*stream.remote_addr())
    }
}

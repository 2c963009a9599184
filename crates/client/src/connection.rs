//! Connecting, and the handle of a connection.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use warrener_codec::Table;
use warrener_connection::{ClientConfig, Close, Uri};

use crate::channel::Channel;
use crate::driver::{self, Command};
use crate::{Error, ShortStr};

/// How many requests and messages wait for the driver before those who send them wait themselves.
const COMMANDS_MAX: usize = 256;

/// How to connect; [`ClientConfig`] with a default for everything.
pub type Options = ClientConfig;

/// A connection to a broker. A task of the current tokio runtime drives it; the connection closes when this handle and
/// all its channels are dropped, or by [`close`](Self::close).
#[derive(Debug)]
pub struct Connection {
    commands: mpsc::Sender<Command>,
    server_properties: Table,
    blocked: watch::Receiver<Option<ShortStr>>,
    closed: watch::Receiver<Option<Error>>,
}

impl Connection {
    /// Connects by URI over TCP: `amqp://user:password@host:port/vhost`, or with the feature `tls` also `amqps://`, with
    /// `cacertfile`, `certfile`, `keyfile` and `server_name_indication` among its options, as in
    /// `amqps://host?cacertfile=ca.pem`. Without `cacertfile` the authorities of this machine are believed.
    ///
    /// Reaching the broker, TLS and logging in may each take as long as its `connection_timeout` says, or 10 s.
    ///
    /// # Errors
    ///
    /// When the URI is none, the broker cannot be reached, or it refuses: the error says which and why.
    pub async fn open(uri: &str) -> Result<Self, Error> {
        let uri: Uri = uri.parse()?;
        if uri.tls && cfg!(not(feature = "tls")) {
            return Err(Error::TlsNotBuiltIn);
        }
        let within = uri.client_config().handshake_timeout;
        let connecting = TcpStream::connect((uri.host.as_str(), uri.port));
        let late = |_| Err(std::io::ErrorKind::TimedOut.into());
        let connected = tokio::time::timeout(within, connecting).await.unwrap_or_else(late);
        let stream = connected.map_err(|source| Error::Connect {
            address: format!("{}:{}", uri.host, uri.port),
            source: Arc::new(source),
        })?;
        stream.set_nodelay(true)?;
        #[cfg(feature = "tls")]
        if uri.tls {
            let stream = tokio::time::timeout(within, crate::tls::over(stream, &uri)).await;
            let late = |_| Err(Error::Tls(Arc::new(std::io::ErrorKind::TimedOut.into())));
            return Self::over(stream.unwrap_or_else(late)?, uri.client_config()).await;
        }
        Self::over(stream, uri.client_config()).await
    }

    /// Connects over any stream: TLS, a Unix socket, a pipe in the process.
    ///
    /// # Errors
    ///
    /// When the stream breaks or the broker refuses: the error says why.
    pub async fn over<S>(stream: S, options: Options) -> Result<Self, Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (commands, commands_receiver) = mpsc::channel(COMMANDS_MAX);
        let (abandoned, abandoned_receiver) = mpsc::unbounded_channel();
        let (blocked_sender, blocked) = watch::channel(None);
        let (closed_sender, closed) = watch::channel(None);
        let (opened_sender, opened) = oneshot::channel();
        let inbox = driver::Inbox { commands: commands_receiver, abandoned: abandoned_receiver };
        let handles = driver::Handles { commands: commands.downgrade(), abandoned };
        let outbox = driver::Outbox {
            opened: Some(opened_sender),
            blocked: blocked_sender,
            closed: closed_sender,
        };
        tokio::spawn(driver::drive(stream, options, inbox, outbox, handles));
        let server_properties = opened.await.unwrap_or(Err(Error::Gone))?;
        Ok(Self { commands, server_properties, blocked, closed })
    }

    /// Opens a channel.
    ///
    /// # Errors
    ///
    /// When all are in use, or the connection is closed.
    pub async fn channel(&self) -> Result<Channel, Error> {
        let (waiter, opened) = oneshot::channel();
        let sent = self.commands.send(Command::OpenChannel(waiter)).await;
        if sent.is_err() {
            return Err(self.error());
        }
        let shared = opened.await.unwrap_or_else(|_| Err(self.error()))?;
        Ok(Channel::of(Arc::new(shared)))
    }

    /// What the broker says about itself: `product`, `version`, `capabilities`.
    #[must_use]
    pub fn server_properties(&self) -> &Table {
        &self.server_properties
    }

    /// Why the broker does not take messages now, if so (connection.blocked, a RabbitMQ extension). Watch it to know
    /// when that changes.
    #[must_use]
    pub fn blocked(&self) -> watch::Receiver<Option<ShortStr>> {
        self.blocked.clone()
    }

    /// Waits until the connection is over, and says why.
    pub async fn closed(&self) -> Error {
        let mut closed = self.closed.clone();
        let reason = closed.wait_for(Option::is_some).await;
        reason.map_or(Error::Gone, |reason| reason.clone().unwrap_or(Error::Gone))
    }

    /// Closes the connection and waits until the broker has agreed. Whatever was sent before is handled before.
    ///
    /// # Errors
    ///
    /// When it was closed already, or broke before the broker agreed: the error says why.
    pub async fn close(self) -> Result<(), Error> {
        self.end().await
    }

    /// Whether nothing can be asked of it any more.
    pub(crate) fn is_over(&self) -> bool {
        self.closed.borrow().is_some() || self.commands.is_closed()
    }

    pub(crate) async fn end(&self) -> Result<(), Error> {
        let (waiter, done) = oneshot::channel();
        let sent = self.commands.send(Command::Close(Close::goodbye(), waiter)).await;
        if sent.is_err() {
            return Err(self.error());
        }
        done.await.unwrap_or_else(|_| Err(self.error()))
    }

    fn error(&self) -> Error {
        self.closed.borrow().clone().unwrap_or(Error::Gone)
    }
}

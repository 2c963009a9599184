//! The two halves of a stream: bare, or with TLS or WebSocket between it and AMQP.

use core::fmt;
use core::pin::pin;
use core::task::{Context, Poll, ready};
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::poison::LockOrStop;

/// What AMQP's octets are wrapped in on their way through a socket. No call waits: where the socket would make one wait,
/// it says [`io::ErrorKind::WouldBlock`].
pub(crate) trait Wrap: fmt::Debug + Send {
    /// Reads what there is; 0 when nothing more comes, ever.
    fn read(&mut self, socket: &TcpStream, into: &mut BytesMut) -> io::Result<usize>;

    /// Takes some octets, and writes them as far as the socket takes them.
    fn write(&mut self, socket: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Whether it holds octets that the socket did not take yet.
    fn is_unflushed(&self) -> bool;

    /// Writes what was taken before.
    fn flush(&mut self, socket: &TcpStream) -> io::Result<()>;

    /// Tells the peer that nothing more comes.
    fn end(&mut self, socket: &TcpStream);
}

type Session = Arc<Mutex<Box<dyn Wrap>>>;

/// The half that one task reads.
#[derive(Debug)]
pub(crate) struct ReadHalf {
    socket: OwnedReadHalf,
    session: Option<Session>,
}

/// The half that whoever has something for the peer writes to. Dropping it shuts the stream down for writing.
#[derive(Debug)]
pub(crate) struct WriteHalf {
    socket: OwnedWriteHalf,
    session: Option<Session>,
}

/// The halves of a stream, which is wrapped in `session` if there is one.
pub(crate) fn split(socket: TcpStream, session: Option<Box<dyn Wrap>>) -> (ReadHalf, WriteHalf) {
    let (read, write) = socket.into_split();
    let session = session.map(|session| Arc::new(Mutex::new(session)));
    let write = WriteHalf { socket: write, session: session.clone() };
    (ReadHalf { socket: read, session }, write)
}

impl ReadHalf {
    /// Whether reading is worth a buffer; if not, the task is woken when it is.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> bool {
        // What a session holds the socket does not show.
        self.session.is_some() || self.socket.as_ref().poll_read_ready(cx).is_ready()
    }

    /// Wakes the task when the socket takes more.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> bool {
        self.socket.as_ref().poll_write_ready(cx).is_ready()
    }

    /// Reads once.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        let Some(session) = &self.session else {
            return pin!(self.socket.read_buf(into)).poll(cx);
        };
        let socket = self.socket.as_ref();
        loop {
            match session.lock_or_stop().read(socket, into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(socket.poll_read_ready(cx))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    /// Throws away what the peer still sends, until it hangs up or has sent `most` octets.
    pub(crate) async fn discard(&mut self, most: usize) {
        let mut left = most;
        let mut rest = [0; 1024];
        while left > 0 {
            match self.socket.read(&mut rest).await {
                Ok(0) | Err(_) => return,
                Ok(count) => left = left.saturating_sub(count),
            }
        }
    }
}

impl WriteHalf {
    /// Writes some of `slices`.
    pub(crate) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (&self.session, slices) {
            (Some(session), slices) => session.lock_or_stop().write(self.socket.as_ref(), slices),
            (None, [slice]) => self.socket.try_write(slice),
            (None, slices) => self.socket.try_write_vectored(slices),
        }
    }

    /// Writes what was taken and is not on the socket yet.
    pub(crate) fn try_flush(&self) -> io::Result<()> {
        let Some(session) = &self.session else { return Ok(()) };
        session.lock_or_stop().flush(self.socket.as_ref())
    }

    /// Whether [`try_flush`](Self::try_flush) has something left to do.
    pub(crate) fn is_unflushed(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.lock_or_stop().is_unflushed())
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        if let Some(session) = &self.session {
            session.lock_or_stop().end(self.socket.as_ref());
        }
    }
}

//! One connection to a broker: a socket that never blocks, the client machine, and a thread that waits for both.

use core::time::Duration;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::TcpStream;

use bytes::{Buf, BytesMut};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use warrener_codec::{ChannelId, Method, Table};
use warrener_connection::{Connection, Event, Uri};

use crate::clock::{Clock, until};
use crate::error::PerfError;

/// The only channel of every connection.
pub(crate) const CHANNEL: ChannelId = ChannelId::new(1);

/// How much one read may bring.
const READ_BYTES: usize = 256 * 1024;

/// A connection with [`CHANNEL`] open, driven by one thread.
pub(crate) struct Link {
    pub(crate) machine: Connection,
    stream: TcpStream,
    input: BytesMut,
    scratch: Box<[u8]>,
    clock: Clock,
    ended: bool,
}

impl Link {
    /// Connects, logs in and opens the channel. The second value is what the broker says about itself.
    pub(crate) fn connect(uri: &Uri, clock: Clock) -> Result<(Self, Table), PerfError> {
        if uri.tls {
            return Err(PerfError::Tls);
        }
        let stream =
            TcpStream::connect((uri.host.as_str(), uri.port)).map_err(PerfError::Connect)?;
        let mut link =
            Self::over(stream, Connection::client(uri.client_config(), clock.time()), clock)?;
        let (mut introduced, mut is_open) = (Table::default(), false);
        while !is_open {
            link.turn(None, |machine, event| {
                match event {
                    Event::Introduced(table) => introduced = table,
                    Event::Ready(_) => machine.send(CHANNEL, &Method::ChannelOpen)?,
                    Event::ChannelOpened(_) => is_open = true,
                    _ => {}
                }
                Ok(())
            })?;
        }
        Ok((link, introduced))
    }

    /// Drives a machine that is open already, or opens elsewhere.
    pub(crate) fn over(
        stream: TcpStream,
        machine: Connection,
        clock: Clock,
    ) -> Result<Self, PerfError> {
        stream.set_nodelay(true).map_err(PerfError::Socket)?;
        stream.set_nonblocking(true).map_err(PerfError::Socket)?;
        let scratch = vec![0; READ_BYTES].into();
        Ok(Self { machine, stream, input: BytesMut::new(), scratch, clock, ended: false })
    }

    /// Writes what the socket takes. Whether nothing is left.
    pub(crate) fn flush(&mut self) -> Result<bool, PerfError> {
        let outgoing = self.machine.outgoing();
        while !outgoing.is_empty() {
            let mut slices = [IoSlice::new(&[]); 64];
            let filled = outgoing.chunks_vectored(&mut slices);
            match self.stream.write_vectored(&slices[..filled]) {
                Ok(count) => outgoing.advance(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(PerfError::Socket(error)),
            }
        }
        Ok(true)
    }

    /// Reads once, if there is something, and tells the events. Whether octets came.
    pub(crate) fn receive(
        &mut self,
        mut handle: impl FnMut(&mut Connection, Event) -> Result<(), PerfError>,
    ) -> Result<bool, PerfError> {
        let count = match self.stream.read(&mut self.scratch) {
            Ok(count) => count,
            Err(error)
                if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) =>
            {
                return Ok(false);
            }
            Err(error) => return Err(PerfError::Socket(error)),
        };
        let now = self.clock.time();
        if count == 0 {
            self.machine.handle_eof(now);
        }
        self.input.extend_from_slice(&self.scratch[..count]);
        loop {
            // What is wrong with the octets comes as the last event, too.
            let result = self.machine.handle_bytes(now, &mut self.input);
            let mut any = false;
            while let Some(event) = self.machine.poll_event() {
                any = true;
                self.ended |= matches!(event, Event::Closed(_));
                match event {
                    Event::Closed(close) => return Err(PerfError::Closed(close.to_string())),
                    Event::ChannelClosed(_, close) => {
                        return Err(PerfError::Closed(close.to_string()));
                    }
                    event => handle(&mut self.machine, event)?,
                }
            }
            if result.is_err() || !any {
                return Ok(count > 0);
            }
        }
    }

    /// Sleeps until the socket can be read, or written if something waits, or until `deadline` in nanoseconds of the
    /// clock; no longer than the machine's own timer allows.
    pub(crate) fn wait(&mut self, deadline: Option<u64>) -> Result<(), PerfError> {
        let now = self.clock.nanos();
        let mut wait = deadline.map_or(Duration::from_millis(100), |at| until(at, now));
        if let Some((at, _)) = self.machine.poll_timeout() {
            wait = wait.min(at.saturating_since(self.clock.time()));
        }
        let mut interest = PollFlags::IN;
        if !self.machine.outgoing().is_empty() {
            interest |= PollFlags::OUT;
        }
        let timeout = Timespec::try_from(wait).ok();
        let mut descriptors = [PollFd::new(&self.stream, interest)];
        match poll(&mut descriptors, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(PerfError::Socket(errno.into())),
        }
        if self.machine.poll_timeout().is_some_and(|(at, _)| at <= self.clock.time()) {
            self.machine.handle_timeout(self.clock.time());
        }
        Ok(())
    }

    /// Writes, reads, and if neither got anywhere, waits.
    pub(crate) fn turn(
        &mut self,
        deadline: Option<u64>,
        handle: impl FnMut(&mut Connection, Event) -> Result<(), PerfError>,
    ) -> Result<(), PerfError> {
        self.flush()?;
        if !self.receive(handle)? {
            self.wait(deadline)?;
        }
        Ok(())
    }

    /// Asks, and waits for the answer on [`CHANNEL`].
    pub(crate) fn ask(&mut self, question: &Method) -> Result<Method, PerfError> {
        self.machine.send(CHANNEL, question)?;
        let mut answer = None;
        while answer.is_none() {
            self.turn(None, |_, event| {
                if let Event::Method(CHANNEL, method) = event {
                    answer = Some(method);
                }
                Ok(())
            })?;
        }
        answer.ok_or(PerfError::Silent)
    }

    /// Says goodbye. What the broker still has to say is of no interest.
    pub(crate) fn close(mut self) {
        if !self.ended {
            self.machine.close(self.clock.time(), warrener_connection::Close::goodbye());
            let _ = self.flush();
            let deadline = self.clock.nanos() + 1_000_000_000;
            while !self.machine.is_finished() && self.clock.nanos() < deadline {
                if self.turn(Some(deadline), |_, _| Ok(())).is_err() {
                    return;
                }
            }
        }
    }
}

//! AMQP over WebSocket: the octets of AMQP in binary messages, over a bare stream or over TLS.

mod frames;
mod upgrade;

use std::io::{self, IoSlice};

use bytes::{Buf, BytesMut};
use tokio::net::TcpStream;

use crate::limits::{READ_ROOM_BYTES, WEB_SOCKET_WRITE_BYTES};
use crate::stream::Wrap;

use frames::Frames;

/// A stream that has become a WebSocket.
#[derive(Debug)]
pub(crate) struct WebSocket {
    below: Below,
    frames: Frames,
    /// What was read and is no whole head of a frame yet.
    input: BytesMut,
    /// What is to be written.
    output: BytesMut,
    /// The client was told that nothing more comes.
    ended: bool,
}

/// What carries it: TLS, or the bare socket.
#[derive(Debug)]
struct Below(Option<Box<dyn Wrap>>);

impl WebSocket {
    /// Answers the client's request. It waits for as long as the client lets it.
    pub(crate) async fn accept(
        socket: &TcpStream,
        session: Option<Box<dyn Wrap>>,
    ) -> io::Result<Self> {
        let mut web_socket = Self {
            below: Below(session),
            frames: Frames::default(),
            input: BytesMut::new(),
            output: BytesMut::new(),
            ended: false,
        };
        loop {
            match upgrade::parse(&web_socket.input) {
                Ok(Some(request)) => {
                    web_socket.input.advance(request.length);
                    web_socket.output.extend_from_slice(request.response.as_bytes());
                    web_socket.send_all(socket).await?;
                    return Ok(web_socket);
                }
                Ok(None) => {}
                Err(refusal) => {
                    web_socket.output.extend_from_slice(refusal.response().as_bytes());
                    web_socket.send_all(socket).await?;
                    web_socket.below.end(socket);
                    return Err(io::Error::new(io::ErrorKind::InvalidData, refusal));
                }
            }
            match web_socket.below.read(socket, &mut web_socket.input) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if would_block(&error) => socket.readable().await?,
                Err(error) => return Err(error),
            }
        }
    }

    async fn send_all(&mut self, socket: &TcpStream) -> io::Result<()> {
        loop {
            match self.send(socket) {
                Err(error) if would_block(&error) => socket.writable().await?,
                outcome => return outcome,
            }
        }
    }

    fn send(&mut self, socket: &TcpStream) -> io::Result<()> {
        while !self.output.is_empty() {
            let count = self.below.write(socket, &[IoSlice::new(&self.output)])?;
            self.output.advance(count);
        }
        // An idle connection holds no buffer.
        self.output = BytesMut::new();
        self.below.flush(socket)
    }
}

impl Wrap for WebSocket {
    fn read(&mut self, socket: &TcpStream, into: &mut BytesMut) -> io::Result<usize> {
        let before = into.len();
        loop {
            let read = self.frames.read(&mut self.input, into, &mut self.output);
            if self.input.is_empty() {
                self.input = BytesMut::new();
            }
            if !self.output.is_empty() {
                // Whoever writes next goes on with what a full socket did not take.
                let _ = self.send(socket);
            }
            read.map_err(|violation| io::Error::new(io::ErrorKind::InvalidData, violation))?;
            if into.len() > before || self.frames.is_closed() {
                return Ok(into.len() - before);
            }
            if self.below.read(socket, &mut self.input)? == 0 {
                return Ok(0);
            }
        }
    }

    fn write(&mut self, socket: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.send(socket)?;
        let all: usize = slices.iter().map(|slice| slice.len()).sum();
        let count = all.min(WEB_SOCKET_WRITE_BYTES);
        frames::put_binary_head(count, &mut self.output);
        let mut left = count;
        for slice in slices {
            let part = &slice[..left.min(slice.len())];
            self.output.extend_from_slice(part);
            left -= part.len();
        }
        match self.send(socket) {
            Err(error) if !would_block(&error) => Err(error),
            _ => Ok(count),
        }
    }

    fn is_unflushed(&self) -> bool {
        !self.output.is_empty() || self.below.0.as_ref().is_some_and(|below| below.is_unflushed())
    }

    fn flush(&mut self, socket: &TcpStream) -> io::Result<()> {
        self.send(socket)
    }

    fn end(&mut self, socket: &TcpStream) {
        if !core::mem::replace(&mut self.ended, true) && !self.frames.is_closed() {
            frames::put_close(&mut self.output);
        }
        let _ = self.send(socket);
        self.below.end(socket);
    }
}

impl Below {
    fn read(&mut self, socket: &TcpStream, into: &mut BytesMut) -> io::Result<usize> {
        match &mut self.0 {
            Some(session) => session.read(socket, into),
            None => {
                into.reserve(READ_ROOM_BYTES);
                socket.try_read_buf(into)
            }
        }
    }

    fn write(&mut self, socket: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match &mut self.0 {
            Some(session) => session.write(socket, slices),
            None => socket.try_write_vectored(slices),
        }
    }

    fn flush(&mut self, socket: &TcpStream) -> io::Result<()> {
        self.0.as_mut().map_or(Ok(()), |session| session.flush(socket))
    }

    fn end(&mut self, socket: &TcpStream) {
        if let Some(session) = &mut self.0 {
            session.end(socket);
        }
    }
}

fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

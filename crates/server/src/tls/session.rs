//! One TLS session: the handshake, and AMQP's octets in its records.

use core::fmt;
use std::io::{self, BufRead, IoSlice, Read, Write};
use std::sync::Arc;

use bytes::BytesMut;
use rustls::pki_types::CertificateDer;
use rustls::{ServerConfig, ServerConnection};
use tokio::net::TcpStream;

use crate::limits::TLS_WRITE_BYTES;
use crate::stream::Wrap;

/// A session whose handshake is done.
pub(crate) struct TlsSession(Box<ServerConnection>);

/// A socket as rustls wants it.
struct Octets<'a>(&'a TcpStream);

impl TlsSession {
    /// Shakes hands with a client. It waits for as long as the client lets it.
    pub(crate) async fn accept(socket: &TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        let connection = ServerConnection::new(config).map_err(io::Error::other)?;
        let mut session = Self(Box::new(connection));
        session.0.set_buffer_limit(Some(TLS_WRITE_BYTES));
        loop {
            while session.0.wants_write() {
                match session.0.write_tls(&mut Octets(socket)) {
                    Ok(_) => {}
                    Err(error) if would_block(&error) => socket.writable().await?,
                    Err(error) => return Err(error),
                }
            }
            if !session.0.is_handshaking() {
                return Ok(session);
            }
            match session.receive(socket) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if would_block(&error) => socket.readable().await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// The certificate that the client showed, verified.
    pub(crate) fn client_certificate(&self) -> Option<&CertificateDer<'static>> {
        self.0.peer_certificates()?.first()
    }

    /// Reads records, and takes them apart.
    fn receive(&mut self, socket: &TcpStream) -> io::Result<usize> {
        let count = self.0.read_tls(&mut Octets(socket))?;
        match self.0.process_new_packets() {
            Ok(_) => Ok(count),
            Err(error) => {
                // The client is told why; if it does not listen, it is not.
                let _ = self.0.write_tls(&mut Octets(socket));
                Err(io::Error::new(io::ErrorKind::InvalidData, error))
            }
        }
    }

    fn send(&mut self, socket: &TcpStream) -> io::Result<()> {
        while self.0.wants_write() {
            self.0.write_tls(&mut Octets(socket))?;
        }
        Ok(())
    }

    /// Moves what is decrypted into `into`. 0: nothing more comes.
    fn take_plaintext(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        let mut reader = self.0.reader();
        let mut count = 0;
        loop {
            match reader.fill_buf() {
                Ok([]) => return Ok(count),
                Ok(chunk) => {
                    into.extend_from_slice(chunk);
                    let length = chunk.len();
                    reader.consume(length);
                    count += length;
                }
                Err(error) if would_block(&error) && count > 0 => return Ok(count),
                // Without a close_notify. AMQP has a close of its own, by which it knows whether it was cut off.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(count),
                Err(error) => return Err(error),
            }
        }
    }
}

impl Wrap for TlsSession {
    fn read(&mut self, socket: &TcpStream, into: &mut BytesMut) -> io::Result<usize> {
        loop {
            match self.take_plaintext(into) {
                Err(error) if would_block(&error) => {}
                outcome => return outcome,
            }
            self.receive(socket)?;
            // Whoever writes next goes on with what a full socket did not take.
            let _ = self.send(socket);
        }
    }

    fn write(&mut self, socket: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.send(socket)?;
        let count = self.0.writer().write_vectored(slices)?;
        match self.send(socket) {
            Err(error) if !would_block(&error) => Err(error),
            _ => Ok(count),
        }
    }

    fn is_unflushed(&self) -> bool {
        self.0.wants_write()
    }

    fn flush(&mut self, socket: &TcpStream) -> io::Result<()> {
        self.send(socket)
    }

    fn end(&mut self, socket: &TcpStream) {
        self.0.send_close_notify();
        let _ = self.send(socket);
    }
}

impl Read for Octets<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(into)
    }
}

impl Write for Octets<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.try_write(octets)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// Nothing that was said in it is shown.
impl fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSession").finish_non_exhaustive()
    }
}

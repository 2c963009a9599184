//! A program that forwards octets between two sockets and understands nothing: no broker can be faster.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use crate::error::PerfError;

/// Accepts connections on a port of the system's choosing, told to `ready`, joins the first with the second, the third with
/// the fourth, and so on, moving `buffer` octets at a time. Returns only when accepting fails.
///
/// # Errors
///
/// When no port can be had.
pub fn relay(buffer: usize, ready: impl FnOnce(u16)) -> Result<(), PerfError> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(PerfError::Socket)?;
    ready(listener.local_addr().map_err(PerfError::Socket)?.port());
    loop {
        let (first, _) = listener.accept().map_err(PerfError::Socket)?;
        let (second, _) = listener.accept().map_err(PerfError::Socket)?;
        for stream in [&first, &second] {
            stream.set_nodelay(true).map_err(PerfError::Socket)?;
        }
        let clones = first.try_clone().and_then(|first| Ok((first, second.try_clone()?)));
        let (from_first, from_second) = clones.map_err(PerfError::Socket)?;
        start(from_first, second, buffer);
        start(from_second, first, buffer);
    }
}

#[expect(clippy::disallowed_methods, reason = "the relay has a thread for each direction")]
fn start(mut from: TcpStream, mut to: TcpStream, buffer: usize) {
    thread::spawn(move || {
        let mut octets = vec![0; buffer.max(1)];
        while let Ok(count @ 1..) = from.read(&mut octets)
            && to.write_all(&octets[..count]).is_ok()
        {}
        // The other side is told; it may be gone already.
        let _ = to.shutdown(Shutdown::Write);
    });
}

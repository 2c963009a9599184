//! Requests over a local socket: one connection each (HTTP/1.1, RFC 9112).

use core::time::Duration;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::ctl::Failure;

/// How long an answer may take: an import is long.
const PATIENCE: Duration = Duration::from_secs(600);

/// The longest answer that is read, in octets.
const ANSWER_BYTES: u64 = 1 << 30;

/// Whoever asks the broker of this socket, or of the one that the configuration names.
#[derive(Clone, Debug, Default)]
pub(super) struct Client(Option<PathBuf>);

/// What the broker answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) value: Value,
    /// What it was read from.
    pub(super) text: String,
}

impl Client {
    pub(super) const fn at(socket: PathBuf) -> Self {
        Self(Some(socket))
    }

    /// Asks, and gives whatever is answered.
    pub(super) fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Result<Answer, Failure> {
        self.ask_with(method, path, body, &[])
    }

    /// The same with fields in its head.
    pub(super) fn ask_with(
        &self,
        method: &str,
        path: &str,
        body: Option<&str>,
        fields: &[(&str, &str)],
    ) -> Result<Answer, Failure> {
        let socket = match &self.0 {
            Some(socket) => socket.clone(),
            None => warrener_server::control_socket().map_err(|why| {
                Failure::unavailable(format!(
                    "no control socket is known: {why}; name it with --socket PATH"
                ))
            })?,
        };
        let fields: String =
            fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let body = body.unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n{fields}\r\n{body}",
            body.len()
        );
        let answer = exchange(&socket, &request).map_err(|error| unreachable(&socket, &error))?;
        taken_apart(&answer).ok_or_else(|| Failure::unavailable("the broker's answer was cut off"))
    }

    /// Asks, and takes anything but success for a failure.
    pub(super) fn done(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let body = body.map(ToString::to_string);
        let answer = self.ask(method, path, body.as_deref())?;
        match answer.status {
            200..=299 => Ok(answer.value),
            _ => Err(answer.failure()),
        }
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.done("GET", path, None)
    }

    /// Asks for something to be gone, which it may be already; whether it was there.
    pub(super) fn gone(&self, path: &str) -> Result<bool, Failure> {
        let answer = self.ask("DELETE", path, None)?;
        match answer.status {
            200..=299 => Ok(true),
            404 => Ok(false),
            _ => Err(answer.failure()),
        }
    }
}

impl Answer {
    pub(super) fn reason(&self) -> String {
        match &self.value["reason"] {
            Value::String(text) => text.clone(),
            _ => self.text.clone(),
        }
    }

    pub(super) fn failure(&self) -> Failure {
        match self.status {
            404 => Failure::data("Not found"),
            503 => Failure::unavailable(self.reason()),
            _ => Failure::refused(self.reason()),
        }
    }
}

fn unreachable(socket: &Path, error: &io::Error) -> Failure {
    Failure::unavailable(format!(
        "no broker answers on {}: {error}\n\nIs one running for this user? Its socket is control.sock in its data directory: name \
         that with --data-dir DIR, or the socket with --socket PATH.",
        socket.display()
    ))
}

#[cfg(unix)]
fn exchange(socket: &Path, request: &str) -> io::Result<Vec<u8>> {
    use std::io::{Read, Write};

    let mut stream = std::os::unix::net::UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES).read_to_end(&mut answer)?;
    Ok(answer)
}

#[cfg(not(unix))]
fn exchange(_: &Path, _: &str) -> io::Result<Vec<u8>> {
    let _ = (PATIENCE, ANSWER_BYTES);
    Err(io::Error::new(io::ErrorKind::Unsupported, "there are no such sockets on this system"))
}

/// Status and document of an answer whose end is the end of the stream.
fn taken_apart(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = core::str::from_utf8(&answer[..end]).ok()?.to_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let mut body = answer[end + 4..].to_vec();
    let field = |name: &str| {
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(own, _)| *own == name).map(|(_, value)| value.trim())
    };
    if field("transfer-encoding") == Some("chunked") {
        body = joined(&body)?;
    } else if let Some(length) =
        field("content-length").and_then(|length| length.parse::<usize>().ok())
        && body.len() != length
    {
        return None;
    }
    let text = String::from_utf8(body).ok()?;
    let value = serde_json::from_str(&text).unwrap_or_default();
    Some(Answer { status, value, text })
}

/// Chunks put together again (RFC 9112 §7.1).
fn joined(mut chunks: &[u8]) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let end = chunks.windows(2).position(|two| two == b"\r\n")?;
        let size = core::str::from_utf8(&chunks[..end]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        let rest = chunks.get(end + 2..)?;
        if size == 0 {
            return Some(all);
        }
        all.extend_from_slice(rest.get(..size)?);
        chunks = rest.get(size.checked_add(2)?..)?;
    }
}

/// A step of a path, encoded (RFC 3986 §2.1).
pub(super) fn step(text: &str) -> String {
    let mut encoded = String::new();
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-_.".contains(&octet) {
            encoded.push(char::from(octet));
        } else {
            encoded.push_str(&format!("%{octet:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_whole_or_in_chunks_are_read_and_cut_ones_are_not() {
        let read = |octets: &[u8]| taken_apart(octets).map(|answer| (answer.status, answer.text));
        let whole = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n[]";
        assert_eq!(read(whole), Some((201, "[]".into())));
        assert_eq!(read(&whole[..whole.len() - 1]), None);
        let chunked =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\n\r\n";
        assert_eq!(read(chunked), Some((200, "[]".into())));
        assert_eq!(read(&chunked[..chunked.len() - 8]), None);
        assert_eq!(read(b"HTTP/1.1 200"), None);
        assert_eq!(step("a/b c"), "a%2Fb%20c");
    }
}

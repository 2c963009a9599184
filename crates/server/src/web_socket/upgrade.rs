//! The request that makes a WebSocket out of an HTTP connection (RFC 6455 §4.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// The subprotocol that is spoken.
const SUBPROTOCOL: &str = "amqp";

/// What the client's key is joined with (§4.2.2).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// How long a request may be.
pub(crate) const REQUEST_BYTES_MAX: usize = 8 << 10;

/// A request that is whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// How long it is, in octets. Behind it, frames begin.
    pub(crate) length: usize,
    /// What is to be answered.
    pub(crate) response: String,
}

/// A request that is refused, with what is to be answered.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no WebSocket for AMQP was asked for: {reason}")]
pub(crate) struct Refusal {
    reason: &'static str,
    status: &'static str,
}

impl Refusal {
    pub(crate) fn response(&self) -> String {
        let Self { reason, status } = self;
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nSec-WebSocket-Version: 13\r\n\
             Connection: close\r\n\r\n{reason}\n",
            reason.len() + 1
        )
    }
}

const fn bad(reason: &'static str) -> Refusal {
    Refusal { reason, status: "400 Bad Request" }
}

/// Looks at all octets that were read so far; nothing while the request goes on.
pub(crate) fn parse(octets: &[u8]) -> Result<Option<Request>, Refusal> {
    let Some(end) = octets.windows(4).position(|four| four == b"\r\n\r\n") else {
        if octets.len() >= REQUEST_BYTES_MAX {
            return Err(Refusal {
                reason: "the request is too long",
                status: "431 Request Header Fields Too Large",
            });
        }
        // Whoever speaks something else, AMQP perhaps, is told at once.
        let beginning = octets.len().min(4);
        return if octets[..beginning] == b"GET "[..beginning] {
            Ok(None)
        } else {
            Err(bad("a GET request is wanted"))
        };
    };
    let text = core::str::from_utf8(&octets[..end]).map_err(|_| bad("no text"))?;
    let mut lines = text.split("\r\n");
    let line = lines.next().unwrap_or_default();
    if !(line.starts_with("GET ") && line.ends_with(" HTTP/1.1")) {
        return Err(bad("a GET request of HTTP/1.1 is wanted"));
    }
    let fields: Vec<(&str, &str)> = lines
        .map(|line| line.split_once(':').map(|(name, value)| (name, value.trim())))
        .collect::<Option<_>>()
        .ok_or(bad("a header field without a colon"))?;
    let response = answer(&fields)?;
    Ok(Some(Request { length: end + 4, response }))
}

fn answer(fields: &[(&str, &str)]) -> Result<String, Refusal> {
    let values = |wanted: &'static str| {
        let named = fields.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted));
        named.flat_map(|(_, value)| value.split(',')).map(str::trim)
    };
    let has = |name, wanted: &str| values(name).any(|value| value.eq_ignore_ascii_case(wanted));
    if !has("Upgrade", "websocket") || !has("Connection", "upgrade") {
        return Err(Refusal {
            reason: "this port speaks AMQP over WebSocket",
            status: "426 Upgrade Required",
        });
    }
    if !has("Sec-WebSocket-Version", "13") {
        return Err(Refusal {
            reason: "version 13 of WebSocket is wanted",
            status: "426 Upgrade Required",
        });
    }
    if !values("Sec-WebSocket-Protocol").any(|value| value == SUBPROTOCOL) {
        return Err(bad("the subprotocol amqp must be asked for"));
    }
    let mut keys = values("Sec-WebSocket-Key");
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Err(bad("one Sec-WebSocket-Key is wanted"));
    };
    if STANDARD.decode(key).map_or(0, |octets| octets.len()) != 16 {
        return Err(bad("Sec-WebSocket-Key must be 16 octets"));
    }
    let accepted = STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize());
    Ok(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accepted}\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of RFC 6455 §1.3, with our subprotocol.
    const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nupgrade: WebSocket\r\n\
        Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Protocol: chat, amqp\r\nSec-WebSocket-Version: 13\r\n\r\n";

    #[test]
    fn the_example_of_the_standard_is_answered_as_it_is_there() {
        let request = parse(&[REQUEST.as_bytes(), b"more"].concat()).unwrap().unwrap();
        assert_eq!(request.length, REQUEST.len());
        assert!(request.response.starts_with("HTTP/1.1 101 "));
        assert!(
            request.response.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")
        );
        assert!(request.response.contains("Sec-WebSocket-Protocol: amqp\r\n"));
        for cut in 0..REQUEST.len() {
            assert_eq!(parse(&REQUEST.as_bytes()[..cut]), Ok(None), "{cut}");
        }
    }

    #[test]
    fn what_asks_for_something_else_is_told_what_is_wanted() {
        let refused = |from: &str, to: &str| {
            assert!(REQUEST.contains(from), "{from}");
            let refusal = parse(REQUEST.replace(from, to).as_bytes()).unwrap_err();
            refusal.response()
        };
        assert!(refused("amqp", "mqtt").contains("subprotocol amqp"));
        assert!(refused("Version: 13", "Version: 8").contains("Sec-WebSocket-Version: 13"));
        assert!(refused("WebSocket\r\n", "h2c\r\n").starts_with("HTTP/1.1 426 "));
        assert!(refused("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=").starts_with("HTTP/1.1 400 "));
        assert!(refused("HTTP/1.1", "HTTP/1.0").starts_with("HTTP/1.1 400 "));
        assert!(refused("Host:", "Host").starts_with("HTTP/1.1 400 "));
        assert!(parse(b"AMQP\0\0\x09\x01").is_err());
        let long = [b"GET /".to_vec(), vec![b'x'; REQUEST_BYTES_MAX]].concat();
        assert!(parse(&long).unwrap_err().response().starts_with("HTTP/1.1 431 "));
    }
}

//! Which queues the source has: asked from its management API, or named on the command line.

use core::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use warrener_client::Uri;
use warrener_codec::method::queue;
use warrener_codec::{ShortStr, Table};

/// How long the management API may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest answer taken: a hundred thousand queues and more.
const ANSWER_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A queue of the source.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Listed {
    pub(super) name: String,
    /// As which the target may declare it; unknown when it was only named.
    pub(super) declaration: Option<queue::Declare>,
    /// `classic`, `quorum`, `stream` and others.
    kind: String,
    is_exclusive: bool,
}

impl Listed {
    pub(super) fn named(name: &str) -> Self {
        let (name, kind) = (name.to_owned(), "classic".to_owned());
        Self { name, declaration: None, kind, is_exclusive: false }
    }

    pub(super) fn is_quorum(&self) -> bool {
        self.kind == "quorum"
    }

    /// Why its messages cannot be moved, if so.
    pub(super) fn stays_because(&self) -> Option<String> {
        if self.is_exclusive {
            return Some("it belongs to one connection of the source".to_owned());
        }
        let has_queue_semantics = matches!(self.kind.as_str(), "classic" | "quorum");
        (!has_queue_semantics).then(|| format!("its type is {}", self.kind))
    }

    fn read(listed: &Value) -> Result<Self, String> {
        let text = |name: &str| listed[name].as_str().map(str::to_owned);
        let flag = |name: &str| listed[name].as_bool().unwrap_or(false);
        let name = text("name").ok_or("a queue without a name")?;
        let arguments: Table = match &listed["arguments"] {
            Value::Null => Table::default(),
            Value::Array(none) if none.is_empty() => Table::default(),
            arguments => serde_json::from_value(arguments.clone())
                .map_err(|error| format!("arguments of {name}: {error}"))?,
        };
        let declaration = queue::Declare {
            queue: ShortStr::try_from(name.as_str()).map_err(|error| error.to_string())?,
            durable: flag("durable"),
            auto_delete: flag("auto_delete"),
            arguments,
            ..Default::default()
        };
        Ok(Self {
            name,
            declaration: Some(declaration),
            kind: text("type").unwrap_or_else(|| "classic".to_owned()),
            is_exclusive: flag("exclusive"),
        })
    }
}

/// Asks the management API for the queues of the URI's virtual host, in the order of their names.
pub(super) async fn list(from: &Uri, management: Option<&str>) -> Result<Vec<Listed>, String> {
    let authority = match management {
        Some(url) => url
            .strip_prefix("http://")
            .ok_or("--management: http://HOST:PORT")?
            .trim_end_matches('/')
            .to_owned(),
        None => {
            let port = from.port.checked_add(10_000);
            format!("{}:{}", from.host, port.ok_or("name the source's --management")?)
        }
    };
    let asked = tokio::time::timeout(PATIENCE, ask(&authority, from)).await;
    let answer =
        asked.unwrap_or_else(|_| Err("no answer in time".to_owned())).map_err(|error| {
            format!("the management API at {authority}: {error}; --queue NAME moves without it")
        })?;
    let listed: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
    let queues = listed.as_array().ok_or("the management API's answer is no list")?;
    let mut queues = queues.iter().map(Listed::read).collect::<Result<Vec<_>, _>>()?;
    queues.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(queues)
}

/// One GET by HTTP/1.0, whose answers come in one piece and end with the connection.
async fn ask(authority: &str, from: &Uri) -> Result<Vec<u8>, String> {
    let text = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(authority).await.map_err(text)?;
    let login = base64(format!("{}:{}", from.user, from.password).as_bytes());
    let request = format!(
        "GET /api/queues/{} HTTP/1.0\r\nhost: {authority}\r\nauthorization: Basic {login}\r\naccept: application/json\r\n\r\n",
        percent_encoded(&from.vhost)
    );
    stream.write_all(request.as_bytes()).await.map_err(text)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await.map_err(text)?;
    let end = answer.windows(4).position(|octets| octets == b"\r\n\r\n").ok_or("no HTTP")?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(status.to_owned());
    }
    Ok(answer.split_off(end + 4))
}

/// All but letters and digits, which is more than must be.
fn percent_encoded(name: &str) -> String {
    let octet = |octet: u8| match octet {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(octet).to_string(),
        other => format!("%{other:02X}"),
    };
    name.bytes().map(octet).collect()
}

/// RFC 4648 §4, with padding.
fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in octets.chunks(3) {
        let number = three.iter().fold(0_u32, |number, octet| number << 8 | u32::from(*octet));
        let number = number << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_login_is_encoded_as_the_rfc_says() {
        for (octets, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("guest:guest", "Z3Vlc3Q6Z3Vlc3Q="),
        ] {
            assert_eq!(base64(octets.as_bytes()), text);
        }
        assert_eq!(percent_encoded("/a b"), "%2Fa%20b");
    }

    #[test]
    fn a_queue_is_declared_as_it_was_and_some_stay() {
        let listed = |value: Value| Listed::read(&value).unwrap();
        let orders = listed(json!({
            "name": "orders", "durable": true, "auto_delete": false, "exclusive": false, "type": "quorum",
            "arguments": {"x-queue-type": "quorum", "x-max-length": 7},
        }));
        let declaration = orders.declaration.clone().unwrap();
        assert!(declaration.durable && !declaration.auto_delete);
        assert_eq!(declaration.arguments.get("x-max-length").and_then(|max| max.as_i64()), Some(7));
        assert_eq!(orders.stays_because(), None);
        assert!(listed(json!({"name": "s", "type": "stream"})).stays_because().is_some());
        assert!(listed(json!({"name": "e", "exclusive": true})).stays_because().is_some());
        assert!(Listed::read(&json!({"durable": true})).is_err());
    }
}

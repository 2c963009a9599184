//! Logging in: the mechanisms of both sides (RabbitMQ's names for them).

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use warrener_codec::{Limits, LongStr, ShortStr, TableBuilder, TableRef, Value, grammar};

use crate::{Secret, Violation};

/// How a client logs in: a mechanism's name and its first response. `Debug` does not show the response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mechanism {
    /// The mechanism's name.
    pub name: ShortStr,
    /// What goes into start-ok.
    pub response: Secret,
}

impl Mechanism {
    /// PLAIN: user and password as they are (RFC 4616).
    #[must_use]
    pub fn plain(user: &str, password: &str) -> Self {
        let response: Vec<u8> = ["\0", user, "\0", password].concat().into();
        Self { name: ShortStr::from_static("PLAIN"), response: response.into() }
    }

    /// AMQPLAIN: user and password in a table (a relic of AMQP 0-8).
    #[must_use]
    pub fn amqplain(user: &str, password: &str) -> Self {
        let table = TableBuilder::new().with("LOGIN", user).with("PASSWORD", password).build();
        let response = table.unwrap_or_default().into_bytes();
        Self { name: ShortStr::from_static("AMQPLAIN"), response: response.into() }
    }

    /// EXTERNAL: who it is, the server knows from the TLS certificate (RFC 4422).
    #[must_use]
    pub fn external() -> Self {
        Self { name: ShortStr::from_static("EXTERNAL"), response: Secret::default() }
    }

    /// ANONYMOUS (RFC 4505).
    #[must_use]
    pub fn anonymous() -> Self {
        Self { name: ShortStr::from_static("ANONYMOUS"), response: Secret::default() }
    }
}

/// Who a client says it is.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials {
    /// PLAIN or AMQPLAIN.
    Password {
        /// The user.
        user: String,
        /// The password or token.
        password: Secret,
    },
    /// EXTERNAL: whoever the stream's certificate names.
    External,
    /// ANONYMOUS.
    Anonymous,
    /// Another mechanism's first response, for the host to take apart.
    Other(Secret),
}

/// The password is left out.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { user, .. } => {
                f.debug_struct("Password").field("user", user).finish_non_exhaustive()
            }
            Self::External => f.write_str("External"),
            Self::Anonymous => f.write_str("Anonymous"),
            Self::Other(_) => f.write_str("Other(..)"),
        }
    }
}

/// Takes start-ok apart: the mechanism must be one of those offered, its response well formed.
pub(crate) fn credentials(
    offered: &LongStr,
    mechanism: &ShortStr,
    response: LongStr,
) -> Result<Credentials, Violation> {
    if !names(offered).any(|name| name == mechanism.as_bytes()) {
        let known = [&b"PLAIN"[..], b"AMQPLAIN", b"EXTERNAL", b"ANONYMOUS"];
        return Err(Violation::Mechanism {
            name: mechanism.to_string(),
            known: known.contains(&mechanism.as_bytes()),
        });
    }
    match mechanism.as_bytes() {
        b"PLAIN" => plain(response),
        b"AMQPLAIN" => amqplain(&response),
        b"EXTERNAL" => Ok(Credentials::External),
        b"ANONYMOUS" => Ok(Credentials::Anonymous),
        _ => Ok(Credentials::Other(response.into())),
    }
}

/// Whether a server offers this mechanism.
pub(crate) fn is_offered(offered: &LongStr, mechanism: &ShortStr) -> bool {
    names(offered).any(|name| name == mechanism.as_bytes())
}

fn names(offered: &LongStr) -> impl Iterator<Item = &[u8]> {
    offered.as_bytes().split(|octet| *octet == b' ')
}

/// Two elements, each behind a zero octet; an authorisation identity must be empty.
fn plain(response: LongStr) -> Result<Credentials, Violation> {
    const MALFORMED: Violation = Violation::Credentials("response invalid");
    let response = response.into_bytes();
    let mut parts = response.split(|octet| *octet == 0);
    let (Some([]), Some(user), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(MALFORMED);
    };
    let user = core::str::from_utf8(user).map_err(|_| MALFORMED)?.to_string();
    let password = Secret::from(Bytes::copy_from_slice(password));
    Ok(Credentials::Password { user, password })
}

/// A field table without its length in front.
fn amqplain(response: &LongStr) -> Result<Credentials, Violation> {
    const MALFORMED: Violation = Violation::Credentials("AMQPLAIN auth info is no table");
    const MISSING: Violation =
        Violation::Credentials("AMQPLAIN auth info is missing LOGIN or PASSWORD field");
    const UNSUPPORTED: Violation = Violation::Credentials(
        "AMQPLAIN auth info uses unsupported type for LOGIN or PASSWORD field",
    );
    let len = u32::try_from(response.len()).map_err(|_| MALFORMED)?;
    let framed = [&len.to_be_bytes()[..], response.as_bytes()].concat();
    let limits = Limits::default();
    let parsed = grammar::table(&limits)(&framed);
    let table: TableRef<'_> = parsed.map(|(_, table)| table).map_err(|_| MALFORMED)?;
    let (login, password) = (table.get("LOGIN"), table.get("PASSWORD"));
    let (login, password) = login.zip(password).ok_or(MISSING)?;
    let (login, password) = octets(login).zip(octets(password)).ok_or(UNSUPPORTED)?;
    let user = core::str::from_utf8(login).map_err(|_| UNSUPPORTED)?.to_string();
    Ok(Credentials::Password { user, password: Secret::from(password) })
}

/// A long string or a byte array.
fn octets(value: Value<'_>) -> Option<&[u8]> {
    match value {
        Value::LongStr(octets) | Value::Bytes(octets) => Some(octets),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn judge(mechanism: &'static str, response: &[u8]) -> Result<Credentials, Violation> {
        let offered = LongStr::from_static("PLAIN AMQPLAIN EXTERNAL ANONYMOUS SCRAM");
        credentials(&offered, &ShortStr::from_static(mechanism), LongStr::from(response))
    }

    fn password(user: &str, password: &str) -> Credentials {
        Credentials::Password { user: user.into(), password: password.into() }
    }

    #[test]
    fn what_a_client_says_a_server_understands() {
        for mechanism in
            [Mechanism::plain("alice", "s\u{e9}same"), Mechanism::amqplain("alice", "s\u{e9}same")]
        {
            let name = if mechanism.name == "PLAIN" { "PLAIN" } else { "AMQPLAIN" };
            let judged = judge(name, mechanism.response.expose());
            assert_eq!(judged, Ok(password("alice", "s\u{e9}same")));
        }
        assert_eq!(judge("EXTERNAL", b""), Ok(Credentials::External));
        assert_eq!(judge("ANONYMOUS", b"trace"), Ok(Credentials::Anonymous));
        assert_eq!(judge("SCRAM", b"n,,"), Ok(Credentials::Other(Secret::from("n,,"))));
    }

    #[test]
    fn malformed_responses_are_refused_and_never_quoted() {
        for response in [&b""[..], b"\0user", b"\0u\0p\0more", b"as-alice\0u\0sesame", b"\0\xff\0p"]
        {
            let refused = judge("PLAIN", response).expect_err("malformed");
            assert_eq!(refused.to_string(), "response invalid");
        }
        let missing = TableBuilder::new().with("LOGIN", "alice").build().expect("fits");
        assert_eq!(
            judge("AMQPLAIN", missing.as_bytes()).expect_err("no password").to_string(),
            "AMQPLAIN auth info is missing LOGIN or PASSWORD field"
        );
        let number = TableBuilder::new().with("LOGIN", "alice").with("PASSWORD", 7).build();
        assert_eq!(
            judge("AMQPLAIN", number.expect("fits").as_bytes()).expect_err("a number").to_string(),
            "AMQPLAIN auth info uses unsupported type for LOGIN or PASSWORD field"
        );
        assert!(judge("AMQPLAIN", b"\x05LOG").is_err());
    }

    #[test]
    fn a_mechanism_must_be_offered() {
        let offered = LongStr::from_static("PLAIN");
        let refused = |name| {
            credentials(&offered, &ShortStr::from_static(name), LongStr::default())
                .expect_err("not offered")
                .to_string()
        };
        assert_eq!(refused("EXTERNAL"), "invalid authentication mechanism 'EXTERNAL'");
        assert_eq!(refused("LOTTERY"), "unknown authentication mechanism 'LOTTERY'");
    }

    #[test]
    fn secrets_do_not_show() {
        let shown =
            format!("{:?} {:?}", Mechanism::plain("alice", "sesame"), password("alice", "sesame"));
        assert!(!shown.contains("sesame"), "{shown}");
    }
}

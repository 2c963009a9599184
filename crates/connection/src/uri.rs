//! Connection URIs: `amqp://user:password@host:port/vhost?heartbeat=10`.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use crate::{ClientConfig, Mechanism};

/// Where a broker is and how to log in, as RabbitMQ's URI specification writes it.
///
/// ```
/// use warrener_connection::Uri;
///
/// let uri: Uri = "amqps://alice:s%C3%A9same@[::1]/shop?heartbeat=20&channel_max=8".parse()?;
/// assert!(uri.tls);
/// assert_eq!((uri.host.as_str(), uri.port), ("::1", 5671));
/// assert_eq!((uri.user.as_str(), uri.vhost.as_str()), ("alice", "shop"));
/// assert_eq!((uri.heartbeat_s, uri.channel_max), (Some(20), Some(8)));
/// # Ok::<(), warrener_connection::UriError>(())
/// ```
///
/// Everything has the default that clients agree on: user and password `guest`, port 5672 (5671 with TLS), vhost `/`.
/// A path that is only `/` means the vhost `/` as well: RabbitMQ's specification reads it as the empty name, but
/// nobody has such a vhost, and many write the slash.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uri {
    /// Whether the scheme is `amqps`.
    pub tls: bool,
    /// The user.
    pub user: String,
    /// The password; not shown by `Debug`.
    pub password: String,
    /// A name or an address, without the brackets of an IPv6 address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The virtual host.
    pub vhost: String,
    /// `heartbeat`: seconds, 0 for none.
    pub heartbeat_s: Option<u16>,
    /// `channel_max`.
    pub channel_max: Option<u16>,
    /// `frame_max`: octets.
    pub frame_max: Option<u32>,
    /// `connection_timeout`: how long connecting and logging in may take; written in milliseconds.
    pub connection_timeout: Option<Duration>,
    /// `auth_mechanism`, once for each: `plain`, `amqplain`, `external`, `anonymous`.
    pub auth_mechanisms: Vec<String>,
    /// All other parameters in their order (`cacertfile`, `certfile`, `keyfile`, `verify`,
    /// `server_name_indication`, …).
    pub others: Vec<(String, String)>,
}

/// Why a text is not a connection URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// It begins with something else than `amqp://` or `amqps://`.
    #[error("a connection URI begins with amqp:// or amqps://")]
    Scheme,
    /// A `%` without two hexadecimal digits, or octets that are not UTF-8.
    #[error("a percent sign must be followed by two hexadecimal digits that make UTF-8")]
    Percent,
    /// The port is no number from 1 to 65535.
    #[error("the port must be a number from 1 to 65535")]
    Port,
    /// An IPv6 address without its closing bracket, or with something behind it.
    #[error("an IPv6 address is written in brackets")]
    Host,
    /// More than one path segment: a slash in a vhost is written `%2F`.
    #[error("a slash in a virtual host is written %2F")]
    Vhost,
    /// A number that is none, or does not fit.
    #[error("the parameter {0} must be a number that fits")]
    Number(&'static str),
}

impl Uri {
    /// The configuration of a client that connects there: credentials, vhost and tuning.
    #[must_use]
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new(self.mechanism(), &self.vhost);
        config.heartbeat_s = self.heartbeat_s;
        config.channel_max = self.channel_max.unwrap_or(config.channel_max);
        config.frame_max = self.frame_max.unwrap_or(config.frame_max);
        config.handshake_timeout = self.connection_timeout.unwrap_or(config.handshake_timeout);
        config
    }

    /// The first mechanism asked for that this crate knows; PLAIN when none is.
    fn mechanism(&self) -> Mechanism {
        let (user, password) = (self.user.as_str(), self.password.as_str());
        let known = |name: &String| match name.to_ascii_uppercase().as_str() {
            "PLAIN" => Some(Mechanism::plain(user, password)),
            "AMQPLAIN" => Some(Mechanism::amqplain(user, password)),
            "EXTERNAL" => Some(Mechanism::external()),
            "ANONYMOUS" => Some(Mechanism::anonymous()),
            _ => None,
        };
        let asked = self.auth_mechanisms.iter().find_map(known);
        asked.unwrap_or_else(|| Mechanism::plain(user, password))
    }
}

impl Default for Uri {
    /// `amqp://guest:guest@localhost:5672/%2F`
    fn default() -> Self {
        Self {
            tls: false,
            user: "guest".to_owned(),
            password: "guest".to_owned(),
            host: "localhost".to_owned(),
            port: 5672,
            vhost: "/".to_owned(),
            heartbeat_s: None,
            channel_max: None,
            frame_max: None,
            connection_timeout: None,
            auth_mechanisms: Vec::new(),
            others: Vec::new(),
        }
    }
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let mut uri = Self::default();
        let (scheme, rest) = text.split_once("://").ok_or(UriError::Scheme)?;
        uri.tls = match scheme.to_ascii_lowercase().as_str() {
            "amqp" => false,
            "amqps" => true,
            _ => return Err(UriError::Scheme),
        };
        uri.port = if uri.tls { 5671 } else { 5672 };
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        uri.read_authority(authority)?;
        uri.read_path(path)?;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            uri.read_parameter(&decoded(name)?, decoded(value)?)?;
        }
        Ok(uri)
    }
}

impl Uri {
    fn read_authority(&mut self, authority: &str) -> Result<(), UriError> {
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        if let Some(login) = login {
            let (user, password) = match login.split_once(':') {
                Some((user, password)) => (user, Some(password)),
                None => (login, None),
            };
            self.user = decoded(user)?;
            self.password = password.map(decoded).transpose()?.unwrap_or_default();
        }
        let (host, port) = split_port(place)?;
        if !host.is_empty() {
            self.host = decoded(host)?;
        }
        if let Some(port) = port.filter(|port| !port.is_empty()) {
            self.port = port.parse().ok().filter(|port| *port > 0).ok_or(UriError::Port)?;
        }
        Ok(())
    }

    fn read_path(&mut self, path: &str) -> Result<(), UriError> {
        if path.contains('/') {
            return Err(UriError::Vhost);
        }
        if !path.is_empty() {
            self.vhost = decoded(path)?;
        }
        Ok(())
    }

    fn read_parameter(&mut self, name: &str, value: String) -> Result<(), UriError> {
        match name {
            "heartbeat" => self.heartbeat_s = Some(number("heartbeat", &value)?),
            "channel_max" => self.channel_max = Some(number("channel_max", &value)?),
            "frame_max" => self.frame_max = Some(number("frame_max", &value)?),
            "connection_timeout" => {
                let millis = number("connection_timeout", &value)?;
                self.connection_timeout = Some(Duration::from_millis(millis));
            }
            "auth_mechanism" => self.auth_mechanisms.push(value),
            _ => self.others.push((name.to_owned(), value)),
        }
        Ok(())
    }
}

/// The password is left out.
impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uri")
            .field("tls", &self.tls)
            .field("user", &self.user)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("vhost", &self.vhost)
            .finish_non_exhaustive()
    }
}

fn split_port(place: &str) -> Result<(&str, Option<&str>), UriError> {
    let Some(bracketed) = place.strip_prefix('[') else {
        return Ok(match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        });
    };
    let (host, rest) = bracketed.split_once(']').ok_or(UriError::Host)?;
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(UriError::Host),
    }
}

fn number<N: FromStr>(name: &'static str, value: &str) -> Result<N, UriError> {
    value.parse().map_err(|_| UriError::Number(name))
}

fn decoded(text: &str) -> Result<String, UriError> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let (high, low) = digit().zip(digit()).ok_or(UriError::Percent)?;
            octets.push((high * 16 + low) as u8);
        } else {
            octets.push(octet);
        }
    }
    String::from_utf8(octets).map_err(|_| UriError::Percent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn parse(text: &str) -> Uri {
        text.parse().expect("a connection URI")
    }

    /// The examples of RabbitMQ's URI specification, in its order.
    #[test]
    fn rabbitmqs_examples() {
        let uri = parse("amqp://user:pass@host:10000/vhost");
        assert_eq!((uri.user.as_str(), uri.password.as_str()), ("user", "pass"));
        assert_eq!((uri.host.as_str(), uri.port, uri.vhost.as_str()), ("host", 10_000, "vhost"));
        let uri = parse("amqp://user%61:%61pass@ho%61st:10000/v%2Fhost");
        assert_eq!((uri.user.as_str(), uri.password.as_str()), ("usera", "apass"));
        assert_eq!((uri.host.as_str(), uri.vhost.as_str()), ("hoast", "v/host"));
        assert_eq!(parse("amqp://"), Uri::default());
        assert_eq!(parse("amqp://:@/").user, "");
        assert_eq!(parse("amqp://user@").user, "user");
        assert_eq!(parse("amqp://user:pass@").password, "pass");
        assert_eq!(parse("amqp://host").host, "host");
        assert_eq!(parse("amqp://:10000").port, 10_000);
        assert_eq!(parse("amqp:///vhost").vhost, "vhost");
        assert_eq!(parse("amqp://host/").vhost, "/");
        assert_eq!(parse("amqp://host/%2F").vhost, "/");
        assert_eq!(parse("amqp://[::1]").host, "::1");
        assert_eq!(parse("amqp://[::1]:1234/x").port, 1234);
    }

    #[test]
    fn parameters_are_read_and_unknown_ones_kept() {
        let uri = parse(
            "amqps://h/v?heartbeat=0&frame_max=8192&connection_timeout=1500&auth_mechanism=amqplain&verify=verify_peer&x",
        );
        assert_eq!(uri.heartbeat_s, Some(0));
        assert_eq!(uri.frame_max, Some(8192));
        assert_eq!(uri.connection_timeout, Some(Duration::from_millis(1500)));
        assert_eq!(uri.auth_mechanisms, ["amqplain"]);
        assert_eq!(uri.others.len(), 2);
        assert_eq!(uri.others[0], ("verify".into(), "verify_peer".into()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let refused = |text: &str| text.parse::<Uri>().expect_err(text);
        assert_eq!(refused("http://host"), UriError::Scheme);
        assert_eq!(refused("localhost"), UriError::Scheme);
        assert_eq!(refused("amqp://h:0"), UriError::Port);
        assert_eq!(refused("amqp://h:x"), UriError::Port);
        assert_eq!(refused("amqp://[::1"), UriError::Host);
        assert_eq!(refused("amqp://[::1]x"), UriError::Host);
        assert_eq!(refused("amqp://h/a/b"), UriError::Vhost);
        assert_eq!(refused("amqp://h/%2"), UriError::Percent);
        assert_eq!(refused("amqp://h/%ff"), UriError::Percent);
        assert_eq!(refused("amqp://h?heartbeat=70000"), UriError::Number("heartbeat"));
    }

    #[test]
    fn the_password_does_not_show() {
        let shown = format!("{:?}", parse("amqp://alice:sesame@host"));
        assert!(shown.contains("alice") && !shown.contains("sesame"), "{shown}");
    }
}

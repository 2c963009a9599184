//! Telling systemd, or whoever started us by its protocol, how far we are: `sd_notify(3)` in a few lines, without its library.

use std::ffi::OsString;

/// Where to tell; nowhere unless somebody wants to know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notifier(Option<OsString>);

/// The variable of the environment that says where.
pub(crate) const SOCKET: &str = "NOTIFY_SOCKET";

impl Notifier {
    /// Tells it to the socket of this name: a path, or behind an `@` a name of Linux's own.
    pub(crate) fn new(socket: Option<OsString>) -> Self {
        Self(socket.filter(|name| !name.is_empty()))
    }

    /// Connections are accepted.
    pub(crate) fn ready(&self) {
        self.tell("READY=1\nSTATUS=Connections are accepted");
    }

    /// The end has begun.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=Closing connections");
    }

    /// Whoever listens may be gone; that is no reason to stop.
    #[cfg(unix)]
    fn tell(&self, state: &str) {
        use std::os::unix::net::UnixDatagram;
        let Some(name) = &self.0 else { return };
        let told = UnixDatagram::unbound().and_then(|socket| send(&socket, name, state));
        if let Err(error) = told {
            tracing::warn!("cannot tell {SOCKET} how far the broker is: {error}");
        }
    }

    #[cfg(not(unix))]
    fn tell(&self, _state: &str) {}
}

#[cfg(target_os = "linux")]
fn send(
    socket: &std::os::unix::net::UnixDatagram,
    name: &std::ffi::OsStr,
    state: &str,
) -> std::io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::SocketAddr;
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    socket.send_to_addr(state.as_bytes(), &address).map(drop)
}

#[cfg(all(unix, not(target_os = "linux")))]
fn send(
    socket: &std::os::unix::net::UnixDatagram,
    name: &std::ffi::OsStr,
    state: &str,
) -> std::io::Result<()> {
    socket.send_to(state.as_bytes(), name).map(drop)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut octets = [0; 256];
        let count = socket.recv(&mut octets).unwrap();
        String::from_utf8(octets[..count].to_vec()).unwrap()
    }

    #[test]
    fn what_is_told_arrives_at_a_path_and_at_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        Notifier::new(Some(path.into())).ready();
        assert!(heard(&by_path).starts_with("READY=1\n"));

        let name = format!("warrener-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
        let by_name = UnixDatagram::bind_addr(&address).unwrap();
        Notifier::new(Some(format!("@{name}").into())).stopping();
        assert!(heard(&by_name).starts_with("STOPPING=1\n"));
        // Nobody, and nobody any more.
        Notifier::new(None).ready();
        Notifier::new(Some("/nowhere/notify".into())).ready();
    }
}

//! How the operating system notices that a peer has vanished without a word, even one that wants no heartbeats.

use std::io;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use crate::config::TcpConfig;

/// Has the operating system watch over the peer. Where it cannot, heartbeats remain.
pub(crate) fn set(socket: &TcpStream, config: &TcpConfig) {
    if let Err(error) = try_set(socket, config) {
        tracing::debug!("TCP keepalive cannot be had: {error}");
    }
}

fn try_set(socket: &TcpStream, config: &TcpConfig) -> io::Result<()> {
    let socket = SockRef::from(socket);
    let keepalive = TcpKeepalive::new()
        .with_time(config.keepalive_after)
        .with_interval(config.keepalive_every)
        .with_retries(config.keepalive_probes);
    socket.set_tcp_keepalive(&keepalive)?;
    // Without it, what waits to be acknowledged is sent again for a quarter of an hour, and no probe is sent meanwhile.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(config.user_timeout))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_vanished_peer_is_gone_within_three_minutes_by_default() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connecting = TcpStream::connect(listener.local_addr().unwrap());
        let (_peer, accepted) = tokio::join!(connecting, listener.accept());
        let (socket, _) = accepted.unwrap();
        set(&socket, &TcpConfig::default());

        let socket = SockRef::from(&socket);
        assert!(socket.keepalive().unwrap());
        let after = socket.tcp_keepalive_time().unwrap();
        let every = socket.tcp_keepalive_interval().unwrap();
        let probes = socket.tcp_keepalive_retries().unwrap();
        let limit = Duration::from_secs(180);
        assert!(after + every * (probes + 1) <= limit);
        #[cfg(target_os = "linux")]
        assert!(socket.tcp_user_timeout().unwrap().is_some_and(|timeout| timeout + every <= limit));
    }
}

//! An embedder of the server that lets in whom it likes.

use core::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use warrener_codec::ShortStr;
use warrener_server::{Authentication, Checked, Config, Http, Listen, Secret, Server, User};

/// Lets in as `ann` whoever has a token of hers.
#[derive(Debug)]
struct Tokens;

impl Authentication for Tokens {
    fn check<'a>(&'a self, name: &'a str, password: &'a Secret) -> Checked<'a> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            match password.expose() {
                b"token of ann" if name.is_empty() => Ok(ShortStr::from_static("ann")),
                b"token of eve" => Ok(ShortStr::from_static("eve")),
                _ => Err("no token of anybody's".into()),
            }
        })
    }
}

/// The class and number of the method that a login is answered with, and the method's octets.
async fn answer(address: SocketAddr, name: &str, password: &str) -> ([u8; 4], Vec<u8>) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"AMQP\0\0\x09\x01").await.unwrap();
    assert_eq!(method(&mut socket).await.0, [0, 10, 0, 10]);
    let response = format!("\0{name}\0{password}");
    let mut payload = vec![0, 10, 0, 11];
    payload.extend(b"\0\0\0\x31\x0ccapabilitiesF\0\0\0\x1f\x1cauthentication_failure_closet\x01");
    payload.extend(b"\x05PLAIN");
    payload.extend((response.len() as u32).to_be_bytes());
    payload.extend(response.as_bytes());
    payload.extend(b"\x05en_US");
    let mut frame = vec![1, 0, 0];
    frame.extend((payload.len() as u32).to_be_bytes());
    frame.extend(payload);
    frame.push(0xCE);
    socket.write_all(&frame).await.unwrap();
    method(&mut socket).await
}

async fn method(socket: &mut TcpStream) -> ([u8; 4], Vec<u8>) {
    let mut head = [0; 7];
    socket.read_exact(&mut head).await.unwrap();
    let [.., s3, s2, s1, s0] = head;
    let mut payload = vec![0; u32::from_be_bytes([s3, s2, s1, s0]) as usize + 1];
    socket.read_exact(&mut payload).await.unwrap();
    (payload[..4].try_into().unwrap(), payload[4..].to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_somebody_elses_to_know() {
    const TUNE: [u8; 4] = [0, 10, 0, 30];
    const CLOSE: [u8; 4] = [0, 10, 0, 50];
    let mut config = Config::in_memory();
    config.listen = Listen::On(vec![([127, 0, 0, 1], 0).into()]);
    (config.management, config.metrics) = (Http::Off, Http::Off);
    config.users = vec![User::new("ann", "of no use").unwrap()];
    config.authentication = Some(Arc::new(Tokens));
    let server = Server::start(config).await.unwrap();
    let address = server.addresses()[0];
    let (end, ended) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async move { drop(ended.await) }));
    assert_eq!(answer(address, "", "token of ann").await.0, TUNE);
    // Whoever the broker does not know is not let in, and neither is whoever knows the password that it keeps.
    for (name, password) in [("", "token of eve"), ("ann", "of no use"), ("guest", "guest")] {
        let (ids, said) = answer(address, name, password).await;
        assert_eq!((ids, &said[..2]), (CLOSE, &[1, 147][..]), "{name} {password}: 403");
    }
    end.send(()).unwrap();
    running.await.unwrap().unwrap();
}

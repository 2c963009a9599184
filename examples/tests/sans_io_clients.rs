//! The sans-IO clients, against a server that is made of the same machine.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::UNIX_EPOCH;

use bytes::{Buf, BytesMut};
use warrener_connection::testing::Loopback;
use warrener_connection::{ServerConfig, Uri};
use warrener_time::Time;

#[expect(dead_code, reason = "main is for the command line")]
#[path = "../examples/sans_io_client_threads.rs"]
mod threads;
#[expect(dead_code, reason = "main is for the command line")]
#[path = "../examples/sans_io_client_tokio.rs"]
mod tokio;

#[test]
fn a_client_of_plain_threads_publishes_to_itself() {
    assert_eq!(threads::run(&server()).expect("a conversation"), "a message");
}

#[test]
fn a_client_on_tokio_publishes_to_itself() {
    let runtime = ::tokio::runtime::Builder::new_current_thread().enable_all().build();
    let received = runtime.expect("a runtime").block_on(tokio::run(&server()));
    assert_eq!(received.expect("a conversation"), "a message");
}

#[test]
fn a_wrong_password_is_said() {
    let mut uri = server();
    uri.password = "wrong".to_owned();
    let refused = threads::run(&uri).expect_err("refused");
    assert!(
        refused.to_string().starts_with("403: ACCESS_REFUSED - Login was refused"),
        "{refused}"
    );
}

/// A server for one connection.
fn server() -> Uri {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    #[expect(clippy::disallowed_methods, reason = "a server of its own for each test")]
    std::thread::spawn(move || serve(listener.accept().expect("a client").0));
    format!("amqp://guest:guest@127.0.0.1:{port}").parse().expect("a URI")
}

fn serve(mut stream: TcpStream) {
    let mut broker = Loopback::new(ServerConfig::new(), now());
    let (mut input, mut buffer) = (BytesMut::new(), [0; 4096]);
    while !broker.connection.is_finished() {
        let Ok(count @ 1..) = stream.read(&mut buffer) else { return };
        input.extend_from_slice(&buffer[..count]);
        broker.handle_bytes(now(), &mut input).expect("a lawful client");
        std::io::copy(&mut broker.connection.outgoing().reader(), &mut stream).expect("a reader");
    }
    stream.flush().expect("a reader");
}

fn now() -> Time {
    Time::from_micros(UNIX_EPOCH.elapsed().expect("after 1970").as_micros() as u64)
}

//! From the first octet to an open connection.

mod world;

use core::time::Duration;

use warrener_codec::method::connection;
use warrener_codec::{
    ChannelId, Decoder, Frame, Limits, Method, ProtocolHeader, ShortStr, TableBuilder,
};
use warrener_connection::{ClientConfig, Mechanism};
use world::World;
use world::client::{ONE, declaration, octets};

fn client(user: &str, password: &str, vhost: &str) -> ClientConfig {
    ClientConfig::new(Mechanism::plain(user, password), vhost)
}

#[test]
fn a_client_logs_in_and_the_broker_knows_it() {
    let mut world = World::new();
    let client = world.connect();
    assert_eq!(world.broker.view().connections(), 1);
    assert_eq!(world.peers[client].endpoint.user().as_bytes(), b"guest");
    assert_eq!(world.peers[client].endpoint.name().as_bytes(), b"stream 0");
    assert!(world.peers[client].endpoint.is_open());
}

#[test]
fn a_client_that_has_a_name_is_known_by_it() {
    let mut world = World::new();
    let mut config = client("guest", "guest", "/");
    config.client_properties =
        TableBuilder::new().with("connection_name", "billing").build().expect("small");
    let billing = world.arrive(config);
    world.run();
    assert_eq!(world.peers[billing].endpoint.name().as_bytes(), b"billing");
}

#[test]
fn a_wrong_password_is_refused_in_words_to_a_client_that_wants_words() {
    let mut world = World::new();
    let index = world.arrive(client("guest", "sesame", "/"));
    world.run();
    assert_eq!(world.client(index).names(), ["introduced", "closed 403"]);
    assert!(world.peers[index].endpoint.is_finished());
    assert_eq!(world.broker.view().connections(), 0);
}

#[test]
fn a_wrong_password_is_refused_in_silence_to_any_other_client_after_a_pause() {
    let mut world = World::new();
    let mut config = client("guest", "sesame", "/");
    config.client_properties = TableBuilder::new().build().expect("small");
    let index = world.arrive(config);
    world.run();
    assert_eq!(world.client(index).names(), ["introduced"]);
    assert!(!world.peers[index].endpoint.is_finished());
    world.pass(Duration::from_secs(3));
    assert_eq!(world.client(index).names(), [""; 0]);
    assert!(world.peers[index].endpoint.is_finished());
}

#[test]
fn a_virtual_host_that_is_not_there_is_refused_by_the_broker() {
    let mut world = World::new();
    let index = world.arrive(client("guest", "guest", "nowhere"));
    world.run();
    assert_eq!(world.client(index).names(), ["introduced", "closed 530"]);
    let ending = world.peers[index].endpoint.ending().expect("it was closed");
    assert_eq!(ending.to_string(), "530: NOT_ALLOWED - vhost nowhere not found (connection.open)");
}

#[test]
fn whoever_says_nothing_is_cut_off() {
    let mut world = World::new();
    let index = world.arrive(ClientConfig::default());
    world.pass(Duration::from_secs(9));
    // Its octets have come by now, so the next one is the silent one.
    let silent = world.peers.len();
    world.arrive(ClientConfig::default());
    world.peers[silent].client.octets();
    world.pass(Duration::from_secs(10));
    assert!(!world.peers[index].endpoint.is_finished());
    assert!(world.peers[silent].endpoint.is_finished());
}

#[test]
fn a_client_may_say_everything_at_once() {
    let mut world = World::new();
    let index = world.arrive(ClientConfig::default());
    world.peers[index].client.octets();
    world.peers[index].reads = false;

    let mut all = bytes::BytesMut::new();
    ProtocolHeader::V0_9_1.encode(&mut all);
    let mechanism = Mechanism::plain("guest", "guest");
    let start_ok = connection::StartOk {
        client_properties: ClientConfig::default().client_properties,
        mechanism: mechanism.name.clone(),
        response: mechanism.response.into_inner(),
        locale: ShortStr::from_static("en_US"),
    };
    let zero = ChannelId::CONNECTION;
    Method::ConnectionStartOk(start_ok.into()).encode(zero, &mut all);
    let tune_ok = connection::TuneOk { channel_max: 2047, frame_max: 131_072, heartbeat: 60 };
    Method::from(tune_ok).encode(zero, &mut all);
    let open = connection::Open { virtual_host: ShortStr::from_static("/") };
    Method::from(open).encode(zero, &mut all);
    // A channel that is opened and closed before the first answer was read.
    Method::ChannelOpen.encode(ONE, &mut all);
    let close = warrener_connection::Close::goodbye();
    let close = warrener_codec::method::channel::Close {
        reply_code: close.code,
        reply_text: close.text,
        class_id: 0,
        method_id: 0,
    };
    Method::from(close).encode(ONE, &mut all);
    Method::ChannelOpen.encode(ONE, &mut all);
    Method::from(declaration("q")).encode(ONE, &mut all);
    world.feed(index, &all);

    let mut said = octets(world.peers[index].endpoint.outgoing());
    let mut decoder = Decoder::new(Limits::default());
    let mut names = Vec::new();
    while let Some(frame) = decoder.decode(&mut said).expect("frames") {
        let Frame::Method(_, method) = frame else { panic!("{frame:?}") };
        names.push(method.name());
    }
    assert_eq!(
        names,
        [
            "connection.start",
            "connection.tune",
            "connection.open-ok",
            "channel.open-ok",
            "channel.close-ok",
            "channel.open-ok",
            "queue.declare-ok",
        ]
    );
}

//! From the first octet to an open connection, in both roles.

use core::time::Duration;

use warrener_codec::method::connection;
use warrener_codec::{ChannelId, LongStr, Method, TableBuilder};
use warrener_connection::testing::{Pair, Peer};
use warrener_connection::{
    Blame, ClientConfig, Close, ConnectionError, Credentials, Decision, Event, Initiator,
    Mechanism, Phase, ReplyCode, Secret, ServerConfig, Timer, Tune, Violation,
};

fn closed(events: &[Event]) -> &Close {
    match events {
        [.., Event::Closed(close)] => close,
        other => panic!("expected the end, got {other:?}"),
    }
}

#[test]
fn a_client_logs_in_and_opens_its_virtual_host() {
    let mut pair = Pair::new(
        ClientConfig::new(Mechanism::plain("alice", "sesame"), "shop"),
        ServerConfig::new(),
    );
    pair.drive();
    let asked = pair.server.events();
    let [Event::Authenticate(login)] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(login.mechanism, "PLAIN");
    assert_eq!(
        login.credentials,
        Credentials::Password { user: "alice".into(), password: "sesame".into() }
    );
    assert!(login.capabilities.authentication_failure_close);
    assert!(login.capabilities.publisher_confirms);
    pair.server.decide(pair.now(), Decision::Accept);
    pair.drive();
    assert_eq!(pair.server.events(), [Event::Open { vhost: "shop".try_into().unwrap() }]);
    assert!(!pair.server.connection.is_open());
    pair.server.decide(pair.now(), Decision::Accept);
    assert_eq!(pair.server.events(), [Event::Ready(Tune::DEFAULT)]);
    pair.drive();
    let told = pair.client.events();
    assert!(matches!(&told[..], [Event::Introduced(_), Event::Ready(Tune::DEFAULT)]), "{told:?}");
    assert!(pair.client.connection.is_open() && pair.server.connection.is_open());
}

#[test]
fn every_octet_may_come_alone() {
    let mut pair = Pair::new(ClientConfig::default(), ServerConfig::new());
    pair.chunk = 1;
    pair.drive();
    assert!(matches!(pair.server.events()[..], [Event::Authenticate(_)]));
    pair.server.decide(pair.now(), Decision::Accept);
    pair.drive();
    assert!(matches!(pair.server.events()[..], [Event::Open { .. }]));
}

#[test]
fn the_host_may_take_its_time_to_decide() {
    let mut pair = Pair::new(ClientConfig::default(), ServerConfig::new());
    pair.drive();
    assert_eq!(pair.server.events().len(), 1);
    assert!(!pair.server.connection.wants_read());
    pair.advance(Duration::from_secs(9));
    assert!(pair.server.events().is_empty() && pair.client.events().len() == 1);
    pair.server.decide(pair.now(), Decision::Accept);
    assert!(pair.server.connection.wants_read());
    pair.drive();
    assert!(matches!(pair.server.events()[..], [Event::Open { .. }]));
}

#[test]
fn a_client_that_does_not_wait_for_answers_is_served_in_order() {
    let mut peer = Peer::of_server(ServerConfig::new());
    let mut octets = b"AMQP\x00\x00\x09\x01".to_vec();
    let config = ClientConfig::default();
    let methods: [Method; 4] = [
        connection::StartOk {
            client_properties: config.client_properties,
            mechanism: "PLAIN".try_into().unwrap(),
            response: LongStr::from("\0guest\0guest"),
            locale: "en_US".try_into().unwrap(),
        }
        .into(),
        connection::TuneOk { channel_max: 10, frame_max: 8192, heartbeat: 7 }.into(),
        connection::Open { virtual_host: "/".try_into().unwrap() }.into(),
        Method::ChannelOpen,
    ];
    for (index, method) in methods.iter().enumerate() {
        method.encode(ChannelId::new(u16::from(index == 3)), &mut octets);
    }
    peer.send_bytes(&octets);
    assert!(matches!(peer.events()[..], [Event::Authenticate(_)]));
    peer.decide(Decision::Accept);
    assert!(matches!(peer.events()[..], [Event::Open { .. }]));
    peer.decide(Decision::Accept);
    let tune = Tune { channel_max: 10, frame_max: 8192, heartbeat_s: 7 };
    assert_eq!(peer.events(), [Event::Ready(tune), Event::ChannelOpened(ChannelId::new(1))]);
}

#[test]
fn amqplain_external_and_anonymous_are_understood() {
    let mut server = ServerConfig::new();
    server.mechanisms = LongStr::from("PLAIN AMQPLAIN EXTERNAL ANONYMOUS");
    let said = |mechanism| {
        let mut pair = Pair::new(ClientConfig::new(mechanism, "/"), server.clone());
        pair.drive();
        match &pair.server.events()[..] {
            [Event::Authenticate(login)] => login.credentials.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        said(Mechanism::amqplain("alice", "sesame")),
        Credentials::Password { user: "alice".into(), password: "sesame".into() }
    );
    assert_eq!(said(Mechanism::external()), Credentials::External);
    assert_eq!(said(Mechanism::anonymous()), Credentials::Anonymous);
}

#[test]
fn a_mechanism_of_many_rounds_goes_through_secure_and_secure_ok() {
    let mut server = ServerConfig::new();
    server.mechanisms = LongStr::from("RABBIT-CR-DEMO");
    let mechanism =
        Mechanism { name: "RABBIT-CR-DEMO".try_into().unwrap(), response: Secret::from("alice") };
    let mut pair = Pair::new(ClientConfig::new(mechanism, "/"), server);
    pair.drive();
    let asked = pair.server.events();
    let [Event::Authenticate(login)] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(login.credentials, Credentials::Other("alice".into()));
    for round in ["Please tell me your password", "And now your mother's name"] {
        pair.server.decide(pair.now(), Decision::Challenge(LongStr::from(round)));
        pair.drive();
        let told = pair.client.events();
        assert_eq!(told.last(), Some(&Event::Challenge(LongStr::from(round))));
        pair.client.connection.respond("My password is sesame").unwrap();
        pair.drive();
        assert_eq!(pair.server.events(), [Event::Response("My password is sesame".into())]);
    }
    pair.server.decide(pair.now(), Decision::Accept);
    pair.drive();
    assert!(matches!(pair.server.events()[..], [Event::Open { .. }]));
}

#[test]
fn a_client_answers_only_what_is_asked() {
    let mut pair = Pair::new(ClientConfig::default(), ServerConfig::new());
    pair.drive();
    assert!(pair.client.connection.respond("?").is_err());
    assert!(pair.client.connection.decide(pair.now(), Decision::Accept).is_err());
    assert!(pair.server.connection.respond("?").is_err());
    pair.server.decide(pair.now(), Decision::Accept);
    assert!(pair.server.connection.decide(pair.now(), Decision::Accept).is_err());
}

#[test]
fn a_refused_login_is_said_to_a_client_that_wants_to_hear_it() {
    let mut pair = Pair::new(ClientConfig::default(), ServerConfig::new());
    pair.drive();
    pair.server.events();
    let refusal = Decision::refuse_login(&"PLAIN".try_into().unwrap());
    pair.server.decide(pair.now(), refusal);
    pair.drive();
    let told = pair.client.events();
    let close = closed(&told);
    assert_eq!((close.by, close.code), (Initiator::Peer, ReplyCode::ACCESS_REFUSED));
    assert_eq!((close.class_id, close.method_id), (0, 0));
    assert_eq!(
        close.text,
        "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile."
    );
    pair.client.connection.finish_close();
    pair.drive();
    assert_eq!(closed(&pair.server.events()).by, Initiator::Local);
    assert!(pair.server.connection.is_finished() && pair.client.connection.is_finished());
}

#[test]
fn a_refused_login_is_silence_and_a_pause_to_any_other() {
    let mut config = ClientConfig::default();
    config.client_properties = TableBuilder::new().with("product", "old").build().unwrap();
    let mut pair = Pair::new(config, ServerConfig::new());
    pair.drive();
    pair.server.events();
    pair.server.decide(pair.now(), Decision::refuse_login(&"PLAIN".try_into().unwrap()));
    assert_eq!(closed(&pair.server.events()).by, Initiator::Library);
    assert_eq!(pair.server.connection.error(), Some(&ConnectionError::Refused));
    pair.advance(Duration::from_millis(2_900));
    assert!(!pair.server.connection.is_finished());
    assert_eq!(pair.server.connection.poll_timeout().unwrap().1, Timer::Pause);
    pair.advance(Duration::from_millis(200));
    assert!(pair.server.connection.is_finished());
    pair.client.events();
    assert_eq!(pair.client.connection.error(), Some(&ConnectionError::Eof(Phase::Starting)));
}

#[test]
fn malformed_credentials_are_refused_like_a_wrong_password() {
    for (capable, said) in [(true, true), (false, false)] {
        let mut config = ClientConfig::default();
        config.mechanism.response = "\0guest\0sesame\0more".into();
        if !capable {
            config.client_properties = TableBuilder::new().build().unwrap();
        }
        let mut pair = Pair::new(config, ServerConfig::new());
        pair.drive();
        let error = pair.server.connection.error().expect("a violation").clone();
        assert_eq!(error.code(), Some(ReplyCode::SYNTAX_ERROR));
        assert!(!format!("{error} {error:?}").contains("sesame"));
        let told = pair.client.events();
        if said {
            assert_eq!(closed(&told).text, "SYNTAX_ERROR - response invalid");
        } else {
            assert!(matches!(told[..], [Event::Introduced(_)]), "{told:?}");
        }
    }
}

#[test]
fn a_mechanism_that_is_not_offered_is_refused() {
    let mut peer = Peer::of_server(ServerConfig::new());
    peer.send_bytes(b"AMQP\x00\x00\x09\x01");
    peer.expect_method(0);
    peer.send_method(
        0,
        connection::StartOk {
            client_properties: ClientConfig::default().client_properties,
            mechanism: "EXTERNAL".try_into().unwrap(),
            response: LongStr::default(),
            locale: "en_US".try_into().unwrap(),
        },
    );
    peer.expect_close(503, "COMMAND_INVALID - invalid authentication mechanism 'EXTERNAL'", (0, 0));
}

#[test]
fn a_client_without_a_common_mechanism_hangs_up() {
    let mut peer = Peer::of_client(ClientConfig::default());
    peer.expect_header();
    peer.start("EXTERNAL SCRAM-SHA-256");
    peer.expect_silence();
    assert!(peer.connection.is_finished());
    assert_eq!(peer.connection.error(), Some(&Violation::NoMechanism.into()));
}

#[test]
fn a_virtual_host_is_refused_in_the_hosts_words_with_the_right_method() {
    let mut pair = Pair::new(ClientConfig::default(), ServerConfig::new());
    pair.drive();
    pair.server.events();
    pair.server.decide(pair.now(), Decision::Accept);
    pair.drive();
    pair.server.events();
    let refusal = Close::new(ReplyCode::NOT_ALLOWED, "vhost shop not found");
    pair.server.decide(pair.now(), Decision::Refuse(refusal));
    pair.drive();
    let told = pair.client.events();
    let close = closed(&told);
    assert_eq!(close.text, "NOT_ALLOWED - vhost shop not found");
    assert_eq!((close.code.number(), close.class_id, close.method_id), (530, 10, 40));
}

#[test]
fn a_wrong_protocol_header_is_answered_with_the_right_one() {
    for header in [
        &b"AMQP\x00\x00\x09\x00"[..],
        b"AMQP\x03\x01\x00\x00",
        b"AMQP\x01\x01\x08\x00",
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
    ] {
        let mut peer = Peer::of_server(ServerConfig::new());
        let error = peer.try_send_bytes(header).expect_err("a wrong header");
        assert_eq!(error.blame(), Blame::Peer);
        assert_eq!(error.code(), None);
        peer.expect_header();
        assert!(peer.connection.is_finished());
        assert_eq!(peer.events().len(), 1);
        assert_eq!(peer.try_send_bytes(b"more"), Err(error));
    }
}

#[test]
fn a_wrong_header_shows_in_its_first_octet() {
    let mut peer = Peer::of_server(ServerConfig::new());
    assert!(peer.try_send_bytes(b"AMQ").is_ok());
    assert!(peer.try_send_bytes(b"X").is_err());
}

#[test]
fn a_health_check_that_says_nothing_is_no_violation() {
    let mut peer = Peer::of_server(ServerConfig::new());
    peer.connection.handle_eof(peer.now);
    assert_eq!(peer.connection.error(), Some(&ConnectionError::Eof(Phase::Header)));
    assert!(peer.connection.is_finished());
    peer.expect_silence();
}

#[test]
fn a_client_understands_that_the_server_speaks_something_else() {
    let mut peer = Peer::of_client(ClientConfig::default());
    peer.expect_header();
    let error = peer.try_send_bytes(b"AMQP\x00\x01\x00\x00").expect_err("another protocol");
    assert!(error.to_string().contains("AMQP 0 1 0 0"), "{error}");
    peer.expect_silence();
    assert!(peer.connection.is_finished());
}

#[test]
fn tune_ok_out_of_bounds_is_refused() {
    let refused = |channel_max, frame_max, text: &str| {
        let mut peer = Peer::of_server(ServerConfig::new());
        peer.log_in();
        peer.send_method(0, connection::TuneOk { channel_max, frame_max, heartbeat: 0 });
        peer.expect_close(530, &format!("NOT_ALLOWED - negotiated {text}"), (10, 31));
    };
    refused(0, 4095, "frame_max = 4095 is lower than the minimum allowed value (4096)");
    refused(0, 131_073, "frame_max = 131073 is higher than the maximum allowed value (131072)");
    refused(2048, 0, "channel_max = 2048 is higher than the maximum allowed value (2047)");
}

#[test]
fn the_clients_tune_ok_wins_within_the_offer() {
    for (answer, settled) in [
        ((1, 4096, 0), (1, 4096, 0)),
        ((0, 0, 1200), (2047, 131_072, 1200)),
        ((2047, 131_072, 5), (2047, 131_072, 5)),
    ] {
        let tune =
            |(channel_max, frame_max, heartbeat_s)| Tune { channel_max, frame_max, heartbeat_s };
        let peer = Peer::of_open_server(ServerConfig::new(), tune(answer));
        assert_eq!(peer.connection.tune(), tune(settled));
    }
}

#[test]
fn a_start_ok_larger_than_the_specifications_minimum_is_taken() {
    let mut config = ClientConfig::default();
    let token = "t".repeat(15_000);
    config.mechanism = Mechanism::plain("", &token);
    let mut pair = Pair::new(config, ServerConfig::new());
    pair.drive();
    assert!(matches!(pair.server.events()[..], [Event::Authenticate(_)]));
}

#[test]
fn a_start_ok_larger_than_the_limit_is_an_error_that_shows_nothing() {
    let mut config = ClientConfig::default();
    config.mechanism = Mechanism::plain("alice", &"sesame".repeat(3_000));
    let mut pair = Pair::new(config, ServerConfig::new());
    pair.drive();
    let error = pair.server.connection.error().expect("too large").clone();
    assert_eq!(error.code(), Some(ReplyCode::FRAME_ERROR));
    let events = pair.server.events();
    assert!(!format!("{error} {error:?} {events:?}").contains("115,101,115"));
}

#[test]
fn undecodable_login_frames_are_never_quoted() {
    let mut peer = Peer::of_server(ServerConfig::new());
    peer.send_bytes(b"AMQP\x00\x00\x09\x01");
    peer.expect_method(0);
    // connection.start-ok whose table is longer than the frame.
    peer.send_bytes(b"\x01\0\0\0\0\0\x0e\0\x0a\0\x0b\0\0\xff\xffsesame\xce");
    peer.expect_close(
        501,
        "FRAME_ERROR - cannot decode connection.start-ok: expected 65529 more octets",
        (10, 11),
    );
}

#[test]
fn methods_out_of_turn_name_the_state() {
    let mut peer = Peer::of_server(ServerConfig::new());
    peer.send_bytes(b"AMQP\x00\x00\x09\x01");
    peer.expect_method(0);
    peer.send_method(0, connection::Open { virtual_host: "/".try_into().unwrap() });
    peer.expect_close(
        504,
        "CHANNEL_ERROR - unexpected method in connection state starting",
        (10, 40),
    );
    let mut peer = Peer::of_server(ServerConfig::new());
    peer.log_in();
    peer.send_method(1, Method::ChannelOpen);
    peer.expect_close(
        504,
        "CHANNEL_ERROR - unexpected method in connection state tuning",
        (20, 10),
    );
}

#[test]
fn a_handshake_must_be_over_in_time() {
    let mut pair = Pair::new(ClientConfig::default(), ServerConfig::new());
    pair.server.is_deaf = true;
    pair.drive();
    assert_eq!(pair.server.connection.poll_timeout().unwrap().1, Timer::Handshake);
    pair.advance(Duration::from_secs(11));
    for side in [&mut pair.client, &mut pair.server] {
        let error = side.connection.error().expect("too slow").clone();
        assert_eq!(error.blame(), Blame::Time);
        assert_eq!(error, ConnectionError::Timeout(Timer::Handshake));
        assert_eq!(closed(&side.events()).code, ReplyCode(0));
        assert!(side.connection.is_finished());
    }
}

#[test]
fn a_handshake_that_is_over_has_no_deadline() {
    let mut pair = Pair::established();
    pair.advance(Duration::from_secs(3_600));
    assert!(pair.client.connection.is_open() && pair.server.connection.is_open());
}

#[test]
fn either_side_may_close_while_tuning() {
    let mut peer = Peer::of_server(ServerConfig::new());
    peer.log_in();
    let close = connection::Close { reply_code: ReplyCode(200), ..connection::Close::default() };
    peer.send_method(0, close);
    assert_eq!(closed(&peer.events()).by, Initiator::Peer);
    peer.connection.finish_close();
    assert_eq!(peer.expect_method(0), Method::ConnectionCloseOk);
    assert!(peer.connection.is_finished());
}

#[test]
fn a_secret_is_updated_and_never_shown() {
    let mut pair = Pair::established();
    let update = connection::UpdateSecret {
        new_secret: LongStr::from("sesame"),
        reason: "expired".try_into().unwrap(),
    };
    pair.client.connection.send(ChannelId::CONNECTION, &update.into()).unwrap();
    pair.drive();
    let told = pair.server.events();
    assert!(!format!("{told:?}").contains("sesame"));
    let [Event::UpdateSecret { secret, reason }] = &told[..] else { panic!("{told:?}") };
    assert_eq!((secret.expose(), reason), (&b"sesame"[..], &"expired".try_into().unwrap()));
    let answer = Method::ConnectionUpdateSecretOk;
    pair.server.connection.send(ChannelId::CONNECTION, &answer).unwrap();
    pair.drive();
    assert_eq!(pair.client.events(), [Event::Method(ChannelId::CONNECTION, answer)]);
}

#[test]
fn blocked_and_unblocked_reach_the_client() {
    let mut pair = Pair::established();
    let blocked = connection::Blocked { reason: "low on memory".try_into().unwrap() };
    for method in [blocked.into(), Method::ConnectionUnblocked] {
        pair.server.connection.send(ChannelId::CONNECTION, &method).unwrap();
        pair.drive();
        assert_eq!(pair.client.events(), [Event::Method(ChannelId::CONNECTION, method.clone())]);
        assert!(pair.client.connection.send(ChannelId::CONNECTION, &method).is_err());
    }
}

#[test]
fn the_uri_configures_the_client() {
    let uri: warrener_connection::Uri =
        "amqp://alice:sesame@host/shop?heartbeat=7&channel_max=3&frame_max=4096".parse().unwrap();
    let mut pair = Pair::new(uri.client_config(), ServerConfig::new());
    pair.drive();
    pair.server.events();
    pair.server.decide(pair.now(), Decision::Accept);
    pair.drive();
    pair.server.events();
    pair.server.decide(pair.now(), Decision::Accept);
    let tune = Tune { channel_max: 3, frame_max: 4096, heartbeat_s: 7 };
    assert_eq!(pair.server.events(), [Event::Ready(tune)]);
}

//! A broker that says what it must not say, or nothing, or goes in the middle of it: whoever waits is told.

use core::time::Duration;

use tokio::time::{Instant, timeout};
use warrener_client::codec::method::{basic, channel as channel_method, connection, queue};
use warrener_client::codec::{Method, MethodId, ReplyCode};
use warrener_client::{Channel, Confirm, Connection, Error, Options, Properties};

use crate::world::{FalseBroker, STREAM_BYTES, channel, connected, consume, consume_ok, declare};

/// Long in the tests' time, which passes at once when everybody waits.
const LONG: Duration = Duration::from_secs(3_600);

fn no_limits() -> connection::Tune {
    connection::Tune { channel_max: 0, frame_max: 131_072, heartbeat: 0 }
}

/// Whatever a client can wait for, under way at once, each of which must end when the connection does.
async fn all_end(
    why: &str,
    connection: Connection,
    channel: Channel,
    mut broker: FalseBroker,
    last: &[u8],
) {
    let (selected, ()) = tokio::join!(channel.confirm_select(), async {
        broker.expect(MethodId::ConfirmSelect).await;
        broker.say(1, Method::ConfirmSelectOk).await;
    });
    selected.unwrap();
    let (consumer, ()) = tokio::join!(channel.consume(consume("c")), async {
        broker.expect(MethodId::BasicConsume).await;
        broker.say(1, consume_ok("c")).await;
    });
    let mut consumer = consumer.unwrap();
    let mut returns = channel.returns().await.unwrap();
    let confirm: Confirm =
        channel.publish_confirmed("", "q", false, Properties::default(), "hello").await.unwrap();
    let got = channel.get_ahead("q", false).await.unwrap();
    let everything = async {
        tokio::join!(
            async { assert!(channel.call(declare("q")).await.is_err()) },
            async { assert!(channel.consume(consume("d")).await.is_err()) },
            async { assert!(channel.tx_commit().await.is_err()) },
            async { assert!(consumer.next().await.is_none()) },
            async { assert!(returns.next().await.is_none()) },
            async { assert!(confirm.await.is_err()) },
            async { assert!(got.await.is_err()) },
            async { assert!(connection.channel().await.is_err()) },
            connection.closed(),
            async {
                broker.expect(MethodId::BasicPublish).await;
                broker.say_octets(last).await;
                drop(broker);
            },
        )
    };
    let ended = timeout(LONG, everything).await;
    ended.unwrap_or_else(|_| panic!("{why}: somebody still waits"));
    let told = channel.call(declare("q")).await.unwrap_err();
    let why = connection.closed().await;
    assert_eq!(told.to_string(), why.to_string(), "whoever comes later is told the same");
}

#[tokio::test(start_paused = true)]
async fn garbage_and_what_is_out_of_place_end_the_connection_and_everybody_is_told() {
    let frame = |octets: &[u8]| octets.to_vec();
    let method = |channel: u16, method: Method| {
        let mut octets = bytes::BytesMut::new();
        method.encode(warrener_client::codec::ChannelId::new(channel), &mut octets);
        octets.to_vec()
    };
    let endings = [
        ("nothing", frame(b"")),
        ("text", frame(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
        ("no such frame", frame(b"\x09\x00\x01\x00\x00\x00\x00\xce")),
        ("no end of a frame", frame(b"\x01\x00\x01\x00\x00\x00\x04\x00\x32\x00\x0b\x00")),
        ("a frame too large", frame(b"\x01\x00\x01\xff\xff\xff\xff\x00")),
        ("no such method", frame(b"\x01\x00\x01\x00\x00\x00\x04\x00\x32\x00\xff\xce")),
        ("half a frame", frame(b"\x01\x00\x01\x00\x00\x00\x04\x00")),
        ("a body without a header", frame(b"\x03\x00\x01\x00\x00\x00\x01x\xce")),
        ("a content on channel 0", frame(b"\x03\x00\x00\x00\x00\x00\x01x\xce")),
        ("a channel that was never opened", method(7, Method::QueueBindOk)),
        ("a channel's method on channel 0", method(0, Method::QueueBindOk)),
        ("a connection's method on a channel", method(1, Method::ConnectionOpenOk)),
        ("a request of clients", method(1, declare("q").into())),
        ("open-ok a second time", method(1, Method::ChannelOpenOk)),
        ("close-ok of a channel that is not closed", method(1, Method::ChannelCloseOk)),
        ("a handshake's method", method(0, no_limits().into())),
    ];
    for (name, octets) in endings {
        let (connection, mut broker) = connected().await;
        let channel = channel(&connection, &mut broker).await;
        all_end(name, connection, channel, broker, &octets).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_goes_in_the_middle_of_a_content_leaves_nobody_waiting() {
    let mut whole = bytes::BytesMut::new();
    let tag = "c".try_into().unwrap();
    let tag: &warrener_client::ShortStr = &tag;
    let deliver = basic::DeliverRef { consumer_tag: tag.as_short_ref(), ..Default::default() };
    deliver.encode(warrener_client::codec::ChannelId::new(1), &mut whole);
    crate::world::content(1, b"a body", &mut whole);
    let body_frame = 8 + b"a body".len();
    let method_only = whole.len() - body_frame - 22;
    for end in [1, method_only, method_only + 5, whole.len() - body_frame, whole.len() - 1] {
        let (connection, mut broker) = connected().await;
        let channel = channel(&connection, &mut broker).await;
        all_end("half a content", connection, channel, broker, &whole[..end]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_closed_in_the_middle_of_a_content_says_so_and_others_go_on() {
    let (connection, mut broker) = connected().await;
    let first = channel(&connection, &mut broker).await;
    let other = channel(&connection, &mut broker).await;
    let (consumer, ()) = tokio::join!(first.consume(consume("c")), async {
        broker.expect(MethodId::BasicConsume).await;
        broker.say(1, consume_ok("c")).await;
    });
    let mut consumer = consumer.unwrap();
    let tag = warrener_client::ShortStr::from_static("c");
    let deliver = basic::DeliverRef { consumer_tag: tag.as_short_ref(), ..Default::default() };
    let mut octets = bytes::BytesMut::new();
    deliver.encode(warrener_client::codec::ChannelId::new(1), &mut octets);
    broker.say_octets(&octets).await;
    let close = channel_method::Close {
        reply_code: ReplyCode::RESOURCE_ERROR,
        reply_text: "RESOURCE_ERROR - no memory".try_into().unwrap(),
        ..Default::default()
    };
    broker.say(1, close).await;
    broker.expect(MethodId::ChannelCloseOk).await;
    assert!(consumer.next().await.is_none());
    let refused = first.call(declare("q")).await.unwrap_err();
    assert!(matches!(refused, Error::ChannelClosed(_)), "{refused}");
    let (declared, ()) = tokio::join!(other.call(declare("q")), async {
        broker.expect(MethodId::QueueDeclare).await;
        broker.say(2, queue::DeclareOk::default()).await;
    });
    declared.unwrap();
}

#[tokio::test(start_paused = true)]
async fn another_reply_than_the_one_asked_for_is_said() {
    let (connection, mut broker) = connected().await;
    let channel = channel(&connection, &mut broker).await;
    // One that nobody asked for is passed over.
    broker.say(1, Method::QueueBindOk).await;
    for wrong in [Method::QueueBindOk, Method::BasicGetEmpty] {
        let (declared, ()) = tokio::join!(channel.call(declare("q")), async {
            broker.expect(MethodId::QueueDeclare).await;
            broker.say(1, wrong).await;
        });
        assert!(matches!(declared, Err(Error::UnexpectedReply(_))), "{declared:?}");
        let (consumer, ()) = tokio::join!(channel.consume(consume("c")), async {
            broker.expect(MethodId::BasicConsume).await;
            broker.say(1, Method::QueueBindOk).await;
        });
        assert!(matches!(consumer, Err(Error::UnexpectedReply("queue.bind-ok"))), "{consumer:?}");
    }
    let (got, ()) = tokio::join!(channel.get("q", true), async {
        broker.expect(MethodId::BasicGet).await;
        broker.say(1, Method::QueueBindOk).await;
    });
    assert!(matches!(got, Err(Error::UnexpectedReply("queue.bind-ok"))), "{got:?}");
}

/// How far a broker comes with letting a client in before it falls silent.
const SILENCES: usize = 4;

#[tokio::test(start_paused = true)]
async fn a_broker_that_falls_silent_while_letting_in_is_given_up() {
    for silence in 0..SILENCES {
        let (ours, theirs) = tokio::io::duplex(STREAM_BYTES);
        let mut broker = FalseBroker::over(theirs);
        let began = Instant::now();
        let silent = async {
            if silence > 0 {
                broker.start().await;
                broker.expect(MethodId::ConnectionStartOk).await;
            }
            if silence > 1 {
                broker.say(0, no_limits()).await;
                broker.expect(MethodId::ConnectionTuneOk).await;
            }
            if silence > 2 {
                broker.say_octets(b"\x01\x00\x00").await;
            }
            core::future::pending::<()>().await;
        };
        let opened = async {
            tokio::select! {
                opened = Connection::over(ours, Options::default()) => opened,
                () = silent => unreachable!("it is silent for ever"),
            }
        };
        let error = timeout(LONG, opened).await.expect("it is given up").unwrap_err();
        assert_eq!(began.elapsed().as_secs(), 10, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_not_answered_ends_all_the_same() {
    let (connection, mut broker) = connected().await;
    let first = channel(&connection, &mut broker).await;
    let closed = timeout(LONG, connection.close()).await.expect("it ends");
    assert!(closed.is_err());
    assert!(first.call(declare("q")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_reads_nothing_any_more_does_not_hold_up_the_end() {
    let tune = connection::Tune { heartbeat: 20, ..no_limits() };
    let (connection, mut broker) = crate::world::connected_with(tune).await;
    let channel = channel(&connection, &mut broker).await;
    for _ in 0..10 {
        channel.publish("", "q", Properties::default(), vec![0; STREAM_BYTES]).await.unwrap();
    }
    assert!(timeout(LONG, connection.close()).await.expect("it ends").is_err());
    assert!(timeout(LONG, channel.call(declare("q"))).await.expect("it is told").is_err());
    drop(broker);
}

#[tokio::test(start_paused = true)]
async fn heartbeats_are_sent_in_time_and_silence_is_noticed() {
    let tune = connection::Tune { heartbeat: 20, ..no_limits() };
    let (connection, mut broker) = crate::world::connected_with(tune).await;
    let began = Instant::now();
    let mut beats = 0;
    let hear = async {
        while broker.next_frame().await.is_some() {
            beats += 1;
        }
    };
    let (error, ()) = tokio::join!(connection.closed(), hear);
    assert!(error.to_string().contains("silent"), "{error}");
    assert_eq!(began.elapsed().as_secs(), 50, "two and a half intervals");
    assert!(beats >= 2, "{beats}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_has_as_many_channels_as_there_are_numbers() {
    let (connection, mut broker) = connected().await;
    let asked = async {
        let mut channels = Vec::new();
        for _ in 0..u16::MAX {
            channels.push(connection.channel().await.unwrap());
        }
        channels
    };
    let answered = async {
        for _ in 0..u16::MAX {
            broker.open_channel().await;
        }
    };
    let (mut channels, ()) = tokio::join!(asked, answered);
    assert!(matches!(connection.channel().await, Err(Error::NoChannelLeft(u16::MAX))));
    let freed = channels.swap_remove(30_000).number();
    broker.expect(MethodId::ChannelClose).await;
    broker.say(freed, Method::ChannelCloseOk).await;
    let again = async {
        loop {
            match connection.channel().await {
                Err(Error::NoChannelLeft(_)) => tokio::task::yield_now().await,
                opened => return opened.unwrap(),
            }
        }
    };
    let (again, ()) = tokio::join!(again, broker.open_channel());
    assert_eq!(again.number(), freed);
}

//! Consumers that are slow, brokers that are not read, and what may not hang because of them.

use core::time::Duration;

use crate::world::{
    FalseBroker, STREAM_BYTES, cancel_ok, channel, connected, connected_with, consume, consume_ok,
};
use warrener_client::codec::method::connection;
use warrener_client::codec::{Frame, Method, MethodId, TableBuilder};
use warrener_client::{Channel, Connection, Consumer, Error, Properties};

/// What a consumer without a prefetch takes in before it holds up its connection.
const BUFFERED: u64 = 1024;

/// Long in the tests' time, which passes at once when everybody waits.
const LONG: Duration = Duration::from_secs(3_600);

async fn consuming(connection: &Connection, broker: &mut FalseBroker) -> (Channel, Consumer) {
    let channel = channel(connection, broker).await;
    let (consumer, ()) = tokio::join!(channel.consume(consume("c")), async {
        broker.expect(MethodId::BasicConsume).await;
        broker.say(1, consume_ok("c")).await;
    });
    (channel, consumer.unwrap())
}

/// More deliveries than the consumer takes in, by one.
async fn fill(broker: &mut FalseBroker) {
    for tag in 1..=BUFFERED + 1 {
        broker.deliver(1, "c", tag).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_is_not_read_stops_the_broker_and_not_the_memory() {
    let (connection, mut broker) = connected().await;
    let (_channel, mut consumer) = consuming(&connection, &mut broker).await;
    let mut sent = 0_u64;
    while tokio::time::timeout(LONG, broker.deliver(1, "c", sent + 1)).await.is_ok() {
        sent += 1;
        assert!(sent < 100_000, "nothing stops it");
    }
    // The consumer's buffer, the stream, and what one read takes from it.
    let octets = 70;
    assert!(sent < BUFFERED + 1 + (STREAM_BYTES as u64 + 32 * 1024) / octets, "{sent}");
    for tag in 1..=sent {
        assert_eq!(consumer.next().await.unwrap().delivery_tag, tag);
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_not_read_for_long_does_not_count_as_dead() {
    let tune = connection::Tune { channel_max: 0, frame_max: 131_072, heartbeat: 10 };
    let (connection, mut broker) = connected_with(tune).await;
    let (_channel, mut consumer) = consuming(&connection, &mut broker).await;
    fill(&mut broker).await;
    let patient = tokio::spawn(async move { while broker.next_frame().await.is_some() {} });
    tokio::time::sleep(LONG).await;
    for tag in 1..=BUFFERED + 1 {
        assert_eq!(consumer.next().await.unwrap().delivery_tag, tag);
    }
    // From here on it is read again, and silent.
    let error = connection.closed().await;
    assert!(error.to_string().contains("silent"), "{error}");
    patient.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_full_consumer_can_be_cancelled_and_what_it_has_be_read() {
    let (connection, mut broker) = connected().await;
    let (_channel, mut consumer) = consuming(&connection, &mut broker).await;
    fill(&mut broker).await;
    let (cancelled, ()) = tokio::join!(tokio::time::timeout(LONG, consumer.cancel()), async {
        broker.expect(MethodId::BasicCancel).await;
        broker.deliver(1, "c", BUFFERED + 2).await;
        broker.say(1, cancel_ok("c")).await;
    });
    cancelled.expect("it does not hang").unwrap();
    for tag in 1..=BUFFERED + 2 {
        assert_eq!(consumer.next().await.unwrap().delivery_tag, tag);
    }
    assert!(consumer.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_channel_with_a_full_consumer_can_be_closed() {
    let (connection, mut broker) = connected().await;
    let (channel, _consumer) = consuming(&connection, &mut broker).await;
    fill(&mut broker).await;
    let (closed, ()) = tokio::join!(tokio::time::timeout(LONG, channel.close()), async {
        broker.expect(MethodId::ChannelClose).await;
        broker.say(1, Method::ChannelCloseOk).await;
    });
    closed.expect("it does not hang").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_a_full_consumer_can_be_closed() {
    let (connection, mut broker) = connected().await;
    let (_channel, _consumer) = consuming(&connection, &mut broker).await;
    fill(&mut broker).await;
    let (closed, ()) = tokio::join!(connection.close(), async {
        broker.expect(MethodId::ConnectionClose).await;
        broker.say(0, Method::ConnectionCloseOk).await;
    });
    closed.expect("the broker has agreed");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_writes_before_it_reads_is_read_while_much_is_to_be_written() {
    let (connection, mut broker) = connected().await;
    let (channel, mut consumer) = consuming(&connection, &mut broker).await;
    let publishing = tokio::spawn(async move {
        for _ in 0..100 {
            channel.publish("", "q", Properties::default(), vec![0; 100_000]).await.unwrap();
        }
        channel
    });
    // Nothing is read by this broker until all of this is written.
    let writing = async {
        for tag in 1..=10_000 {
            broker.deliver(1, "c", tag).await;
        }
    };
    let reading = async {
        for tag in 1..=10_000 {
            assert_eq!(consumer.next().await.unwrap().delivery_tag, tag);
        }
    };
    let both = async { tokio::join!(writing, reading) };
    tokio::time::timeout(LONG, both).await.expect("neither waits for the other");
    for _ in 0..100 {
        broker.expect(MethodId::BasicPublish).await;
    }
    publishing.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn properties_that_do_not_fit_a_frame_are_refused_where_they_are_published() {
    let tune = connection::Tune { channel_max: 0, frame_max: 4096, heartbeat: 0 };
    let (connection, mut broker) = connected_with(tune).await;
    let channel = channel(&connection, &mut broker).await;
    let headers = |octets: usize| {
        let table = TableBuilder::new().with("h", "x".repeat(octets).as_str()).build().unwrap();
        Properties::builder().headers(&table).build().unwrap()
    };
    let refused = channel.publish("", "q", headers(5_000), "lost").await.unwrap_err();
    assert!(matches!(refused, Error::Misuse(_)), "{refused}");
    assert!(refused.to_string().contains("4096"), "{refused}");
    // The largest that fits leaves, and its body in as many frames as it takes.
    let fits = (0..5_000).rev().find_map(|octets| {
        let properties = headers(octets);
        (properties.encoded_len() + 20 == 4096).then_some(properties)
    });
    channel.publish("", "q", fits.unwrap(), vec![0; 10_000]).await.unwrap();
    let publish = broker.expect(MethodId::BasicPublish).await;
    assert!(matches!(publish, Method::BasicPublish(_)));
    let mut body = 0;
    while body < 10_000 {
        match broker.next_frame().await.unwrap() {
            Frame::Body(_, payload) => {
                assert!(payload.len() <= 4096 - 8);
                body += payload.len();
            }
            frame => assert!(matches!(frame, Frame::Header(..))),
        }
    }
}

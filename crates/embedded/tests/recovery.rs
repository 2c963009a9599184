//! The client's recovery: whatever frame the connection breaks at, nothing that was confirmed is lost and everything goes on.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use warrener_client::codec::method::{basic, exchange, queue};
use warrener_client::{
    Confirmation, Error, Options, Properties, RecoveringConnection, Recovery, ShortStr,
};
use warrener_embedded::Broker;

const MESSAGES: u8 = 4;

/// Far more frames than the story has.
const FRAMES_MAX: u64 = 1_000;

/// After how many more frames the connection that replaces the first is cut as well: in the handshake, while it declares, and
/// while it goes on.
const AGAIN: [u64; 5] = [3, 8, 11, 14, 19];

#[tokio::test]
async fn a_connection_cut_at_any_frame_is_made_again_with_all_that_was_on_it() {
    cut_everywhere(None).await;
}

#[tokio::test]
async fn a_connection_cut_again_while_it_is_made_again_goes_on_as_well() {
    for again in AGAIN {
        cut_everywhere(Some(again)).await;
    }
}

async fn cut_everywhere(again: Option<u64>) {
    for cut in 0..FRAMES_MAX {
        let cuts = [cut, again.map_or(u64::MAX, |again| cut + again)];
        let broker = Arc::new(Broker::start().await.unwrap());
        let frames = Arc::new(AtomicU64::new(0));
        let recoveries = tokio::time::timeout(
            Duration::from_secs(60),
            story(Arc::clone(&broker), Arc::clone(&frames), cuts),
        );
        let recoveries = recoveries.await.unwrap_or_else(|_| panic!("stuck after frames {cuts:?}"));
        if frames.load(Ordering::Relaxed) <= cut {
            assert_eq!(recoveries, 0, "nothing was cut");
            assert!(cut > 50, "a story of only {cut} frames");
            return;
        }
    }
    panic!("the story has no end");
}

/// Declares, publishes, consumes; says how often the connection was made again.
async fn story(broker: Arc<Broker>, frames: Arc<AtomicU64>, cuts: [u64; 2]) -> u64 {
    let connection = open(broker, frames, cuts).await;
    let channel = connection.channel();
    let events = ShortStr::from_static("events");
    let kind = ShortStr::from_static("fanout");
    let declare = exchange::Declare { exchange: events.clone(), kind, ..Default::default() };
    channel.call(declare).await.unwrap();
    let work =
        queue::Declare { queue: "work".try_into().unwrap(), durable: true, ..Default::default() };
    let work = channel.call(work).await.unwrap().queue;
    // Its name is the broker's, and another one after each break.
    let own = queue::Declare { exclusive: true, ..Default::default() };
    let own = channel.call(own).await.unwrap().queue;
    for queue in [&work, &own] {
        let bind =
            queue::Bind { queue: queue.clone(), exchange: events.clone(), ..Default::default() };
        channel.call(bind).await.unwrap();
    }
    channel.prefetch(2).await.unwrap();
    let consume = basic::Consume { queue: work, ..Default::default() };
    let mut consumer = channel.consume(consume).await.unwrap();
    for number in 0..MESSAGES {
        let confirmed =
            channel.publish("events", "", true, Properties::default(), vec![number]).await;
        assert_eq!(confirmed.unwrap(), Confirmation::Ack);
    }
    let mut seen = BTreeSet::new();
    while seen.len() < usize::from(MESSAGES) {
        let delivery = consumer.next().await.unwrap().expect("it goes on");
        seen.insert(delivery.body.to_bytes());
        // One from before a break cannot be acknowledged, and comes again.
        let _ = delivery.ack().await;
    }
    // The queue of this connection is bound again, under whatever name. What was in it went with the connection.
    for round in 0.. {
        assert!(round < 3, "nothing arrives in the queue of this connection");
        channel.publish("events", "", true, Properties::default(), "last").await.unwrap();
        if channel.get(own.as_str().unwrap(), true).await.unwrap().is_some() {
            break;
        }
    }
    let recoveries = connection.recoveries();
    // It is over either way.
    let _ = connection.close().await;
    assert!(channel.prefetch(1).await.is_err());
    recoveries
}

/// By a line that is cut in the middle of a frame, when so many have passed in all.
async fn open(broker: Arc<Broker>, frames: Arc<AtomicU64>, cuts: [u64; 2]) -> RecoveringConnection {
    let mut recovery = Recovery::default();
    recovery.first_pause = Duration::from_millis(1);
    let connect = move || {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(carry(theirs, broker.connect(), Arc::clone(&frames), cuts));
        async { Ok(ours) }
    };
    loop {
        // A connection that never was is not made again.
        match RecoveringConnection::over(connect.clone(), Options::default(), recovery).await {
            Ok(connection) => return connection,
            Err(error) => assert!(
                matches!(error, Error::Stream(_) | Error::Connection(_) | Error::Closed(_)),
                "{error}"
            ),
        }
    }
}

async fn carry(client: DuplexStream, broker: DuplexStream, frames: Arc<AtomicU64>, cuts: [u64; 2]) {
    let (from_client, to_client) = tokio::io::split(client);
    let (from_broker, to_broker) = tokio::io::split(broker);
    // The first to end takes the other along.
    tokio::select! {
        _ = pass(from_client, to_broker, &frames, cuts, true) => {}
        _ = pass(from_broker, to_client, &frames, cuts, false) => {}
    }
}

/// Passes frames on, whole ones, until the one to cut.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    frames: &AtomicU64,
    cuts: [u64; 2],
    begins: bool,
) -> io::Result<()> {
    let mut begins = begins;
    loop {
        let mut frame = vec![0; if begins { 8 } else { 7 }];
        from.read_exact(&mut frame).await?;
        if !begins {
            let size = u32::from_be_bytes(frame[3..7].try_into().expect("four octets")) as usize;
            frame.resize(7 + size + 1, 0);
            from.read_exact(&mut frame[7..]).await?;
        }
        begins = false;
        if cuts.contains(&frames.fetch_add(1, Ordering::Relaxed)) {
            to.write_all(&frame[..frame.len() / 2]).await?;
            return to.flush().await;
        }
        to.write_all(&frame).await?;
    }
}

#[tokio::test]
async fn a_broker_that_is_gone_is_waited_for_and_what_it_refuses_is_said() {
    let broker = Broker::start().await.unwrap();
    let uri = broker.listen().await.unwrap();
    let mut recovery = Recovery::default();
    recovery.first_pause = Duration::from_millis(1);
    recovery.attempts_max = 3;
    let connection = RecoveringConnection::open(&uri, recovery).await.unwrap();
    let channel = connection.channel();
    let passive =
        queue::Declare { queue: "none".try_into().unwrap(), passive: true, ..Default::default() };
    let refused = channel.call(passive).await.unwrap_err();
    assert!(refused.to_string().contains("NOT_FOUND"), "{refused}");
    // The channel was closed by that, and is open when it is next used.
    assert!(channel.get("none", true).await.is_err());
    channel.prefetch(1).await.unwrap();
    assert_eq!(connection.recoveries(), 0);

    broker.refuse_connections(true);
    broker.cut_connections();
    while channel.prefetch(1).await.is_ok() {
        tokio::task::yield_now().await;
    }
    broker.refuse_connections(false);
    channel.prefetch(1).await.unwrap();
    assert_eq!(connection.recoveries(), 1);
    drop(broker);
    assert!(channel.prefetch(1).await.is_err(), "nobody is there");
}

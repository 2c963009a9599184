//! Recovery, from brokers that break the connection for a reason.

use core::time::Duration;
use std::sync::Arc;

use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use warrener_client::codec::method::{connection, exchange};
use warrener_client::codec::{Method, MethodId, ReplyCode};
use warrener_client::{
    Confirmation, Error, Options, Properties, RecoveringConnection, Recovery, ShortStr,
};

use crate::world::{FalseBroker, STREAM_BYTES};

/// Long in the tests' time, which passes at once when everybody waits.
const LONG: Duration = Duration::from_secs(3_600);

/// The brokers of one connection, one for each time that it is made.
struct Brokers(mpsc::UnboundedReceiver<DuplexStream>);

impl Brokers {
    async fn next(&mut self) -> FalseBroker {
        let mut broker = FalseBroker::over(self.0.recv().await.expect("it is connected to"));
        let tune = connection::Tune { channel_max: 0, frame_max: 131_072, heartbeat: 0 };
        broker.let_in(tune).await;
        broker
    }
}

async fn connected() -> (RecoveringConnection, Brokers, FalseBroker) {
    let (streams, received) = mpsc::unbounded_channel();
    let mut brokers = Brokers(received);
    let streams = Arc::new(streams);
    let connect = move || {
        let (ours, theirs) = tokio::io::duplex(STREAM_BYTES);
        let _ = streams.send(theirs);
        async { Ok(ours) }
    };
    let opened = RecoveringConnection::over(connect, Options::default(), Recovery::default());
    let (connection, first) = tokio::join!(opened, brokers.next());
    (connection.unwrap(), brokers, first)
}

/// connection.close with 503, because of this method.
fn refusal(of: MethodId) -> connection::Close {
    let (class_id, method_id) = of.ids();
    connection::Close {
        reply_code: ReplyCode::COMMAND_INVALID,
        reply_text: ShortStr::from_static("COMMAND_INVALID"),
        class_id,
        method_id,
    }
}

fn declare() -> exchange::Declare {
    exchange::Declare { exchange: ShortStr::from_static("e"), ..Default::default() }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_ends_the_connection_is_not_tried_again_and_what_others_asked_is() {
    let (connection, mut brokers, mut broker) = connected().await;
    let (channel, other) = (connection.channel(), connection.channel());
    let asked = async {
        let plain = Properties::default();
        tokio::join!(
            timeout(LONG, channel.call(declare())),
            timeout(LONG, other.publish("", "q", true, plain, "x")),
        )
    };
    let story = async {
        for _ in 0..2 {
            broker.open_channel().await;
        }
        // Both are under way when the broker closes because of one of them.
        let mut methods =
            [broker.next_method().await, broker.next_method().await].map(Option::unwrap);
        methods.sort_by_key(|(_, method)| method.id() == MethodId::ConfirmSelect);
        let ids = methods.each_ref().map(|(_, method)| method.id());
        assert_eq!(ids, [MethodId::ExchangeDeclare, MethodId::ConfirmSelect]);
        broker.say(0, refusal(MethodId::ExchangeDeclare)).await;
        broker.expect(MethodId::ConnectionCloseOk).await;
        let mut second = brokers.next().await;
        second.open_channel().await;
        second.expect(MethodId::ConfirmSelect).await;
        second.say(1, Method::ConfirmSelectOk).await;
        second.expect(MethodId::BasicPublish).await;
        second.confirm(1, 1).await;
        second
    };
    let ((declared, published), _broker) = tokio::join!(asked, story);
    let refused = declared.expect("it is told").unwrap_err();
    assert!(matches!(refused, Error::Closed(_)), "{refused}");
    assert_eq!(published.expect("it goes on").unwrap(), Confirmation::Ack);
    assert_eq!(connection.recoveries(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_declared_again_is_said_and_not_tried_for_ever() {
    let (connection, mut brokers, mut broker) = connected().await;
    let channel = connection.channel();
    let (declared, ()) = tokio::join!(channel.call(declare()), async {
        broker.open_channel().await;
        broker.expect(MethodId::ExchangeDeclare).await;
        broker.say(1, Method::ExchangeDeclareOk).await;
    });
    declared.unwrap();
    drop(broker);
    let (failed, ()) = tokio::join!(timeout(LONG, channel.prefetch(1)), async {
        let mut second = brokers.next().await;
        second.open_channel().await;
        second.expect(MethodId::ExchangeDeclare).await;
        second.say(0, refusal(MethodId::ExchangeDeclare)).await;
        second.expect(MethodId::ConnectionCloseOk).await;
    });
    let refused = failed.expect("it is told").unwrap_err();
    assert!(matches!(refused, Error::Closed(_)), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_recovery_that_gets_no_answer_can_be_closed() {
    let (connection, mut brokers, mut broker) = connected().await;
    let channel = connection.channel();
    let (declared, ()) = tokio::join!(channel.call(declare()), async {
        broker.open_channel().await;
        broker.expect(MethodId::ExchangeDeclare).await;
        broker.say(1, Method::ExchangeDeclareOk).await;
    });
    declared.unwrap();
    drop(broker);
    let close = async {
        let mut second = brokers.next().await;
        second.open_channel().await;
        // It never answers this, and it is not gone.
        second.expect(MethodId::ExchangeDeclare).await;
        timeout(LONG, connection.close()).await.expect("it ends").unwrap();
        second
    };
    let (failed, _second) = tokio::join!(timeout(LONG, channel.prefetch(1)), close);
    assert!(failed.expect("it is told").is_err());
}

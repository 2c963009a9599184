//! A broker that does what the test says, right or wrong, at the other end of a stream within the process.

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use warrener_client::codec::method::{basic, connection, queue};
use warrener_client::codec::{
    Body, ChannelId, Content, Decoder, Frame, Limits, LongStr, Method, MethodId, Properties,
    ShortStr, Table,
};
use warrener_client::{Channel, Connection, Options};

/// How much fits into the stream in each direction, in octets.
pub(crate) const STREAM_BYTES: usize = 64 * 1024;

/// The broker's end of a stream.
pub(crate) struct FalseBroker {
    stream: DuplexStream,
    input: BytesMut,
    decoder: Decoder,
}

/// A client whose connection is open, and the broker it speaks to.
pub(crate) async fn connected() -> (Connection, FalseBroker) {
    connected_with(connection::Tune { channel_max: 0, frame_max: 131_072, heartbeat: 0 }).await
}

/// The same, with these limits of the broker.
pub(crate) async fn connected_with(tune: connection::Tune) -> (Connection, FalseBroker) {
    let (ours, theirs) = tokio::io::duplex(STREAM_BYTES);
    let mut broker = FalseBroker::over(theirs);
    let mut options = Options::default();
    options.channel_max = 0;
    let (connection, ()) = tokio::join!(Connection::over(ours, options), broker.let_in(tune));
    (connection.expect("it is let in"), broker)
}

/// A channel of such a connection.
pub(crate) async fn channel(connection: &Connection, broker: &mut FalseBroker) -> Channel {
    let (channel, ()) = tokio::join!(connection.channel(), broker.open_channel());
    channel.expect("it is opened")
}

impl FalseBroker {
    pub(crate) fn over(stream: DuplexStream) -> Self {
        let decoder = Decoder::new(Limits::with_frame_max(0));
        Self { stream, input: BytesMut::new(), decoder }
    }

    /// Logs the client in, up to open-ok.
    pub(crate) async fn let_in(&mut self, tune: connection::Tune) {
        self.start().await;
        self.expect(MethodId::ConnectionStartOk).await;
        self.say(0, tune).await;
        self.expect(MethodId::ConnectionTuneOk).await;
        self.expect(MethodId::ConnectionOpen).await;
        self.say(0, Method::ConnectionOpenOk).await;
    }

    /// Takes the client's header and says connection.start.
    pub(crate) async fn start(&mut self) {
        let mut header = [0; 8];
        self.stream.read_exact(&mut header).await.expect("a header");
        let start = connection::Start {
            version_major: 0,
            version_minor: 9,
            server_properties: Table::default(),
            mechanisms: LongStr::from("PLAIN"),
            locales: LongStr::from("en_US"),
        };
        self.say(0, start).await;
    }

    pub(crate) async fn open_channel(&mut self) {
        let (channel, method) = self.next_method().await.expect("channel.open");
        assert_eq!(method.id(), MethodId::ChannelOpen);
        self.say(channel, Method::ChannelOpenOk).await;
    }

    pub(crate) async fn say(&mut self, channel: u16, method: impl Into<Method>) {
        let mut octets = BytesMut::new();
        let method = method.into();
        Frame::Method(ChannelId::new(channel), method).encode(&mut octets);
        self.say_octets(&octets).await;
    }

    /// Whatever it is. A client that is gone hears nothing.
    pub(crate) async fn say_octets(&mut self, octets: &[u8]) {
        let _ = self.stream.write_all(octets).await;
    }

    pub(crate) async fn deliver(&mut self, channel: u16, tag: &'static str, delivery_tag: u64) {
        let consumer_tag = ShortStr::from_static(tag);
        let deliver = basic::DeliverRef {
            consumer_tag: consumer_tag.as_short_ref(),
            delivery_tag,
            ..Default::default()
        };
        let mut octets = BytesMut::new();
        deliver.encode(ChannelId::new(channel), &mut octets);
        content(channel, &delivery_tag.to_be_bytes(), &mut octets);
        self.say_octets(&octets).await;
    }

    /// basic.ack of a message that was published.
    pub(crate) async fn confirm(&mut self, channel: u16, delivery_tag: u64) {
        self.say(channel, basic::Ack { delivery_tag, multiple: false }).await;
    }

    pub(crate) async fn answer_get(&mut self, channel: u16, delivery_tag: u64) {
        let got = basic::GetOkRef { delivery_tag, ..Default::default() };
        let mut octets = BytesMut::new();
        got.encode(ChannelId::new(channel), &mut octets);
        content(channel, &delivery_tag.to_be_bytes(), &mut octets);
        self.say_octets(&octets).await;
    }

    /// The next method of the client; `None` at the end of the stream. Heartbeats and contents are passed over.
    pub(crate) async fn next_method(&mut self) -> Option<(u16, Method)> {
        loop {
            match self.next_frame().await? {
                Frame::Method(channel, method) => return Some((channel.number(), method)),
                Frame::Heartbeat | Frame::Header(..) | Frame::Body(..) => {}
            }
        }
    }

    pub(crate) async fn next_frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.decoder.decode(&mut self.input).expect("the client is lawful")
            {
                return Some(frame);
            }
            if self.stream.read_buf(&mut self.input).await.ok()? == 0 {
                return None;
            }
        }
    }

    pub(crate) async fn expect(&mut self, id: MethodId) -> Method {
        let (_, method) = self.next_method().await.expect("a method before the end");
        assert_eq!(method.id(), id, "{method:?}");
        method
    }
}

/// A header and a body.
pub(crate) fn content(channel: u16, body: &[u8], octets: &mut BytesMut) {
    let content = Content::new(Properties::default(), Body::from(body.to_vec()));
    content.encode(ChannelId::new(channel), 131_072, octets);
}

/// A queue's declaration.
pub(crate) fn declare(name: &'static str) -> queue::Declare {
    queue::Declare { queue: ShortStr::from_static(name), ..Default::default() }
}

pub(crate) fn consume(tag: &'static str) -> basic::Consume {
    basic::Consume {
        queue: ShortStr::from_static("q"),
        consumer_tag: ShortStr::from_static(tag),
        ..Default::default()
    }
}

pub(crate) fn consume_ok(tag: &'static str) -> basic::ConsumeOk {
    basic::ConsumeOk { consumer_tag: ShortStr::from_static(tag) }
}

pub(crate) fn cancel_ok(tag: &'static str) -> basic::CancelOk {
    basic::CancelOk { consumer_tag: ShortStr::from_static(tag) }
}

//! One client: what it says, what it has heard, and the end of its stream at the server.

use alloc::vec::Vec;

use bytes::{Buf, BytesMut};
use warrener_broker::{ConnectionId, Input};
use warrener_codec::method::{channel, connection};
use warrener_codec::{ChannelId, LongStr, Method, ShortStr, Table, TableBuilder, TableRef};
use warrener_connection::{Event, ServerConfig};
use warrener_time::Time;

use super::frames::{self, Octets};
use crate::{Answer, Endpoint, Question};

/// Channels that a client opens by itself are 1 to this.
pub(super) const CHANNELS: u16 = 2;

pub(super) struct Peer {
    pub(super) endpoint: Endpoint,
    /// What it has said and the server has not read.
    said: BytesMut,
    frame_max: u32,
    hears: Hears,
}

/// What a client understands of what it hears: enough to judge it, and to say something sensible next.
#[derive(Default)]
struct Hears {
    greeted: bool,
    /// The content that is coming on each channel: nothing, a header, or so many octets of a body.
    content: [Content; CHANNELS as usize + 1],
    /// The last delivery tag on each channel.
    tags: [u64; CHANNELS as usize + 1],
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Content {
    #[default]
    None,
    Header,
    Body(u64),
}

/// What is the same for many clients, made once: most histories are short, and would be mostly this.
pub(super) struct Greetings {
    server: ServerConfig,
    wide: BytesMut,
    narrow: BytesMut,
}

impl Greetings {
    pub(super) fn new() -> Self {
        Self { server: ServerConfig::new(), wide: greeting(false), narrow: greeting(true) }
    }
}

const fn frame_max(narrow: bool) -> u32 {
    if narrow { 4096 } else { 131_072 }
}

/// All that a client says to open a connection and its channels.
fn greeting(narrow: bool) -> BytesMut {
    let mut said = BytesMut::from(&b"AMQP\x00\x00\x09\x01"[..]);
    let start_ok = connection::StartOk {
        client_properties: client_properties(!narrow),
        mechanism: ShortStr::from_static("PLAIN"),
        response: LongStr::from_static("\0guest\0guest"),
        locale: ShortStr::from_static("en_US"),
    };
    let frame_max = frame_max(narrow);
    let tune_ok = connection::TuneOk { channel_max: 8, frame_max, heartbeat: 0 };
    let open = connection::Open { virtual_host: ShortStr::from_static("/") };
    let methods: [Method; 3] = [start_ok.into(), tune_ok.into(), open.into()];
    for method in methods {
        method.encode(ChannelId::CONNECTION, &mut said);
    }
    for number in 1..=CHANNELS {
        Method::ChannelOpen.encode(ChannelId::new(number), &mut said);
    }
    said
}

impl Peer {
    /// A client that has said all that opens a connection and its channels.
    pub(super) fn new(id: ConnectionId, narrow: bool, greetings: &Greetings, now: Time) -> Self {
        let endpoint = Endpoint::new(id, ShortStr::EMPTY, greetings.server.clone(), now);
        let said = if narrow { &greetings.narrow } else { &greetings.wide };
        let frame_max = frame_max(narrow);
        Self { endpoint, said: said.clone(), frame_max, hears: Hears::default() }
    }

    /// Whether nothing more comes of this connection.
    pub(super) fn is_over(&self) -> bool {
        self.endpoint.is_finished() || self.endpoint.ending().is_some()
    }

    /// Says whatever the octets stand for.
    pub(super) fn say(&mut self, octets: &mut Octets<'_>) {
        let number = 1 + u16::from(octets.next()) % CHANNELS;
        let tag = self.hears.tags[usize::from(number)];
        frames::frame(octets, number, tag, &mut self.said);
    }

    /// The next event that the server finds in what was said, and is willing to look at.
    pub(super) fn poll_event(&mut self, now: Time) -> Option<Event> {
        loop {
            if !self.endpoint.wants_read() && self.endpoint.is_open() {
                return None;
            }
            let event = self.endpoint.poll_event(now, &mut self.said);
            if event.is_some() {
                return event;
            }
            let Some(Question::Login(_)) = self.endpoint.poll_question() else { return None };
            let user = ShortStr::from_static("guest");
            self.endpoint.answer(now, Answer::Accept { user }).expect("it was just asked");
        }
    }

    /// Reads what waits, and judges it; what the broker is to hear of that.
    pub(super) fn read(&mut self) -> Option<Input> {
        let count = self.endpoint.outgoing().len();
        if count == 0 {
            return self.endpoint.drained();
        }
        let mut heard = Vec::with_capacity(count);
        self.endpoint.outgoing().slices().for_each(|slice| heard.extend_from_slice(slice));
        self.endpoint.advance(count);
        let answers = self.hears.judge(&heard, self.frame_max as usize);
        for (number, method) in answers {
            method.encode(ChannelId::new(number), &mut self.said);
        }
        self.endpoint.drained()
    }
}

fn client_properties(can_be_cancelled: bool) -> Table {
    let able = TableBuilder::new()
        .with("authentication_failure_close", true)
        .with("connection.blocked", true)
        .with("consumer_cancel_notify", can_be_cancelled)
        .build()
        .expect("a small table");
    let able: TableRef<'_> = able.as_table_ref();
    TableBuilder::new().with("capabilities", able).build().expect("a small table")
}

impl Hears {
    /// Looks at every frame: its end, its size, and whether it may come here. Gives what a client answers by itself.
    fn judge(&mut self, mut heard: &[u8], frame_max: usize) -> Vec<(u16, Method)> {
        let mut answers = Vec::new();
        while !heard.is_empty() {
            assert!(heard.len() >= 8, "frames are written whole");
            let mut head = &heard[..7];
            let (kind, number, size) = (head.get_u8(), head.get_u16(), head.get_u32() as usize);
            assert!(!self.greeted || size + 8 <= frame_max, "a frame of {size} octets");
            assert_eq!(heard.get(7 + size), Some(&0xCE), "a frame ends with its end");
            self.judge_frame(kind, number, &heard[7..7 + size], &mut answers);
            self.greeted |= (kind, number) == (1, 0) && heard[7..].starts_with(&[0, 10, 0, 41]);
            heard = &heard[8 + size..];
        }
        answers
    }

    fn judge_frame(
        &mut self,
        kind: u8,
        number: u16,
        mut payload: &[u8],
        answers: &mut Vec<(u16, Method)>,
    ) {
        let index = usize::from(number.min(CHANNELS));
        match (kind, self.content[index]) {
            (1, Content::None) => {
                let method = (payload.get_u16(), payload.get_u16());
                self.hear(method, number, payload, answers);
                if matches!(method, (60, 50 | 60 | 71)) && number <= CHANNELS {
                    self.content[index] = Content::Header;
                }
            }
            (2, Content::Header) => {
                payload.advance(4);
                self.content[index] = match payload.get_u64() {
                    0 => Content::None,
                    size => Content::Body(size),
                };
            }
            (3, Content::Body(left)) => {
                let left = left.checked_sub(payload.len() as u64).expect("no more than announced");
                self.content[index] = if left == 0 { Content::None } else { Content::Body(left) };
            }
            // Channels that only raw octets opened share a place, and are not judged.
            _ => assert!(number > CHANNELS || kind == 8, "frame of type {kind} out of place"),
        }
    }

    /// What a client does by itself about a method: it agrees to a close, and opens the channel again.
    fn hear(
        &mut self,
        method: (u16, u16),
        number: u16,
        mut arguments: &[u8],
        answers: &mut Vec<(u16, Method)>,
    ) {
        let index = usize::from(number.min(CHANNELS));
        match method {
            (20, 40) => {
                answers.push((number, Method::ChannelCloseOk));
                answers.push((number, Method::ChannelOpen));
            }
            (20, 41) => answers.push((number, Method::ChannelOpen)),
            (20, 11) => self.tags[index] = 0,
            (20, 20) => answers.push((number, channel::FlowOk { active: true }.into())),
            (60, 60) => {
                let tag_len = usize::from(arguments.get_u8());
                arguments.advance(tag_len);
                self.tags[index] = arguments.get_u64();
            }
            (60, 71) => self.tags[index] = arguments.get_u64(),
            _ => {}
        }
    }
}

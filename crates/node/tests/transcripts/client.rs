//! A client's end of one connection: frames to lines, and what manners ask it to answer.

use std::collections::{BTreeMap, BTreeSet};

use bytes::BytesMut;
use warrener_codec::{Body, ChannelId, Decoder, Frame, Header, Limits, Method};

use crate::line::Line;
use crate::show::Show;

/// One connection, as far as a script needs it.
pub(crate) struct Client {
    pub(crate) frame_max: u32,
    /// Channels that were opened at some time.
    pub(crate) used: BTreeSet<u16>,
    /// The script answers the broker's closes itself.
    pub(crate) is_manual: bool,
    /// What connection.start says is shown whole.
    pub(crate) is_curious: bool,
    /// What comes goes to `last`, and is no line.
    pub(crate) is_hidden: bool,
    pub(crate) last: Option<Method>,
    /// The last that was hidden.
    pub(crate) shown: Option<Method>,
    /// The virtual host is open.
    pub(crate) is_open: bool,
    pub(crate) has_ended: bool,
    awaits_end: bool,
    decoder: Decoder,
    input: BytesMut,
    has_heard: bool,
    channels: BTreeMap<u16, Channel>,
}

#[derive(Default)]
struct Channel {
    heard: Vec<Heard>,
    /// Requests whose answers are still to come.
    awaited: usize,
    confirms: bool,
    published: u64,
    unconfirmed: BTreeSet<u64>,
    /// Content that has not come whole.
    unfinished: Option<(Method, Option<Header>, Vec<u8>)>,
}

/// What a channel heard since the last step.
enum Heard {
    Line(String),
    /// Tags, and whether what they were given to was taken. Confirms of several queues come in any order.
    Settled(BTreeMap<u64, bool>),
}

impl Client {
    pub(crate) fn new(frame_max: u32) -> Self {
        Self {
            frame_max,
            used: BTreeSet::new(),
            is_manual: false,
            is_curious: false,
            is_hidden: false,
            last: None,
            shown: None,
            is_open: false,
            has_ended: false,
            awaits_end: false,
            decoder: Decoder::new(Limits::with_frame_max(0)),
            input: BytesMut::new(),
            has_heard: false,
            channels: BTreeMap::new(),
        }
    }

    /// Remembers what a line asks for, so that its answers can be waited for.
    pub(crate) fn note_sent(&mut self, line: &Line) {
        let channel = self.channel(line.channel());
        match line.verb.as_str() {
            "publish" if channel.confirms => {
                channel.published += 1;
                channel.unconfirmed.insert(channel.published);
            }
            "confirm.select" => {
                channel.confirms = true;
                channel.awaited += usize::from(!line.has("no-wait"));
            }
            "connection.close" | "connection.close-ok" => self.awaits_end = true,
            "queue.declare"
            | "queue.bind"
            | "queue.unbind"
            | "queue.purge"
            | "queue.delete"
            | "exchange.declare"
            | "exchange.delete"
            | "exchange.bind"
            | "exchange.unbind"
            | "consume"
            | "cancel"
            | "get"
            | "qos"
            | "recover"
            | "tx.select"
            | "tx.commit"
            | "tx.rollback"
            | "channel.open"
            | "channel.close"
            | "channel.flow"
            | "access.request"
            | "connection.open"
            | "connection.update-secret" => {
                channel.awaited += usize::from(!line.has("no-wait"));
            }
            _ => {}
        }
    }

    /// Whether something is sure to come.
    pub(crate) fn is_awaiting(&self) -> bool {
        let asked = |channel: &Channel| channel.awaited > 0 || !channel.unconfirmed.is_empty();
        !self.has_ended && (self.awaits_end || self.channels.values().any(asked))
    }

    /// Takes octets in; gives what is to be answered at once.
    pub(crate) fn handle(&mut self, octets: &[u8], ended: bool, show: &mut Show<'_>) -> Vec<Frame> {
        self.input.extend_from_slice(octets);
        let mut replies = Vec::new();
        if !self.has_heard && self.input.starts_with(b"AMQP") && self.input.len() >= 8 {
            let header = self.input.split_to(8);
            self.line(ChannelId::CONNECTION, format!("greeting \"{}\"", header.escape_ascii()));
        }
        loop {
            match self.decoder.decode(&mut self.input) {
                Ok(Some(frame)) => self.handle_frame(frame, show, &mut replies),
                Ok(None) => break,
                Err(error) => panic!("a broker says what nobody understands: {error}"),
            }
        }
        if ended && !self.has_ended {
            self.has_ended = true;
            if !self.is_hidden {
                self.line(ChannelId::CONNECTION, "end".into());
            }
        }
        replies
    }

    fn handle_frame(&mut self, frame: Frame, show: &mut Show<'_>, replies: &mut Vec<Frame>) {
        self.has_heard = true;
        let id = frame.channel();
        match frame {
            Frame::Method(_, method) => self.handle_method(id, method, show, replies),
            Frame::Header(_, header) => {
                let unfinished = self.channel(id).unfinished.as_mut().expect("a method before it");
                unfinished.1 = Some(header);
                self.finish(id, show);
            }
            Frame::Body(_, body) => {
                let unfinished = self.channel(id).unfinished.as_mut().expect("a header before it");
                unfinished.2.extend_from_slice(&body);
                self.finish(id, show);
            }
            Frame::Heartbeat => {}
        }
    }

    fn finish(&mut self, id: ChannelId, show: &mut Show<'_>) {
        let channel = self.channel(id);
        let Some((method, Some(header), octets)) = channel.unfinished.take() else {
            panic!("content without a header");
        };
        if (octets.len() as u64) < header.body_size {
            channel.unfinished = Some((method, Some(header), octets));
            return;
        }
        if matches!(method, Method::BasicGetOk(_)) {
            channel.awaited = channel.awaited.saturating_sub(1);
        }
        let line = show.content(&method, &header.properties, &Body::from(octets));
        self.line(id, line);
    }

    fn handle_method(
        &mut self,
        id: ChannelId,
        method: Method,
        show: &mut Show<'_>,
        replies: &mut Vec<Frame>,
    ) {
        let channel = self.channels.entry(id.number()).or_default();
        match &method {
            Method::BasicDeliver(_) | Method::BasicGetOk(_) | Method::BasicReturn(_) => {
                assert!(channel.unfinished.is_none(), "a method amid content");
                channel.unfinished = Some((method, None, Vec::new()));
                return;
            }
            Method::BasicAck(ack) => {
                return channel.settle(ack.delivery_tag, ack.multiple, true);
            }
            Method::BasicNack(nack) => {
                return channel.settle(nack.delivery_tag, nack.multiple, false);
            }
            Method::ChannelClose(_) => {
                *channel =
                    Channel { heard: core::mem::take(&mut channel.heard), ..Channel::default() };
                if !self.is_manual {
                    replies.push(Frame::Method(id, Method::ChannelCloseOk));
                }
            }
            Method::ChannelCloseOk => {
                *channel =
                    Channel { heard: core::mem::take(&mut channel.heard), ..Channel::default() };
            }
            Method::ConnectionClose(_) => {
                self.channels.values_mut().for_each(Channel::give_up);
                if !self.is_manual {
                    self.awaits_end = true;
                    replies.push(Frame::Method(id, Method::ConnectionCloseOk));
                }
            }
            // The client has the last word, and hangs up.
            Method::ConnectionCloseOk => {
                self.channels.values_mut().for_each(Channel::give_up);
                self.has_ended = true;
            }
            Method::ConnectionOpenOk => self.is_open = true,
            _ => {}
        }
        let is_answer =
            method.name().to_string().ends_with("-ok") || matches!(method, Method::BasicGetEmpty);
        if is_answer {
            let channel = self.channel(id);
            channel.awaited = channel.awaited.saturating_sub(1);
        }
        if self.is_hidden {
            self.last = Some(method);
        } else {
            let line = match &method {
                Method::ConnectionStart(start) if self.is_curious => show.introduction(start),
                method => show.method(method),
            };
            self.line(id, line);
        }
    }

    /// Shows how the hidden part ended.
    pub(crate) fn show_last(&mut self, show: &mut Show<'_>) {
        if let Some(method) = self.shown.take() {
            let line = show.method(&method);
            self.line(ChannelId::CONNECTION, line);
        }
        if self.has_ended {
            self.line(ChannelId::CONNECTION, "end".into());
        }
    }

    fn line(&mut self, id: ChannelId, line: String) {
        self.channel(id).heard.push(Heard::Line(line));
    }

    fn channel(&mut self, id: ChannelId) -> &mut Channel {
        self.channels.entry(id.number()).or_default()
    }

    /// What was heard since the last step, channel by channel.
    pub(crate) fn lines(&self, number: u32) -> Vec<String> {
        let mut lines = Vec::new();
        for (id, channel) in &self.channels {
            let place = if *id == 0 { number.to_string() } else { format!("{number}.{id}") };
            lines.extend(channel.lines().into_iter().map(|line| format!("{place} {line}")));
        }
        lines
    }

    /// A new step begins.
    pub(crate) fn forget(&mut self) {
        for channel in self.channels.values_mut() {
            channel.heard.clear();
            channel.awaited = 0;
            channel.unconfirmed.clear();
        }
    }
}

impl Channel {
    /// A confirm. What `multiple` saves a broker depends on its haste, so each tag is told.
    fn settle(&mut self, tag: u64, multiple: bool, accepted: bool) {
        let settled: BTreeSet<u64> = if multiple {
            self.unconfirmed.iter().copied().filter(|unconfirmed| *unconfirmed <= tag).collect()
        } else {
            BTreeSet::from([tag])
        };
        assert!(
            settled.iter().all(|tag| self.unconfirmed.remove(tag)),
            "{tag} is confirmed again, or without having been published"
        );
        let settled = settled.into_iter().map(|tag| (tag, accepted));
        match self.heard.last_mut() {
            Some(Heard::Settled(before)) => before.extend(settled),
            _ => self.heard.push(Heard::Settled(settled.collect())),
        }
    }

    fn give_up(&mut self) {
        self.awaited = 0;
        self.unconfirmed.clear();
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for heard in &self.heard {
            match heard {
                Heard::Line(line) => lines.push(line.clone()),
                Heard::Settled(settled) => {
                    let verb = |accepted: &bool| if *accepted { "ack" } else { "nack" };
                    let told = settled.iter();
                    lines.extend(told.map(|(tag, accepted)| format!("{} {tag}", verb(accepted))));
                }
            }
        }
        lines
    }
}

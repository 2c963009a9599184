//! A client in the world: a real client-role connection, and pleasant verbs over it.

use core::ops::Deref;
use std::collections::{BTreeMap, VecDeque};

use bytes::BytesMut;
use warrener_codec::method::basic;
use warrener_codec::{ChannelId, Content, Method};
use warrener_connection::{ClientConfig, Close, Connection, Event};
use warrener_time::Time;

use crate::Random;
use crate::channel::Channel;
use crate::server::front;
use crate::world::{Links, State, World, read_down};

/// One client of a [`World`], with one channel open; it can be used as that channel.
#[derive(Clone)]
pub struct Client {
    channel: Channel,
}

impl Client {
    pub(crate) fn connect(world: &World, config: ClientConfig) -> Self {
        let peer = Peer::dial(world, config).expect("the server listens");
        world.wait(|state| state.peers[peer].is_open || state.peers[peer].closed.is_some());
        let client = Self { channel: Channel::of(world.clone(), peer, ChannelId::new(0)) };
        assert_eq!(client.closed(), None, "the server lets the client in");
        Self { channel: client.open_channel() }
    }

    /// Another channel of the same connection.
    ///
    /// # Panics
    ///
    /// When the server does not open it.
    #[must_use]
    pub fn open_channel(&self) -> Channel {
        self.channel.open_another()
    }

    /// How the connection ended, if it has.
    #[must_use]
    pub fn closed(&self) -> Option<Close> {
        self.channel.peer(|peer| peer.closed.clone())
    }

    /// Closes the connection, and waits until the server has agreed.
    pub fn close(&self) {
        let (world, peer) = (&self.channel.world, self.channel.peer);
        world.with(|state| {
            let now = state.now();
            state.peers[peer].machine.close(now, Close::goodbye());
        });
        world.wait(|state| state.peers[peer].closed.is_some());
        world.settle();
    }

    /// The stream breaks in the middle.
    pub fn cut(&self) {
        let peer = self.channel.peer;
        self.channel.world.with(|state| state.cut_link(state.peers[peer].link));
    }

    /// The client stops reading its stream (`true`), or goes on.
    pub fn stop_reading(&self, stopped: bool) {
        let peer = self.channel.peer;
        self.channel.world.with(|state| state.stop_reading(state.peers[peer].link, stopped));
    }
}

impl Deref for Client {
    type Target = Channel;

    fn deref(&self) -> &Channel {
        &self.channel
    }
}

/// The client's side of one stream, as the world moves it.
pub(crate) struct Peer {
    pub(crate) machine: Connection,
    pub(crate) link: usize,
    input: BytesMut,
    pub(crate) is_open: bool,
    pub(crate) closed: Option<Close>,
    pub(crate) channels: BTreeMap<ChannelId, Heard>,
    ended: bool,
}

/// An answer to a request.
pub(crate) struct Reply {
    pub(crate) method: Method,
    pub(crate) content: Option<Content>,
    /// The greatest delivery tag that came before it.
    pub(crate) after_tag: u64,
}

/// What the broker said on one channel and nobody has looked at yet.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) is_open: bool,
    pub(crate) closed: Option<Close>,
    pub(crate) replies: VecDeque<Reply>,
    /// The greatest delivery tag so far.
    last_tag: u64,
    pub(crate) deliveries: VecDeque<(basic::Deliver, Content)>,
    pub(crate) returns: VecDeque<(basic::Return, Content)>,
    /// basic.ack and basic.nack from the broker.
    pub(crate) confirms: VecDeque<Method>,
    /// basic.cancel from the broker.
    pub(crate) cancels: VecDeque<basic::Cancel>,
}

impl Reply {
    /// How many messages it says there are, or were.
    pub(crate) fn message_count(&self) -> Option<u64> {
        let count = match &self.method {
            Method::QueueDeclareOk(ok) => ok.message_count,
            Method::QueuePurgeOk(ok) => ok.message_count,
            Method::QueueDeleteOk(ok) => ok.message_count,
            _ => return None,
        };
        Some(u64::from(count))
    }
}

impl Heard {
    fn reply(&mut self, method: Method, content: Option<Content>) {
        self.replies.push_back(Reply { method, content, after_tag: self.last_tag });
    }
}

impl Peer {
    pub(crate) fn new(config: ClientConfig, link: usize, now: Time) -> Self {
        Self {
            machine: Connection::client(config, now),
            link,
            input: BytesMut::new(),
            is_open: false,
            closed: None,
            channels: BTreeMap::new(),
            ended: false,
        }
    }

    /// Opens a stream and begins to log in, without waiting; `None` when nobody listens.
    pub(crate) fn dial(world: &World, config: ClientConfig) -> Option<usize> {
        world.with(|state| state.add_peer(config))
    }

    /// The client is gone without a word, and hears no more.
    pub(crate) fn vanish(&mut self) {
        self.ended = true;
        self.is_open = false;
        self.input = BytesMut::new();
    }

    pub(crate) const fn has_ended(&self) -> bool {
        self.ended
    }

    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        if self.ended { None } else { self.machine.poll_timeout().map(|(due, _)| due) }
    }

    /// Reads, reacts, and writes; gives whether there was anything to do.
    pub(crate) fn run(&mut self, now: Time, links: &mut Links, random: &mut Random) -> bool {
        if self.ended {
            return false;
        }
        let link = &mut links[self.link];
        let mut busy = false;
        if self.machine.wants_read() {
            busy |= read_down(link, now, &mut self.input);
        }
        // What is wrong comes as an event as well.
        let _ = self.machine.handle_bytes(now, &mut self.input);
        if self.machine.poll_timeout().is_some_and(|(due, _)| due <= now) {
            self.machine.handle_timeout(now);
        }
        if link.down.is_at_end(now) && !link.down.stopped {
            self.machine.handle_eof(now);
        }
        while let Some(event) = self.machine.poll_event() {
            self.handle_event(event);
            busy = true;
        }
        if !link.broken && !self.machine.outgoing().is_empty() {
            let room = link.up.room(&link.weather);
            let waiting = front(self.machine.outgoing(), room);
            let count = link.write_up(now, random, &waiting);
            bytes::Buf::advance(self.machine.outgoing(), count);
            busy |= count > 0;
        }
        let written = link.broken || self.machine.outgoing().is_empty();
        if self.machine.is_finished() && written {
            link.end_up(now, random);
            self.ended = true;
            busy = true;
        }
        busy
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::Ready(_) => self.is_open = true,
            Event::ChannelOpened(id) => {
                self.channels.insert(id, Heard { is_open: true, ..Heard::default() });
            }
            Event::ChannelClosed(id, close) => {
                if close.by == warrener_connection::Initiator::Peer {
                    let _ = self.machine.send(id, &Method::ChannelCloseOk);
                }
                let heard = self.channels.entry(id).or_default();
                heard.is_open = false;
                heard.closed = Some(close);
            }
            Event::Closed(close) => {
                if close.by == warrener_connection::Initiator::Peer {
                    self.machine.finish_close();
                }
                self.is_open = false;
                self.closed = Some(close);
            }
            Event::Method(id, method) => {
                let heard = self.channels.entry(id).or_default();
                match method {
                    Method::BasicAck(_) | Method::BasicNack(_) => heard.confirms.push_back(method),
                    Method::BasicCancel(cancel) => heard.cancels.push_back(cancel),
                    reply => heard.reply(reply, None),
                }
            }
            Event::Content(id, method, content) => {
                let heard = self.channels.entry(id).or_default();
                match method {
                    Method::BasicDeliver(deliver) => {
                        heard.last_tag = deliver.delivery_tag();
                        heard.deliveries.push_back((deliver, content));
                    }
                    Method::BasicReturn(returned) => heard.returns.push_back((returned, content)),
                    reply => {
                        if let Method::BasicGetOk(got) = &reply {
                            heard.last_tag = got.delivery_tag();
                        }
                        heard.reply(reply, Some(content));
                    }
                }
            }
            Event::Introduced(_) => {}
            Event::Oversized(..)
            | Event::Challenge(_)
            | Event::Authenticate(_)
            | Event::Response(_)
            | Event::Open { .. }
            | Event::UpdateSecret { .. } => panic!("a false client does not expect {event:?}"),
        }
    }
}

impl Channel {
    pub(crate) fn peer<R>(&self, look: impl FnOnce(&mut Peer) -> R) -> R {
        self.world.with(|state: &mut State| look(&mut state.peers[self.peer]))
    }
}

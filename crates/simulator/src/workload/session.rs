//! A client of a run: it never waits for an answer, because in a run any answer may never come.

use std::collections::{BTreeMap, VecDeque};

use warrener_codec::{ChannelId, Method};
use warrener_connection::{ClientConfig, Close, Initiator, Mechanism};
use warrener_time::Time;

use crate::Channel;
use crate::client::{Peer, Reply};
use crate::history::{ActorId, Happened, MessageId, QueueId};

use super::record::Record;

/// The one channel that a client has.
const CHANNEL: ChannelId = ChannelId::new(1);
/// The user whose rights may be taken away.
pub(super) const VISITOR: &str = "visitor";
/// RabbitMQ's code for connections that end because the server does.
const CONNECTION_FORCED: u16 = 320;

/// Something that was asked, and will be answered in its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A declaration, a mode, a prefetch.
    Setup,
    /// To be given what a queue has, from then on.
    Consume,
    /// A queue of one's own.
    Made(QueueId),
    /// How many messages are in a queue, or were when it was purged or deleted.
    Count {
        queue: QueueId,
        expected: u64,
    },
    /// A queue to be deleted that others use as well.
    Deleted(QueueId),
    /// To be given one message now.
    Get(QueueId, Time),
    /// Nothing but an answer.
    Barrier,
    /// All held messages back to their queues.
    Recover,
    Commit(u64),
    Rollback(u64),
    Purge,
    Delete,
    Cancel,
}

impl Asked {
    const fn is_answered_by(&self, reply: &Method) -> bool {
        match self {
            Self::Setup => matches!(
                reply,
                Method::QueueDeclareOk(_)
                    | Method::QueueBindOk
                    | Method::QueueUnbindOk
                    | Method::ExchangeDeclareOk
                    | Method::ExchangeBindOk
                    | Method::ExchangeUnbindOk
                    | Method::BasicQosOk
                    | Method::ConfirmSelectOk
                    | Method::TxSelectOk
            ),
            Self::Consume => matches!(reply, Method::BasicConsumeOk(_)),
            Self::Get(..) => matches!(reply, Method::BasicGetOk(_) | Method::BasicGetEmpty),
            Self::Barrier => matches!(reply, Method::BasicQosOk),
            Self::Recover => matches!(reply, Method::BasicRecoverOk),
            Self::Commit(_) => matches!(reply, Method::TxCommitOk),
            Self::Rollback(_) => matches!(reply, Method::TxRollbackOk),
            Self::Made(_) => matches!(reply, Method::QueueDeclareOk(_)),
            Self::Count { .. } => matches!(
                reply,
                Method::QueueDeclareOk(_) | Method::QueuePurgeOk(_) | Method::QueueDeleteOk(_)
            ),
            Self::Deleted(_) => matches!(reply, Method::QueueDeleteOk(_)),
            Self::Delete => matches!(reply, Method::QueueDeleteOk(_) | Method::ExchangeDeleteOk),
            Self::Purge => matches!(reply, Method::QueuePurgeOk(_)),
            Self::Cancel => matches!(reply, Method::BasicCancelOk(_)),
        }
    }
}

/// How far a client has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The connection is opening.
    Dialling,
    /// Its channel is.
    Opening,
    Open,
    Over,
}

/// A client with one channel.
pub(super) struct Session {
    pub(super) channel: Channel,
    pub(super) by: ActorId,
    pub(super) phase: Phase,
    asked: VecDeque<Asked>,
    pub(super) stalled: bool,
}

impl Session {
    /// `None` when nobody listens.
    pub(super) fn dial(record: &Record) -> Option<Self> {
        Self::dial_as("guest", record)
    }

    /// Somebody whose rights may be taken away.
    pub(super) fn visit(record: &Record) -> Option<Self> {
        let session = Self::dial_as(VISITOR, record)?;
        record.note(Happened::Visits(session.by));
        Some(session)
    }

    fn dial_as(user: &str, record: &Record) -> Option<Self> {
        let mut config = ClientConfig::new(Mechanism::plain(user, "guest"), "/");
        config.heartbeat_s = Some(HEARTBEAT_S);
        let peer = Peer::dial(&record.world, config)?;
        let channel = Channel::of(record.world.clone(), peer, CHANNEL);
        let (by, phase) = (record.actor(), Phase::Dialling);
        Some(Self { channel, by, phase, asked: VecDeque::new(), stalled: false })
    }

    /// Moves on; gives whether it has just become open.
    pub(super) fn progress(&mut self, record: &Record) -> bool {
        if self.phase == Phase::Over {
            return false;
        }
        let (is_open, closed) = self.channel.peer(|peer| (peer.is_open, peer.closed.clone()));
        if let Some(close) = closed.or_else(|| self.channel.closed()) {
            self.end(&close, record);
            return false;
        }
        match self.phase {
            Phase::Dialling if is_open => {
                let sent =
                    self.channel.peer(|peer| peer.machine.send(CHANNEL, &Method::ChannelOpen));
                sent.expect("a channel can be opened");
                self.phase = Phase::Opening;
                false
            }
            Phase::Opening if self.channel.heard(|heard| heard.is_open) => {
                self.phase = Phase::Open;
                true
            }
            Phase::Dialling | Phase::Opening | Phase::Open | Phase::Over => false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Sends a request and remembers that it will be answered.
    pub(super) fn ask(&mut self, request: impl Into<Method>, asked: Asked) {
        self.channel.send(request);
        self.asked.push_back(asked);
    }

    /// Remembers that so many declarations will be answered.
    pub(super) fn expect_setup(&mut self, count: usize) {
        self.asked.extend(core::iter::repeat_n(Asked::Setup, count));
    }

    /// The answers that have come.
    pub(super) fn answers(&mut self, record: &Record) -> Vec<(Asked, Reply)> {
        let replies = self.channel.heard(|heard| core::mem::take(&mut heard.replies));
        let mut answers = Vec::with_capacity(replies.len());
        for reply in replies {
            match self.asked.pop_front() {
                Some(asked) if asked.is_answered_by(&reply.method) => answers.push((asked, reply)),
                other => {
                    let what =
                        format!("{} is told {} after {other:?}", self.by, reply.method.name());
                    record.note(Happened::Odd(what));
                }
            }
        }
        answers
    }

    /// Whether anything asked for was not answered yet.
    pub(super) fn waits_for(&self) -> Option<String> {
        match self.phase {
            Phase::Dialling => Some("the connection".into()),
            Phase::Opening => Some("the channel".into()),
            Phase::Open => self.asked.front().map(|asked| format!("{asked:?}")),
            Phase::Over => None,
        }
    }

    /// Notes what has come back.
    pub(super) fn note_returns(&self, record: &Record) {
        let by = self.by;
        for (_, message) in self.channel.returns() {
            match record.identify(&message.body) {
                Some((id, true)) => record.note(Happened::Returned { by, id }),
                _ => record.note(Happened::Odd(format!("{by} is returned something damaged"))),
            }
        }
    }

    /// Notes what was confirmed, and takes it out of what waits.
    pub(super) fn note_confirms(&self, waiting: &mut BTreeMap<u64, MessageId>, record: &Record) {
        for (tag, multiple, accepted) in self.channel.confirms() {
            record.note(Happened::Confirmed { by: self.by, tag, multiple, accepted });
            if multiple {
                *waiting = waiting.split_off(&(tag + 1));
            } else {
                waiting.remove(&tag);
            }
        }
    }

    /// What was asked for, or published, and not answered yet.
    pub(super) fn waits_for_confirms(&self, waiting: &BTreeMap<u64, MessageId>) -> Option<String> {
        let unconfirmed = || {
            let first = waiting.first_key_value().filter(|_| self.is_open());
            first.map(|(tag, id)| format!("the confirm of {id}, tag {tag}"))
        };
        self.waits_for().or_else(unconfirmed)
    }

    /// The stream breaks.
    pub(super) fn cut(&self, record: &Record) {
        record.note(Happened::Cut(self.by));
        self.channel.world.with(|state| state.cut_link(state.peers[self.channel.peer].link));
    }

    /// The client is gone, and the server does not know.
    pub(super) fn vanish(&mut self, record: &Record) {
        record.note(Happened::Vanished(self.by));
        self.channel.world.with(|state| state.silence_link(self.channel.peer));
        self.phase = Phase::Over;
    }

    /// The client stops reading, or goes on.
    pub(super) fn stall(&mut self, stalled: bool, record: &Record) {
        if self.stalled != stalled {
            record.note(Happened::Stalled(self.by, stalled));
            self.stalled = stalled;
            self.channel.world.with(|state| {
                state.stop_reading(state.peers[self.channel.peer].link, stalled);
            });
        }
    }

    /// The client says goodbye, without waiting for the answer.
    pub(super) fn say_goodbye(&self) {
        self.channel.world.with(|state| {
            let now = state.now();
            state.peers[self.channel.peer].machine.close(now, Close::goodbye());
        });
    }

    fn end(&mut self, close: &Close, record: &Record) {
        self.phase = Phase::Over;
        let code = close.code.0;
        if close.by == Initiator::Peer && code != CONNECTION_FORCED {
            let text = close.text.to_string();
            record.note(Happened::Refused { by: self.by, code, text });
        } else {
            record.note(Happened::Ended(self.by));
        }
        // Where only the channel is over, the connection has no use any more.
        self.say_goodbye();
    }
}

/// How often clients and server assure each other that they are there.
pub(super) const HEARTBEAT_S: u16 = 5;

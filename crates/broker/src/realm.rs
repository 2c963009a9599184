//! Everything that is not a protocol: virtual hosts, queues, messages, and what is known of users.
//!
//! It speaks neutral verbs (declare, bind, publish, attach, settle) and knows no channel and no method. What a protocol's
//! face must hear of comes as a [`Notice`]; what a consumer gets is asked for with
//! [`poll_delivery`](Realm::poll_delivery).

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use bytes::Bytes;
use smallvec::SmallVec;
use warrener_codec::{Content, ShortStr, Table};
use warrener_queue::{Effect as QueueEffect, Position, Seq};
use warrener_router::{Matches, Target};
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

use crate::config::{Config, Limits, ROUTE_STEPS};
use crate::declare::QueueSlot;
use crate::definitions::{GlobalParameterDefinition, ParameterDefinition};
use crate::effect::Effect;
use crate::effort::Effort;
use crate::generator::Generator;
use crate::id::{ChannelKey, ConnectionId, LinkId, MessageId, QueueId, RecordId, VhostId};
use crate::job::Job;
use crate::json::Object;
use crate::keeper::Keeper;
use crate::latency::Latencies;
use crate::message::{Messages, NewMessage};
use crate::paging::Loads;
use crate::policy::Level;
use crate::record::{After, Fact, MessageAt, Place, Record};
use crate::refusal::{Reason, Resource};
use crate::report::Reports;
use crate::setting::{SettingName, SettingRecords};
use crate::shelf::ShelfId;
use crate::slab::Store;
use crate::stats::Stats;
use crate::user::Users;
use crate::vhost::Vhosts;

/// The broker without its clients.
#[derive(Debug)]
pub(crate) struct Realm {
    pub(crate) limits: Limits,
    pub(crate) generator: Generator,
    pub(crate) users: Users,
    pub(crate) vhosts: Vhosts,
    pub(crate) queues: Store<QueueId, QueueSlot>,
    /// Which queues end with which connection.
    pub(crate) owned: BTreeSet<(ConnectionId, QueueId)>,
    pub(crate) messages: Messages,
    pub(crate) stats: Stats,
    /// What is on disk of settings.
    pub(crate) settings: SettingRecords,
    /// Runtime parameters: by virtual host, component and name.
    pub(crate) parameters: BTreeMap<(ShortStr, ShortStr, ShortStr), ParameterDefinition>,
    pub(crate) global_parameters: BTreeMap<ShortStr, GlobalParameterDefinition>,
    /// What definitions say beyond what is known, by the record of what they declare.
    pub(crate) members: BTreeMap<RecordId, Object>,
    /// Policies of which it was said that they cost too much.
    pub(crate) costly_policies: BTreeSet<(ShortStr, Level, ShortStr)>,
    /// What was begun and goes on in slices, one of each in turn.
    pub(crate) jobs: VecDeque<Job>,
    /// What the present turn has done and may do.
    pub(crate) effort: Effort,
    /// Which queue has worked last.
    pub(crate) worked_last: Option<QueueId>,
    /// How many messages the first of the queues that are awake has handed out in a row.
    pub(crate) in_a_row: u32,
    /// What faces must hear of, in order.
    pub(crate) notices: VecDeque<Notice>,
    /// Queues that may have something to deliver, each once, in the order in which they woke.
    pub(crate) awake: VecDeque<QueueId>,
    /// Exchanges that delay and may have messages whose time has come, each once.
    pub(crate) overdue: VecDeque<QueueId>,
    /// When queues want to be woken.
    pub(crate) timers: BTreeSet<(Time, QueueId)>,
    /// When queues want to try again to be rid of what they hold.
    pub(crate) retries: BTreeSet<(Time, QueueId)>,
    /// What happened in queues and is still to be dealt with.
    pub(crate) happened: VecDeque<(QueueId, Happened)>,
    /// What the log was asked for.
    pub(crate) loads: Loads,
    /// The shelf of contents whose queue is not known.
    pub(crate) shelf: ShelfId,
    /// Whether any queue ever had a message whose headers not every client may be able to take.
    pub(crate) has_wide: bool,
    /// More is held than should be, and too little of it can leave.
    pub(crate) is_strained: bool,
    /// What others than messages hold of memory, in octets.
    pub(crate) held_elsewhere_bytes: u64,
    /// Records that are about several messages.
    pub(crate) compounds: BTreeMap<RecordId, Compound>,
    last_record: RecordId,
    /// What the broker itself is to publish.
    pub(crate) reports: Reports,
    /// How long messages wait, while somebody looks.
    pub(crate) latencies: Latencies,
    /// On whose behalf things are done that have no client; nobody's when empty.
    pub(crate) actor: ShortStr,
    /// What the broker calls itself.
    pub(crate) node: ShortStr,
    /// Memory that routing works in.
    pub(crate) matches: Matches<QueueId>,
    /// Memory for the destinations of one message.
    pub(crate) targets: Vec<QueueId>,
    /// Memory that queues answer in.
    pub(crate) answers: Vec<QueueEffect<MessageId>>,
    /// Memory for what is to be read of a queue.
    pub(crate) wanted: Vec<(MessageId, u32)>,
}

/// A record that brought several messages, or that also says that messages of other records left their queues.
#[derive(Debug)]
pub(crate) struct Compound {
    /// How many of the messages it brought are still somewhere.
    pub(crate) left: u32,
    /// Which messages it says left a queue, and what they are known by, as long as they are anywhere else.
    pub(crate) settled: Vec<(Option<MessageId>, Place)>,
}

/// Something that happened to a consumer through no doing of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Its queue is gone.
    QueueGone(LinkId),
    /// It held this message for too long, and no longer holds it.
    TakenBack { link: LinkId, queue: QueueId, seq: Seq },
    /// The message that a queue would give next is in memory again. Channels that waited for it go on, those behind this one.
    Here(QueueId, Option<ChannelKey>),
    /// What a client that wants to leave has asked for is done.
    Farewell(ConnectionId),
}

/// A message that leaves a queue, which holds it until it is known where it goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) queue: QueueId,
    pub(crate) message: MessageId,
}

/// Something that happened in a queue.
#[derive(Debug)]
pub(crate) enum Happened {
    /// What the queue says.
    Queue(QueueEffect<MessageId>),
    /// It refused this message, which is to be dead-lettered, and comes of one that is held elsewhere until then.
    Refused { new: Box<NewMessage>, source: Option<Held> },
    /// The exchange that it kept messages for is gone.
    Orphaned,
    /// This was bound to the exchange that it remembers messages for, when the last of those was `upto`. It has what
    /// comes before `after`.
    Asked { target: Target<QueueId>, after: Option<Position>, upto: Seq },
    /// A content that it waited for is no longer needed.
    Content,
    /// All that it had has left, and it has no name any more.
    Emptied,
}

impl Realm {
    pub(crate) fn new(config: Config) -> Self {
        let mut generator = Generator::new(config.seed);
        let seed = generator.number();
        let mut vhosts = Vhosts::new(config.syncs);
        let mut settings = SettingRecords::default();
        for name in config.vhosts {
            settings.give(SettingName::Vhost(name.clone()));
            vhosts.add(name, generator.number(), |_| false);
        }
        for user in &config.users {
            settings.give(SettingName::User(user.name.clone()));
            for vhost in user.permissions.keys() {
                let (user, vhost) = (user.name.clone(), vhost.clone());
                settings.give(SettingName::Permission { user, vhost });
            }
            for (vhost, exchange) in user.topic_permissions.keys() {
                let (user, vhost, exchange) = (user.name.clone(), vhost.clone(), exchange.clone());
                settings.give(SettingName::TopicPermission { user, vhost, exchange });
            }
        }
        let mut messages = Messages::new();
        let shelf = messages.add_shelf();
        let mut matches = Matches::with_seed(seed);
        matches.set_most_steps(ROUTE_STEPS);
        Self {
            limits: config.limits,
            generator,
            users: Users::new(config.users),
            vhosts,
            queues: Store::new(),
            owned: BTreeSet::new(),
            messages,
            loads: Loads::default(),
            shelf,
            has_wide: false,
            is_strained: false,
            held_elsewhere_bytes: 0,
            stats: Stats::default(),
            settings,
            parameters: BTreeMap::new(),
            global_parameters: BTreeMap::new(),
            members: BTreeMap::new(),
            costly_policies: BTreeSet::new(),
            jobs: VecDeque::new(),
            effort: Effort::default(),
            worked_last: None,
            in_a_row: 0,
            notices: VecDeque::new(),
            awake: VecDeque::new(),
            overdue: VecDeque::new(),
            timers: BTreeSet::new(),
            retries: BTreeSet::new(),
            happened: VecDeque::new(),
            compounds: BTreeMap::new(),
            last_record: RecordId(0),
            reports: Reports::default(),
            latencies: Latencies::new(),
            actor: ShortStr::EMPTY,
            node: config.node,
            matches,
            targets: Vec::new(),
            answers: Vec::new(),
            wanted: Vec::new(),
        }
    }

    pub(crate) fn queue(&self, id: QueueId) -> &QueueSlot {
        self.queues.get(id).expect("the id of a queue that is there")
    }

    pub(crate) fn queue_mut(&mut self, id: QueueId) -> &mut QueueSlot {
        self.queues.get_mut(id).expect("the id of a queue that is there")
    }

    /// Refuses one more exchange or queue in a virtual host that is full.
    pub(crate) fn refuse_too_many(&self, vhost: VhostId, resource: Resource) -> Result<(), Reason> {
        let limit = self.limits.names_per_vhost;
        if self.vhosts[vhost].names() >= limit as usize {
            return Err(Reason::TooMany { resource, limit });
        }
        Ok(())
    }

    /// Refuses arguments that are too large to be kept.
    pub(crate) fn check_arguments(&self, arguments: &Table) -> Result<(), Reason> {
        let (size, limit) = (arguments.as_bytes().len(), self.limits.arguments_bytes);
        if size > limit { Err(Reason::ArgumentsTooLarge { size, limit }) } else { Ok(()) }
    }

    /// Makes a definition durable; somebody waits for it.
    pub(crate) fn persist(&mut self, fact: &Fact, out: &mut Vec<Effect>) -> RecordId {
        self.append(fact, SmallVec::new(), true, out)
    }

    /// Makes a fact durable, with the messages that it brings.
    pub(crate) fn append(
        &mut self,
        fact: &Fact,
        contents: SmallVec<[Content; 1]>,
        awaited: bool,
        out: &mut Vec<Effect>,
    ) -> RecordId {
        self.append_after(fact, fact.after(), contents, awaited, out)
    }

    /// The same, behind what is given.
    pub(crate) fn append_after(
        &mut self,
        fact: &Fact,
        after: After,
        contents: SmallVec<[Content; 1]>,
        awaited: bool,
        out: &mut Vec<Effect>,
    ) -> RecordId {
        self.append_encoded((fact.encode(), fact.refers_to(), after), contents, awaited, out)
    }

    /// The same, of a fact in octets, with the records without which it means nothing and those that it comes after.
    pub(crate) fn append_encoded(
        &mut self,
        (digest, refers_to, after): (Bytes, SmallVec<[RecordId; 1]>, After),
        contents: SmallVec<[Content; 1]>,
        awaited: bool,
        out: &mut Vec<Effect>,
    ) -> RecordId {
        let id = self.next_record();
        let record = Record { id, refers_to, digest, contents, awaited, after };
        out.push(Effect::Persist(record.into()));
        self.last_record = id;
        id
    }

    /// The id that the next record will have.
    pub(crate) const fn next_record(&self) -> RecordId {
        RecordId(self.last_record.0 + 1)
    }

    /// Records up to this one have been used.
    pub(crate) fn skip_records(&mut self, last: RecordId) {
        self.last_record = self.last_record.max(last);
    }

    /// Makes the end of a definition durable, and lets go of its beginning.
    pub(crate) fn forget(
        &mut self,
        begun: RecordId,
        fact: &Fact,
        out: &mut Vec<Effect>,
    ) -> RecordId {
        self.forget_members(begun, out);
        let ended = self.persist(fact, out);
        out.push(Effect::Release(begun));
        ended
    }

    /// One of the messages of a record is nowhere any more.
    pub(crate) fn release_message(&mut self, at: MessageAt, out: &mut Vec<Effect>) {
        if let Some(compound) = self.compounds.get_mut(&at.record) {
            compound.left -= 1;
            if compound.left > 0 {
                return;
            }
            let compound = self.compounds.remove(&at.record).expect("it was just there");
            self.restate(at.record, &compound.settled, out);
        }
        #[cfg(warrener_planted)]
        if planted(Bug::ForgetRelease) {
            return;
        }
        out.push(Effect::Release(at.record));
    }

    /// Says again, in records of their own, what a record says that is about to go: which messages left which queues,
    /// where it still matters. Not before that record: what it brought may have gone on behind it, and not be there yet.
    fn restate(
        &mut self,
        said: RecordId,
        settled: &[(Option<MessageId>, Place)],
        out: &mut Vec<Effect>,
    ) {
        for (message, place) in settled {
            let message = message.and_then(|message| self.messages.find(message));
            let record = place.message.record;
            let is_known = message.is_some_and(|message| {
                message.durable().is_some_and(|durable| durable.at == place.message)
                    || message.on_disk().is_some_and(|(on_disk, _)| on_disk == record)
            });
            // The message may be nowhere any more, and its record be there for others that came with it.
            if is_known || self.compounds.contains_key(&record) {
                let after = After::Records(alloc::vec![said]);
                let settled = Fact::Settled(*place);
                self.append_after(&settled, after, SmallVec::new(), false, out);
            }
        }
    }

    /// Puts a queue in line to deliver.
    #[inline]
    pub(crate) fn wake(&mut self, id: QueueId) {
        let slot = self.queue_mut(id);
        if !slot.awake && slot.returning == 0 {
            match slot.keeper {
                None => self.awake.push_back(id),
                Some(Keeper::Delays(_)) => self.overdue.push_back(id),
                Some(Keeper::Remembers(_)) => return,
            }
            self.queue_mut(id).awake = true;
        }
    }

    /// Takes what a queue answered, to be dealt with in its turn.
    #[inline]
    pub(crate) fn collect(&mut self, id: QueueId) {
        if !self.answers.is_empty() {
            self.collect_some(id);
        }
    }

    fn collect_some(&mut self, id: QueueId) {
        self.effort.visit(self.answers.len());
        for answer in self.answers.drain(..) {
            self.happened.push_back((id, Happened::Queue(answer)));
        }
    }

    /// Keeps the timers right after anything was done to a queue.
    #[inline]
    pub(crate) fn reschedule(&mut self, id: QueueId) {
        let slot = self.queues.get_mut(id).expect("the id of a queue that is there");
        if !slot.is_on_schedule() {
            self.schedule_anew(id);
        }
    }

    /// The timers are not right about a queue.
    pub(crate) fn schedule_anew(&mut self, id: QueueId) {
        let slot = self.queues.get_mut(id).expect("the id of a queue that is there");
        let due = slot.queue.poll_timeout().map(|(time, _)| time);
        if let Some(before) = slot.scheduled {
            self.timers.remove(&(before, id));
        }
        slot.scheduled = due;
        if let Some(due) = due {
            self.timers.insert((due, id));
        }
    }
}

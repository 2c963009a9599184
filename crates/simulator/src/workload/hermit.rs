//! Who makes queues for itself: exclusive ones, which go with it, and auto-delete ones, which go with their last
//! consumer.

use warrener_codec::Properties;
use warrener_codec::method::{basic, queue};

use crate::Random;
use crate::channel::short;
use crate::history::{Delivered, Happened, MessageId, Published, QueueId};

use super::record::Record;
use super::session::{Asked, Session};
use super::topology::name;

/// One client with a queue of its own.
pub(super) struct Hermit {
    pub(super) session: Session,
    queue: QueueId,
    exclusive: bool,
    holds: Vec<(u64, MessageId)>,
}

impl Hermit {
    pub(super) fn dial(random: &mut Random, record: &Record) -> Option<Self> {
        let session = Session::dial(record)?;
        let (queue, exclusive) = (record.queue(), random.chance(60));
        Some(Self { session, queue, exclusive, holds: Vec::new() })
    }

    pub(super) fn listen(&mut self, record: &Record) {
        if self.session.progress(record) {
            let queue = short(&name(self.queue));
            let (exclusive, auto_delete, durable) =
                (self.exclusive, !self.exclusive, self.exclusive);
            let declare = queue::Declare {
                queue: queue.clone(),
                exclusive,
                auto_delete,
                durable,
                ..queue::Declare::default()
            };
            self.session.ask(declare, Asked::Setup);
            let consume = basic::Consume { queue, ..basic::Consume::default() };
            self.session.ask(consume, Asked::Consume);
        }
        let by = self.session.by;
        for (asked, _) in self.session.answers(record) {
            // An auto-delete queue that was never consumed stays.
            let consumed = asked == Asked::Consume;
            if consumed || self.exclusive && asked == Asked::Setup {
                record.note(Happened::Made { by, queue: self.queue });
            }
        }
        for message in self.session.channel.deliveries() {
            let Some((id, whole)) = record.identify(&message.body) else { continue };
            self.holds.push((message.delivery_tag, id));
            record.note(Happened::Delivered(Delivered {
                id,
                from: self.queue,
                to: by,
                redelivered: message.redelivered,
                whole,
                deaths: Vec::new(),
                failures: 0,
                not_before: record.now(),
            }));
        }
    }

    /// Talks to itself, and leaves in the middle of it now and then.
    pub(super) fn act(&mut self, random: &mut Random, record: &Record) {
        for _ in 0..1 + random.index(3) {
            let id = record.message();
            let properties = Properties::builder().delivery_mode(2).build().unwrap_or_default();
            let channel = &self.session.channel;
            let body = record.body(id);
            let bytes = body.len() as u64;
            channel.publish_with("", &name(self.queue), false, properties, body);
            record.note(Happened::Published(Published {
                id,
                by: self.session.by,
                tag: 0,
                transaction: None,
                to: vec![self.queue],
                persistent: true,
                mandatory: false,
                priority: None,
                expiration_ms: None,
                bytes,
            }));
        }
        for (tag, _) in self.holds.drain(..) {
            if random.chance(80) {
                self.session.channel.ack(tag);
            }
        }
        match random.below(30) {
            0 => self.session.cut(record),
            1 => self.session.say_goodbye(),
            _ => {}
        }
    }
}

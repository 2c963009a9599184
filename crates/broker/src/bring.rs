//! Records that the log gave back: the contents that are needed come into memory, those of a large transaction in slices.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;
use warrener_codec::{Content, Limits, Properties};
use warrener_time::Time;

use crate::digest::Parts;
use crate::effect::Effect;
use crate::id::{MessageId, RecordId};
use crate::job::Job;
use crate::message::{NewMessage, Traits};
use crate::realm::Realm;
use crate::record::{Published, RecordError};
use crate::shelf::End;

/// A record as the log gives it back for [`Effect::Load`], not looked at yet: one of a large transaction holds very many
/// messages, of which few may be needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedRecord {
    /// Its number.
    pub(crate) id: RecordId,
    parts: Parts,
    /// The contents of the messages that are still to come.
    rest: Bytes,
}

impl LoadedRecord {
    /// A record's digest, and all of its [`parts`](crate::Record::parts) in one piece.
    ///
    /// # Errors
    ///
    /// When the digest is not one that this version of the broker wrote.
    pub fn new(id: RecordId, digest: Bytes, body: Bytes) -> Result<Self, RecordError> {
        Ok(Self { id, parts: Parts::of(digest)?, rest: body })
    }

    /// The next of its messages.
    fn next_part(&mut self) -> Result<(Published, Content), RecordError> {
        let published = self.parts.next_published()?;
        let (properties, body) = (published.sizes.properties as usize, published.sizes.body);
        if (self.rest.len() as u64) < properties as u64 + body {
            return Err(RecordError::Truncated);
        }
        let properties = self.rest.split_to(properties);
        let properties = Properties::from_bytes(properties, &Limits::WIDEST);
        let properties = properties.map_err(|_| RecordError::Malformed)?;
        let body = self.rest.split_to(body as usize);
        Ok((published, Content::new(properties, body)))
    }
}

/// A record whose contents come into memory.
#[derive(Debug)]
pub(crate) struct Bringing {
    record: LoadedRecord,
    /// Which of its messages is the next.
    next: u32,
    is_shared: bool,
    /// Whose contents are needed, and which parts they are, the last first.
    wanted: Vec<(u32, MessageId)>,
}

impl Realm {
    /// The log gave a record back.
    pub(crate) fn loaded(&mut self, now: Time, record: LoadedRecord, out: &mut Vec<Effect>) {
        let Some(load) = self.loads.of(record.id) else { return };
        let mut wanted: Vec<_> = load.messages().map(|(message, part)| (part, message)).collect();
        wanted.sort_unstable_by(|left, right| right.cmp(left));
        let is_shared = record.parts.left() > 1;
        let bringing = Bringing { record, next: 0, is_shared, wanted };
        let rest = self.go_on_bringing(now, Box::new(bringing), out);
        self.jobs.extend(rest.map(Job::Bring));
    }

    /// Goes on with it, as far as the turn allows; gives it back when there is more to do.
    pub(crate) fn go_on_bringing(
        &mut self,
        now: Time,
        mut bringing: Box<Bringing>,
        out: &mut Vec<Effect>,
    ) -> Option<Box<Bringing>> {
        let id = bringing.record.id;
        while let Some((part, message)) = bringing.wanted.last().copied() {
            if self.effort.is_spent(out.len()) {
                return Some(bringing);
            }
            self.effort.visit(1);
            let (published, content) =
                bringing.record.next_part().expect("the log gives back what it was given");
            let is_it = bringing.next == part;
            bringing.next += 1;
            if is_it {
                bringing.wanted.pop();
                self.bring(id, (message, part), (published, content), bringing.is_shared);
            }
        }
        self.finish_load(now, id, out);
        self.absorb(now, out);
        None
    }

    /// The content of a message is here, if it is still waited for.
    fn bring(
        &mut self,
        record: RecordId,
        (message, part): (MessageId, u32),
        (published, content): (Published, Content),
        is_shared: bool,
    ) {
        if !self.awaits_part(message, record) {
            return;
        }
        debug_assert_eq!(self.messages.get(message).on_disk(), Some((record, part)));
        let shelf = self.shelf_of(self.loads.of(record).and_then(|load| load.first_waiting()));
        let Published { address, extra, .. } = published;
        let traits = Traits::of(&content.properties.read().unwrap_or_default());
        let mut new = NewMessage { address, content, extra, traits };
        if is_shared {
            new.detach();
        }
        self.messages.bring(message, new);
        self.messages.shelve(message, shelf, End::First);
    }
}

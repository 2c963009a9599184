//! The record of a transaction, put together piece by piece.

use alloc::vec::Vec;

use bytes::{BufMut, Bytes, BytesMut};
use smallvec::SmallVec;
use warrener_codec::Content;

use crate::digest::{COMMITTED, VERSION, put_place, put_published};
use crate::id::MessageId;
use crate::record::{Place, Published};

/// The digest of a transaction's record and its contents, put together as it is gone through: those of
/// [`Fact::Committed`](crate::record::Fact::Committed).
#[derive(Debug, Default)]
pub(crate) struct CommitDigest {
    published: BytesMut,
    settled: BytesMut,
    contents: SmallVec<[Content; 1]>,
    /// Which messages it says left a queue.
    left: Vec<(Option<MessageId>, Place)>,
}

impl CommitDigest {
    /// It brings a message; which of its messages that is.
    pub(crate) fn publish(&mut self, published: &Published, content: Content) -> u32 {
        put_published(&mut self.published, published);
        self.contents.push(content);
        self.contents.len() as u32 - 1
    }

    /// It says that a message left a queue.
    pub(crate) fn settle(&mut self, message: MessageId, place: Place) {
        put_place(&mut self.settled, place);
        self.left.push((Some(message), place));
    }

    /// How many messages it brings.
    pub(crate) fn messages(&self) -> u32 {
        self.contents.len() as u32
    }

    /// Whether there is nothing to write down.
    pub(crate) fn is_empty(&self) -> bool {
        self.contents.is_empty() && self.left.is_empty()
    }

    /// The digest, the contents that come with it, and which messages it says left a queue.
    pub(crate) fn into_parts(self) -> CommitParts {
        let mut out = BytesMut::with_capacity(10 + self.published.len() + self.settled.len());
        out.put_slice(&[VERSION, COMMITTED]);
        out.put_u32(self.contents.len() as u32);
        out.put_slice(&self.published);
        out.put_u32(self.left.len() as u32);
        out.put_slice(&self.settled);
        (out.freeze(), self.contents, self.left)
    }
}

/// What [`CommitDigest`] becomes.
pub(crate) type CommitParts = (Bytes, SmallVec<[Content; 1]>, Vec<(Option<MessageId>, Place)>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::id::RecordId;
    use crate::message::Traits;
    use crate::record::{Fact, MessageAt, Sizes};
    use smallvec::smallvec;
    use warrener_codec::ShortStr;
    use warrener_time::Time;

    #[test]
    fn it_is_the_digest_of_the_whole_fact() {
        let key = ShortStr::from_static("k");
        let published = |micros| Published {
            time: Time::from_micros(micros),
            targets: smallvec![RecordId(1), RecordId(micros)],
            address: Address::from((&ShortStr::EMPTY, &key)),
            extra: None,
            sizes: Sizes { properties: 2, body: 5 },
            traits: Some(Traits::default()),
        };
        let place = |record| Place {
            queue: RecordId(1),
            message: MessageAt { record: RecordId(record), part: 2 },
        };
        let mut digest = CommitDigest::default();
        assert!(digest.is_empty());
        for micros in [7, 9] {
            digest.publish(&published(micros), Content::default());
        }
        digest.settle(MessageId { index: 0, generation: 1 }, place(4));
        assert_eq!(digest.messages(), 2);
        let (octets, contents, left) = digest.into_parts();
        let fact = Fact::Committed {
            published: [published(7), published(9)].into(),
            settled: [place(4)].into(),
        };
        assert_eq!((octets, contents.len(), left.len()), (fact.encode(), 2, 1));
    }
}

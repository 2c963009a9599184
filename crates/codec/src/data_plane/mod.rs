//! The methods that every message passes through, by hand: those with content keep their arguments as one shared
//! slice and say where the strings in it lie; those that settle are plain numbers.

use bytes::Bytes;

use crate::ShortRef;

mod content_method;
mod deliver;
mod get_ok;
mod publish;
mod returned;
mod settle;

pub use deliver::{Deliver, DeliverRef};
pub use get_ok::{GetOk, GetOkRef};
pub use publish::{Publish, PublishRef};
pub use returned::{Return, ReturnRef};
pub use settle::{Ack, Nack, Reject};

/// `len` octets of the arguments from `start` on; they were measured when the method was made.
#[inline(always)]
pub(super) fn part(raw: &Bytes, start: usize, len: u8) -> ShortRef<'_> {
    let octets = raw.get(start..start + usize::from(len)).unwrap_or_default();
    ShortRef::new(octets).unwrap_or_default()
}

#[inline(always)]
pub(super) fn number<const N: usize>(raw: &Bytes, start: usize) -> [u8; N] {
    raw.get(start..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

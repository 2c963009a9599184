//! The methods that every message passes through, by hand: those with content keep their arguments as one shared
//! slice and say where the strings in it lie; those that settle are plain numbers.

use bytes::Bytes;

use crate::arguments::Taken;
use crate::grammar::Parsed;
use crate::{Expected, Fault, Method, ShortRef};

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

/// What a data-plane method turns out to be, before its memory is shared.
pub(crate) enum Hot {
    Settled(Method),
    Content(Shape),
}

/// Lengths of the strings in the arguments of a method with content.
pub(crate) enum Shape {
    Publish(u8, u8),
    Return(u8, u8, u8),
    Deliver(u8, u8, u8),
    GetOk(u8, u8),
}

impl Shape {
    #[inline]
    pub(crate) fn with(self, raw: Bytes) -> Method {
        match self {
            Self::Publish(exchange_len, key_len) => {
                Method::BasicPublish(Publish::from_shape(raw, exchange_len, key_len))
            }
            Self::Return(text_len, exchange_len, key_len) => {
                Method::BasicReturn(Return::from_shape(raw, text_len, exchange_len, key_len))
            }
            Self::Deliver(tag_len, exchange_len, key_len) => {
                Method::BasicDeliver(Deliver::from_shape(raw, tag_len, exchange_len, key_len))
            }
            Self::GetOk(exchange_len, key_len) => {
                Method::BasicGetOk(GetOk::from_shape(raw, exchange_len, key_len))
            }
        }
    }
}

/// Takes the arguments of a data-plane method apart; `None` when `number` is another method of class basic.
#[inline]
pub(crate) fn hot(number: u8, arguments: &[u8]) -> Option<Taken<'_, Hot>> {
    Some(match number {
        40 => whole(PublishRef::parse(arguments)).map(|m| Hot::Content(m.shape())),
        50 => whole(ReturnRef::parse(arguments)).map(|m| Hot::Content(m.shape())),
        60 => whole(DeliverRef::parse(arguments)).map(|m| Hot::Content(m.shape())),
        71 => whole(GetOkRef::parse(arguments)).map(|m| Hot::Content(m.shape())),
        80 => whole(Ack::parse(arguments)).map(|m| Hot::Settled(Method::BasicAck(m))),
        90 => whole(Reject::parse(arguments)).map(|m| Hot::Settled(Method::BasicReject(m))),
        120 => whole(Nack::parse(arguments)).map(|m| Hot::Settled(Method::BasicNack(m))),
        _ => return None,
    })
}

#[inline(always)]
fn whole<T>(parsed: Parsed<'_, T>) -> Taken<'_, T> {
    match parsed {
        Ok(([], value)) => Ok(value),
        Ok((rest, _)) => Err(nom::Err::Error(Fault::new(rest, Expected::End))),
        Err(fault) => Err(fault),
    }
}

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

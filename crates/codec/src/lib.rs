#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

extern crate alloc;

mod arguments;
mod array;
mod content;
mod data_plane;
mod decoder;
mod error;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod gather;
mod generated;
pub mod grammar;
mod header;
mod limits;
pub mod method;
mod owned;
mod properties;
mod protocol_header;
mod reply;
#[cfg(feature = "serde")]
mod serde;
mod string;
mod table;
mod value;

pub use array::{Array, ArrayBuilder, ArrayIter, ArrayRef};
pub use content::{Body, Chunks, Content};
pub use decoder::Decoder;
pub use error::{DecodeError, Expected, Fault, Octets, TooLong};
pub use frame::{
    ChannelId, FRAME_END, FRAME_OVERHEAD, Frame, HEARTBEAT, body_frame_head, encode_body,
    encode_heartbeat,
};
pub use generated::id::MethodId;
pub use generated::method::Method;
pub use header::Header;
pub use limits::Limits;
pub use method::Sender;
pub use owned::OwnedValue;
pub use properties::{Properties, PropertiesBuilder, PropertiesRef};
pub use protocol_header::ProtocolHeader;
pub use reply::ReplyCode;
pub use string::{LongStr, ShortRef, ShortStr};
pub use table::{Table, TableBuilder, TableIter, TableRef};
pub use value::{Decimal, Value};

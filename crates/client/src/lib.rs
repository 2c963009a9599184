#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod abandoned;
mod call;
mod channel;
mod clock;
mod confirm;
mod connection;
mod consumer;
mod driver;
mod error;
mod got;
mod ledger;
mod numbers;
mod recovery;
mod returns;
#[cfg(feature = "tls")]
mod tls;

pub use call::Call;
pub use channel::Channel;
pub use confirm::{Confirm, Confirmation};
pub use connection::{Connection, Options};
pub use consumer::{Consumer, Delivery, Message};
pub use error::Error;
pub use got::Got;
pub use recovery::{RecoveringChannel, RecoveringConnection, RecoveringConsumer, Recovery};
pub use returns::{Returned, Returns};

pub use bytes::Bytes;
/// The words of AMQP 0-9-1: methods, properties, tables.
pub use warrener_codec as codec;
pub use warrener_codec::{Body, Properties, ShortStr, Table};
pub use warrener_connection::{ClientConfig, Close, Uri};

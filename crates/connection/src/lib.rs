#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod channel;
mod close;
mod config;
mod connection;
mod error;
mod event;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod fuzzing;
mod handshake;
mod heartbeat;
mod inbound;
mod legality;
mod outbound;
mod outgoing;
mod sasl;
#[cfg(feature = "testing")]
pub mod testing;
mod tune;
mod uri;

pub use close::{Close, Initiator};
pub use config::{ClientConfig, Limits, ServerConfig};
pub use connection::Connection;
pub use error::{Blame, ConnectionError, Misuse, Phase, Violation, WrongHeader};
pub use event::{Authenticate, Capabilities, Decision, Event, Oversized, Secret, Timer};
pub use inbound::Inbound;
pub use legality::Role;
pub use outbound::Outbound;
pub use outgoing::Outgoing;
pub use sasl::{Credentials, Mechanism};
pub use tune::{FRAME_MIN_BYTES, Tune};
pub use uri::{Uri, UriError};
pub use warrener_codec::ReplyCode;

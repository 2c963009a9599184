//! For tests of programs built on this crate: two machines on one false clock ([`Pair`]), one machine facing a peer that
//! speaks in frames, well behaved or not ([`Peer`]), and a broker for one connection ([`Loopback`]).

#![cfg_attr(
    not(test),
    expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")
)]

mod loopback;
mod pair;
mod peer;

pub use loopback::Loopback;
pub use pair::{Pair, Side};
pub use peer::Peer;

use warrener_time::Time;

/// When every test begins.
pub const START: Time = Time::from_secs(1_700_000_000);

#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod channel;
pub mod check;
mod client;
mod clock;
pub mod history;
mod message;
mod network;
mod random;
mod server;
mod shrink;
mod trace;
pub mod workload;
mod world;

pub use channel::{Channel, QueueSpec, queue};
pub use client::Client;
pub use message::{Death, Message};
pub use network::Weather;
pub use random::Random;
pub use shrink::shrink;
pub use world::World;

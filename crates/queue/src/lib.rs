#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(test)]
extern crate std;

mod chunks;
mod config;
mod consumers;
mod deliver;
mod effect;
mod entry;
mod expiry;
#[doc(hidden)]
pub mod fuzzing;
mod limits;
mod look;
mod numbered;
mod pass;
mod places;
mod publish;
mod queue;
mod ready;
mod settle;
mod sorted;
mod times;
mod unacked;
mod work;

pub use config::{AfterDeliveryLimit, Config, Consume, DeliveryLimit, Overflow, SingleActive};
pub use effect::{
    ConsumeError, ConsumerId, Counts, Delivery, Effect, Outcome, Passage, Progress, Refusal,
    Rejected, Timer, Whose, Why,
};
pub use entry::{Entry, Rare, Restored, Seq, Tries};
pub use look::{ConsumerLook, Look, Position, State};
pub use queue::Queue;

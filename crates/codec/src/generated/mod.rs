//! Written by `tests/generated` from `methods.txt`.

// Written by tests/generated from methods.txt. Change that, not this.

pub mod access;
pub mod basic;
pub mod channel;
pub mod confirm;
pub mod connection;
pub mod exchange;
pub mod queue;
pub mod tx;

mod facts;
mod from;
pub(crate) mod id;
pub(crate) mod method;

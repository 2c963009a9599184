//! What definitions take of memory, more or less: the same when they go as when they came, so that nothing adds up.
//!
//! Bindings are counted where their keys are made; here is the rest. What the configuration says and what every virtual
//! host begins with is not counted, because nobody can have more of it.

use bytes::BytesMut;

use crate::declare::QueueSpec;
use crate::exchange::{ExchangeSpec, is_reserved};
use crate::setting::Setting;

/// An empty queue, besides its name and its arguments.
const QUEUE_BYTES: u64 = 3072;

/// An exchange without bindings, besides its name and its arguments.
const EXCHANGE_BYTES: u64 = 768;

/// A setting, besides what its record says of it.
const SETTING_BYTES: u64 = 768;

impl QueueSpec {
    /// What a queue takes that has nothing in it.
    pub(crate) fn held_bytes(&self) -> u64 {
        QUEUE_BYTES + 2 * self.name.len() as u64 + self.arguments.as_bytes().len() as u64
    }
}

impl ExchangeSpec {
    /// What an exchange takes to which nothing is bound.
    pub(crate) fn held_bytes(&self) -> u64 {
        // Only those that a virtual host begins with can be named like that.
        if is_reserved(&self.name) {
            return 0;
        }
        EXCHANGE_BYTES + 3 * self.name.len() as u64 + self.arguments.as_bytes().len() as u64
    }
}

impl Setting {
    /// What a setting takes: what its record says of it, read into parts.
    pub(crate) fn held_bytes(&self) -> u64 {
        let mut record = BytesMut::new();
        self.encode(&mut record);
        SETTING_BYTES + 2 * record.len() as u64
    }
}

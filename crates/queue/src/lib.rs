//! One message queue's whole life as a pure state machine: order, priorities, expiry, limits, consumers.

#![forbid(unsafe_code)]

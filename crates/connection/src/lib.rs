//! One AMQP 0-9-1 connection as a sans-IO state machine, client and server role.

#![forbid(unsafe_code)]

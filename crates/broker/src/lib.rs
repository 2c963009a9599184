//! The meaning of AMQP 0-9-1: vhosts, channels, exchanges, queues and messages as one deterministic machine.

#![forbid(unsafe_code)]

//! A thin tokio client for AMQP 0-9-1 over warrener-connection.

#![forbid(unsafe_code)]

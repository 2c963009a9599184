//! One AMQP connection joined to a broker, still without IO.

#![forbid(unsafe_code)]

//! AMQP 0-9-1 bytes to frames and back: complete, no_std, bounded, allocation-free on the data path.

#![forbid(unsafe_code)]

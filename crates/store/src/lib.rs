//! An append-only durable log with group commit over a disk that can be simulated.

#![forbid(unsafe_code)]

//! Rust: lapin, in the test's own process, so these always run.

mod delivery;
mod publishing;
mod queues;
mod routing;
pub(crate) mod session;

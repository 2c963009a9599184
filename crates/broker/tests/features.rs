//! What the broker does, feature by feature: one file each, one program for all, so that they link once.

mod alarm;
mod allocations;
mod at_least_once;
mod confirm;
mod consume;
mod crash;
mod dead_letter;
mod delayed_message;
mod exchange;
mod expiry;
mod flow;
mod hello;
mod life;
mod limits;
mod local_random;
mod neutral;
mod permission;
mod priority;
mod publish;
mod queue;
mod random;
mod recent_history;
mod recovery;
mod reply_to;
mod script;
mod transaction;

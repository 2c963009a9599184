#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod connections;
mod disk_alarm;
mod journal;
mod limits;
mod node;
mod notice;
mod recovery;
mod rest;

pub use connections::Connections;
pub use node::Node;
pub use notice::{NodeError, Notice};

pub use warrener_broker as broker;
pub use warrener_endpoint as endpoint;
pub use warrener_store as store;

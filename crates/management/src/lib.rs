#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod about;
mod api;
mod bindings;
mod call;
mod channels;
mod connections;
mod consumers;
mod definitions;
mod document;
mod exchanges;
mod health;
mod host;
mod limit;
mod limits;
mod listing;
mod messages;
mod metrics;
mod nodes;
mod openapi;
mod overview;
mod parameters;
mod permissions;
mod policies;
mod properties;
mod queues;
mod reply;
mod right;
mod routes;
mod sampler;
mod stats;
mod users;
mod vhosts;

pub use crate::api::{Api, From};
pub use crate::definitions::read_definitions;
pub use crate::host::{Answer, Host, Level, Listener, Login, Process, Socket};
pub use axum;

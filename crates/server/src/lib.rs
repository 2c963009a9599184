#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod auth;
mod cli;
mod clock;
mod config;
mod connection_task;

mod error;
mod greeting;
mod lanes;
mod limits;
mod link;
mod links;
mod listener;
mod logging;
mod login;
mod memory;
mod notices;
mod obituary;
mod poison;
mod program;
mod read_buffer;
mod reader;
mod server;
mod shutdown;
mod store_command;
mod turns;

pub use config::{AMQP_PORT, Config, Listen, Storage, User, UserError};
pub use error::ServeError;
pub use program::program;
pub use server::{Server, serve};

pub use warrener_broker::{Sync, Syncs};
pub use warrener_node::NodeError;

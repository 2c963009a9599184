#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod attempts;
mod auth;
mod cli;
mod clock;
mod config;
mod config_command;
mod configuration;
mod connection_task;
mod control_socket;
mod counters;
mod definitions;
mod doctor;
mod durations;
mod entrance;
mod error;
mod gate;
mod gauges;
mod greeting;
mod headway;
mod keepalive;
mod lanes;
mod limits;
mod link;
mod links;
mod listener;
mod log_writer;
mod logging;
mod login;
mod management;
mod management_tls;
mod memory;
mod notices;
mod obituary;
mod panic;
mod password_hash;
mod passwords;
mod poison;
mod process;
mod program;
mod proxy_protocol;
mod read_buffer;
mod reader;
mod reload;
mod repeats;
mod server;
mod shutdown;
mod store_command;
mod stream;
mod systemd;
mod tls;
mod turns;
mod web_socket;

pub use config::{
    AMQP_PORT, AMQPS_PORT, AlternativeName, CertificateFiles, CertificateLogin, ClientCertificates,
    Config, ConnectionLimits, ControlSocket, Http, Listen, MANAGEMENT_PORT, MANAGEMENT_TLS_PORT,
    METRICS_PORT, Network, Storage, TcpConfig, TlsConfig, User, UserError,
};
pub use counters::Counts;
pub use error::ServeError;
pub use gauges::{Gauges, Level};
pub use password_hash::{ARGON2ID, Hashing};
pub use program::{control_socket, program};
pub use reload::Control;
pub use server::{Server, serve};
pub use tls::TlsError;

pub use warrener_broker::{Sync, Syncs};
pub use warrener_connection::Secret;
pub use warrener_endpoint::{Authentication, Checked};
pub use warrener_node::NodeError;

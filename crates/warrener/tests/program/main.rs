//! The `warrener` program seen from outside: a child process, its sockets, its exit code, and the
//! clients that other people wrote.
//!
//! One binary, so that starting and stopping a broker is written once. The programs of other
//! languages are in `clients/`; they can be run by hand against any broker:
//! `AMQP_URL=amqp://localhost python3 hello_world.py`. With `WARRENER_TEST_URL` set, the client
//! tests use the broker it names instead of starting one: a way to judge the tests themselves.

#![expect(
    clippy::disallowed_methods,
    reason = "a test of the whole program waits, with real deadlines, for a real process"
)]

mod backlog;
mod bad_input;
mod broker;
mod certificates;
mod clients;
mod command_line;
mod configuration;
mod ctl;
mod definitions;
mod descriptors;
mod disk;
mod durability;
mod floods;
mod limits;
mod log;
mod login;
mod management;
mod move_messages;
mod packaging;
mod pages;
mod process;
mod proxy_protocol;
mod reload;
mod shutdown;
mod store_command;
mod tls;
mod web_socket;
mod wire;

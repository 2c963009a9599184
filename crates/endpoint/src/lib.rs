#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod apply;
mod authentication;
mod confirms;
mod drain;
mod endpoint;
mod input;
mod login;

#[doc(hidden)]
pub mod fuzzing;

pub use authentication::{Authentication, Checked};
pub use endpoint::{Endpoint, is_answered};
pub use input::{plain_input, recipient};
pub use login::{Answer, Question};

pub use warrener_broker as broker;
pub use warrener_connection as connection;

#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod broker;
mod clock;
mod error;
mod faults;
mod serve;
mod turns;

pub use broker::{Broker, Builder};
pub use error::Error;
pub use warrener_broker::Limits;
pub use warrener_codec::ShortStr;
pub use warrener_connection::Secret;
pub use warrener_endpoint::{Authentication, Checked};

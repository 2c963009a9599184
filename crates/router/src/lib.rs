#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod binding;
mod consistent_hash;
mod error;
mod header;
mod headers_rule;
mod kind;
pub mod limits;
mod matches;
mod named;
mod router;
mod stable_hash;

#[doc(hidden)]
pub mod fuzzing;

pub use crate::binding::{Binding, Removed, Rule, Target};
pub use crate::error::BindError;
pub use crate::header::{Arguments, HeaderMap, HeaderValue, Headers, NoHeaders};
pub use crate::kind::{ExchangeId, HashOn, Kind, Property};
pub use crate::matches::{Counts, Matches};
pub use crate::named::{NamedRouter, NamedRouterBuilder, NamedRouterError};
pub use crate::router::Router;

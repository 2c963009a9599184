#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod binding;
mod bindings;
mod claims;
mod consistent_hash;
mod direct;
mod error;
mod exchange;
mod hashing;
mod header;
mod headers;
mod index;
mod kind;
pub mod limits;
mod matches;
mod modulus_hash;
mod named;
mod posting;
mod router;
mod slots;
mod stable_hash;
mod table;
mod targets;
mod topic;
mod visited;
mod words;
mod work;

#[doc(hidden)]
pub mod fuzzing;

pub use crate::binding::{Binding, Removed, Rule, Target};
pub use crate::error::BindError;
pub use crate::header::{Arguments, HeaderMap, HeaderValue, Headers, NoHeaders};
pub use crate::kind::{ExchangeId, HashOn, Kind, Property, Watch};
pub use crate::matches::{Counts, Matches};
pub use crate::named::{NamedRouter, NamedRouterBuilder, NamedRouterError};
pub use crate::router::Router;

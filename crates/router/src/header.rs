//! What the router may ask about a message's headers and a binding's arguments.

mod map;
mod value;

pub use self::map::HeaderMap;
pub use self::value::HeaderValue;

use crate::kind::Property;

/// The headers of a message. Only headers exchanges and consistent-hash exchanges ask for them.
pub trait Headers {
    /// Shows every header, in order; of two with one name the last one counts.
    fn for_each(&self, visit: &mut dyn FnMut(&[u8], HeaderValue<'_>));

    /// The header of this name.
    fn get(&self, name: &[u8]) -> Option<HeaderValue<'_>>;

    /// A property that a consistent-hash exchange hashes. Messages without properties need not implement it.
    fn property(&self, property: Property) -> Option<HeaderValue<'_>> {
        let _ = property;
        None
    }
}

/// The arguments of a binding. The router compares and lists them as the embedder's bytes; only headers exchanges look
/// into them.
pub trait Arguments: Headers {
    /// The bytes that stand for these arguments: equal for equal arguments, whatever their order, and empty when there
    /// are none.
    fn canonical(&self) -> &[u8];
}

/// No headers and no arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoHeaders;

impl Headers for NoHeaders {
    fn for_each(&self, _: &mut dyn FnMut(&[u8], HeaderValue<'_>)) {}

    fn get(&self, _: &[u8]) -> Option<HeaderValue<'_>> {
        None
    }
}

impl Arguments for NoHeaders {
    fn canonical(&self) -> &[u8] {
        b""
    }
}

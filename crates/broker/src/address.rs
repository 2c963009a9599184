//! Where a message was published to: an exchange and a routing key.

use core::fmt;

use bytes::{Bytes, BytesMut};
use warrener_codec::{Content, ShortRef, ShortStr};

/// An exchange's name and a routing key, as two places in one shared slice: a copy costs one reference count.
#[derive(Clone, Default)]
pub struct Address {
    octets: Bytes,
    exchange_at: u16,
    key_at: u16,
    exchange_len: u8,
    key_len: u8,
}

impl Address {
    /// The address in memory of its own.
    #[must_use]
    pub fn new(exchange: ShortRef<'_>, key: ShortRef<'_>) -> Self {
        let mut octets = BytesMut::with_capacity(exchange.len() + key.len());
        octets.extend_from_slice(exchange.as_bytes());
        octets.extend_from_slice(key.as_bytes());
        Self {
            octets: octets.freeze(),
            exchange_at: 0,
            key_at: exchange.len() as u16,
            exchange_len: exchange.len() as u8,
            key_len: key.len() as u8,
        }
    }

    /// The address whose two strings lie at these places of `octets`, each behind an octet of its length.
    pub(crate) fn within(octets: Bytes, exchange_len_at: u16) -> Self {
        let at = usize::from(exchange_len_at);
        let exchange_len = octets[at];
        let key_len_at = at + 1 + usize::from(exchange_len);
        let key_len = octets[key_len_at];
        assert!(key_len_at + usize::from(key_len) < octets.len(), "both strings lie in the slice");
        Self {
            octets,
            exchange_at: exchange_len_at + 1,
            key_at: key_len_at as u16 + 1,
            exchange_len,
            key_len,
        }
    }

    /// The exchange's name; empty for the default exchange.
    #[must_use]
    pub fn exchange(&self) -> ShortRef<'_> {
        self.part(self.exchange_at, self.exchange_len)
    }

    /// The routing key.
    #[must_use]
    pub fn routing_key(&self) -> ShortRef<'_> {
        self.part(self.key_at, self.key_len)
    }

    /// The same address and content in memory of their own, one piece for both, so that they do not keep a read buffer
    /// alive.
    pub(crate) fn detached_with(&self, content: &Content) -> (Self, Content) {
        let (octets, content) = content.detached_behind(&self.octets);
        (Self { octets, ..*self }, content)
    }

    /// How many octets it takes.
    pub(crate) const fn len(&self) -> usize {
        self.octets.len()
    }

    fn part(&self, at: u16, len: u8) -> ShortRef<'_> {
        let at = usize::from(at);
        ShortRef::new(&self.octets[at..at + usize::from(len)]).expect("a length in one octet")
    }
}

impl From<(&ShortStr, &ShortStr)> for Address {
    fn from((exchange, key): (&ShortStr, &ShortStr)) -> Self {
        Self::new(exchange.as_short_ref(), key.as_short_ref())
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.exchange() == other.exchange() && self.routing_key() == other.routing_key()
    }
}

impl Eq for Address {}

/// The exchange and the key as texts: `"amq.topic" "orders.paid"`.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.exchange(), self.routing_key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warrener_codec::Properties;

    #[test]
    fn both_strings_are_found_wherever_they_lie() {
        let wire = Bytes::from_static(b"\0\0\x03fan\x02rk\x01");
        let address = Address::within(wire, 2);
        assert_eq!(address.exchange().as_bytes(), b"fan");
        assert_eq!(address.routing_key().as_bytes(), b"rk");
        let content = Content::new(Properties::default(), b"body".to_vec());
        assert_eq!(address.detached_with(&content), (address, content));
        assert_eq!(Address::default().routing_key().as_bytes(), b"");
    }
}

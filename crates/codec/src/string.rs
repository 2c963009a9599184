//! Strings of the wire: bytes with a length, UTF-8 by convention only.

use alloc::string::String;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;
use core::str::Utf8Error;

use bytes::{BufMut, Bytes};

use crate::TooLong;

/// A short string: at most 255 octets (AMQP 0-9-1 §4.2.5.3), shared with the buffer it was read from.
///
/// It is bytes: the specification asks for UTF-8, peers do not always keep to it. A short string that will live long
/// should be [`detached`](ShortStr::detached), so that it does not keep a whole read buffer alive.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortStr(Bytes);

impl ShortStr {
    /// The empty string.
    pub const EMPTY: Self = Self(Bytes::new());

    /// A short string in static memory.
    ///
    /// # Panics
    ///
    /// When `text` is longer than 255 octets; in a constant, that is an error of compilation.
    #[must_use]
    #[expect(clippy::panic, reason = "the text is the programmer's, not a peer's")]
    pub const fn from_static(text: &'static str) -> Self {
        if text.len() > ShortRef::MAX_LEN {
            panic!("a short string has at most 255 octets");
        }
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// As much of `text` as fits, cut at a character's boundary: for reply texts.
    #[must_use]
    pub fn truncated(text: &str) -> Self {
        let mut end = text.len().min(ShortRef::MAX_LEN);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let (kept, _) = text.split_at(end);
        Self(Bytes::copy_from_slice(kept.as_bytes()))
    }

    pub(crate) const fn from_checked(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// Its octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its octets as text.
    ///
    /// # Errors
    ///
    /// When they are not UTF-8.
    pub fn as_str(&self) -> Result<&str, Utf8Error> {
        core::str::from_utf8(&self.0)
    }

    /// Borrowed, for what takes a [`ShortRef`].
    #[must_use]
    pub fn as_short_ref(&self) -> ShortRef<'_> {
        ShortRef(&self.0)
    }

    /// How many octets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same octets in memory of their own, so that they do not keep a read buffer alive.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self(detach(&self.0))
    }

    /// The shared octets.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

/// A borrowed short string: at most 255 octets, checked once.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortRef<'a>(&'a [u8]);

impl<'a> ShortRef<'a> {
    /// The longest short string, in octets.
    pub const MAX_LEN: usize = 255;
    /// The empty string.
    pub const EMPTY: Self = Self(&[]);

    /// The octets as a short string, when they are few enough.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() > Self::MAX_LEN { None } else { Some(Self(bytes)) }
    }

    /// Its octets.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Its octets as text.
    ///
    /// # Errors
    ///
    /// When they are not UTF-8.
    pub const fn as_str(self) -> Result<&'a str, Utf8Error> {
        core::str::from_utf8(self.0)
    }

    /// How many octets.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// A copy in memory of its own.
    #[must_use]
    pub fn to_owned(self) -> ShortStr {
        ShortStr(Bytes::copy_from_slice(self.0))
    }

    /// Octets on the wire, the length octet included.
    pub(crate) const fn encoded_len(self) -> usize {
        1 + self.0.len()
    }

    #[inline]
    pub(crate) fn encode(self, out: &mut impl BufMut) {
        out.put_u8(self.0.len() as u8);
        out.put_slice(self.0);
    }
}

/// A long string: octets with a 32-bit length (AMQP 0-9-1 §4.2.5.3), shared with the buffer it was read from.
///
/// It is bytes and need not be text: SASL responses hold zero octets, and clients put anything into tables.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LongStr(Bytes);

impl LongStr {
    /// A long string in static memory.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// Its octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its octets as text.
    ///
    /// # Errors
    ///
    /// When they are not UTF-8.
    pub fn as_str(&self) -> Result<&str, Utf8Error> {
        core::str::from_utf8(&self.0)
    }

    /// How many octets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same octets in memory of their own.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self(detach(&self.0))
    }

    /// The shared octets.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    pub(crate) fn encode(&self, out: &mut impl BufMut) {
        encode_long(&self.0, out);
    }
}

/// Octets behind a 32-bit length; what cannot be said in 32 bits is cut, and the length agrees.
pub(crate) fn encode_long(bytes: &[u8], out: &mut impl BufMut) {
    let kept = bytes.get(..u32::MAX as usize).unwrap_or(bytes);
    out.put_u32(kept.len() as u32);
    out.put_slice(kept);
}

/// A copy in memory of its own; nothing is allocated for no octets.
pub(crate) fn detach(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

impl<'a> From<&'a ShortStr> for ShortRef<'a> {
    fn from(owned: &'a ShortStr) -> Self {
        owned.as_short_ref()
    }
}

impl<'a> TryFrom<&'a [u8]> for ShortRef<'a> {
    type Error = TooLong;

    fn try_from(bytes: &'a [u8]) -> Result<Self, TooLong> {
        Self::new(bytes).ok_or(TooLong)
    }
}

impl<'a> TryFrom<&'a str> for ShortRef<'a> {
    type Error = TooLong;

    fn try_from(text: &'a str) -> Result<Self, TooLong> {
        Self::new(text.as_bytes()).ok_or(TooLong)
    }
}

impl From<ShortRef<'_>> for ShortStr {
    fn from(borrowed: ShortRef<'_>) -> Self {
        borrowed.to_owned()
    }
}

impl TryFrom<Bytes> for ShortStr {
    type Error = TooLong;

    fn try_from(bytes: Bytes) -> Result<Self, TooLong> {
        if bytes.len() > ShortRef::MAX_LEN { Err(TooLong) } else { Ok(Self(bytes)) }
    }
}

impl TryFrom<&str> for ShortStr {
    type Error = TooLong;

    fn try_from(text: &str) -> Result<Self, TooLong> {
        ShortRef::try_from(text).map(ShortRef::to_owned)
    }
}

impl TryFrom<&[u8]> for ShortStr {
    type Error = TooLong;

    fn try_from(bytes: &[u8]) -> Result<Self, TooLong> {
        ShortRef::try_from(bytes).map(ShortRef::to_owned)
    }
}

impl TryFrom<String> for ShortStr {
    type Error = TooLong;

    fn try_from(text: String) -> Result<Self, TooLong> {
        Self::try_from(Bytes::from(text))
    }
}

impl From<Bytes> for LongStr {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for LongStr {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<String> for LongStr {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for LongStr {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<&[u8]> for LongStr {
    fn from(bytes: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(bytes))
    }
}

/// Text where it is UTF-8, replacement characters where it is not; quoted in `Debug`.
macro_rules! shown_as_text {
    ($($type:ty),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&String::from_utf8_lossy(self.as_bytes()))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&String::from_utf8_lossy(self.as_bytes()), f)
            }
        }

        impl AsRef<[u8]> for $type {
            fn as_ref(&self) -> &[u8] {
                self.as_bytes()
            }
        }

        impl PartialEq<[u8]> for $type {
            fn eq(&self, other: &[u8]) -> bool {
                self.as_bytes() == other
            }
        }

        impl PartialEq<str> for $type {
            fn eq(&self, other: &str) -> bool {
                self.as_bytes() == other.as_bytes()
            }
        }

        impl PartialEq<&str> for $type {
            fn eq(&self, other: &&str) -> bool {
                self.as_bytes() == other.as_bytes()
            }
        }
    )*};
}

shown_as_text!(ShortStr, ShortRef<'_>, LongStr);

impl Borrow<[u8]> for ShortStr {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

//! Field arrays: like tables, without names.

use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use crate::grammar::{self, Kind};
use crate::{Limits, TooLong, Value};

/// A field array (AMQP 0-9-1 §4.2.5.5, type `A`): values in their wire form. It was checked when it was made.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Array(Bytes);

impl Array {
    /// All values, in the order of the wire.
    #[must_use]
    pub fn iter(&self) -> ArrayIter<'_> {
        self.as_array_ref().iter()
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Borrowed.
    #[must_use]
    pub fn as_array_ref(&self) -> ArrayRef<'_> {
        ArrayRef(&self.0)
    }

    /// The wire form without the length in front.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_array_ref(), f)
    }
}

impl<'a> IntoIterator for &'a Array {
    type Item = Value<'a>;
    type IntoIter = ArrayIter<'a>;

    fn into_iter(self) -> ArrayIter<'a> {
        self.iter()
    }
}

/// A borrowed field array, checked already; see [`Array`].
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ArrayRef<'a>(&'a [u8]);

impl<'a> ArrayRef<'a> {
    /// All values, in the order of the wire.
    #[must_use]
    pub const fn iter(self) -> ArrayIter<'a> {
        ArrayIter(self.0)
    }

    /// Whether there are no values.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The wire form without the length in front.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// A copy in memory of its own.
    #[must_use]
    pub fn to_owned(self) -> Array {
        Array(Bytes::copy_from_slice(self.0))
    }

    pub(crate) const fn from_checked(content: &'a [u8]) -> Self {
        Self(content)
    }
}

impl fmt::Debug for ArrayRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for ArrayRef<'a> {
    type Item = Value<'a>;
    type IntoIter = ArrayIter<'a>;

    fn into_iter(self) -> ArrayIter<'a> {
        self.iter()
    }
}

/// The values of an array; see [`Array::iter`].
#[derive(Clone, Debug)]
pub struct ArrayIter<'a>(&'a [u8]);

impl<'a> Iterator for ArrayIter<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let (rest, value) = grammar::value(self.0).ok()?;
        self.0 = rest;
        Some(value)
    }
}

/// Writes an array's wire form, value by value.
#[derive(Clone, Debug, Default)]
pub struct ArrayBuilder {
    content: Vec<u8>,
}

impl ArrayBuilder {
    /// An array without values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value behind those that are there.
    #[must_use]
    pub fn with<'v>(mut self, value: impl Into<Value<'v>>) -> Self {
        self.push(value);
        self
    }

    /// Adds a value behind those that are there.
    pub fn push<'v>(&mut self, value: impl Into<Value<'v>>) -> &mut Self {
        value.into().encode(&mut self.content);
        self
    }

    /// The array.
    ///
    /// # Errors
    ///
    /// When it is longer than 4 GiB or nests deeper than 255 levels.
    pub fn build(self) -> Result<Array, TooLong> {
        let fits = u32::try_from(self.content.len()).is_ok();
        if !fits || grammar::check(&self.content, Kind::Array, &Limits::WIDEST).is_err() {
            return Err(TooLong);
        }
        Ok(Array(self.content.into()))
    }
}

//! Field tables: wire bytes, checked once, read on demand.

use alloc::vec::Vec;
use core::fmt;

use bytes::{BufMut, Bytes};

use crate::grammar::{self, Kind};
use crate::string::{detach, encode_long};
use crate::{Limits, ShortRef, TooLong, Value};

/// A field table (AMQP 0-9-1 §4.2.5.5): names and values in their wire form, shared with the buffer they came in.
///
/// Order and duplicates are kept; the first of equal names wins when asked for by name. Two tables are equal when
/// their bytes are. It was checked when it was made, so reading it cannot fail.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Table(Bytes);

impl Table {
    /// The table without entries.
    pub const EMPTY: Self = Self(Bytes::new());

    /// The first value under `name`.
    #[must_use]
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<Value<'_>> {
        self.as_table_ref().get(name)
    }

    /// All names and values, in the order of the wire.
    #[must_use]
    pub fn iter(&self) -> TableIter<'_> {
        self.as_table_ref().iter()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Borrowed.
    #[must_use]
    pub fn as_table_ref(&self) -> TableRef<'_> {
        TableRef(&self.0)
    }

    /// The wire form without the length in front.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same table in memory of its own, so that it does not keep a read buffer alive.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self(detach(&self.0))
    }

    /// The shared wire form without the length in front.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    pub(crate) const fn from_checked(content: Bytes) -> Self {
        Self(content)
    }

    pub(crate) fn encode(&self, out: &mut impl BufMut) {
        encode_long(&self.0, out);
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_table_ref(), f)
    }
}

impl<'a> IntoIterator for &'a Table {
    type Item = (ShortRef<'a>, Value<'a>);
    type IntoIter = TableIter<'a>;

    fn into_iter(self) -> TableIter<'a> {
        self.iter()
    }
}

/// A borrowed field table, checked already; see [`Table`].
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TableRef<'a>(&'a [u8]);

impl<'a> TableRef<'a> {
    /// The first value under `name`.
    #[must_use]
    pub fn get(self, name: impl AsRef<[u8]>) -> Option<Value<'a>> {
        let name = name.as_ref();
        self.iter().find(|(key, _)| key.as_bytes() == name).map(|(_, value)| value)
    }

    /// All names and values, in the order of the wire.
    #[must_use]
    pub const fn iter(self) -> TableIter<'a> {
        TableIter(self.0)
    }

    /// Whether there are no entries.
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
    pub fn to_owned(self) -> Table {
        Table(Bytes::copy_from_slice(self.0))
    }

    pub(crate) const fn from_checked(content: &'a [u8]) -> Self {
        Self(content)
    }
}

impl fmt::Debug for TableRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for TableRef<'a> {
    type Item = (ShortRef<'a>, Value<'a>);
    type IntoIter = TableIter<'a>;

    fn into_iter(self) -> TableIter<'a> {
        self.iter()
    }
}

/// The names and values of a table; see [`Table::iter`].
#[derive(Clone, Debug)]
pub struct TableIter<'a>(&'a [u8]);

impl<'a> Iterator for TableIter<'a> {
    type Item = (ShortRef<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (rest, name) = grammar::short_str(self.0).ok()?;
        let (rest, value) = grammar::value(rest).ok()?;
        self.0 = rest;
        Some((name, value))
    }
}

/// Writes a table's wire form, entry by entry.
///
/// ```
/// use warrener_codec::{TableBuilder, Value};
///
/// let table = TableBuilder::new().with("x-max-length", 10).with("x-queue-type", "quorum").build()?;
/// assert_eq!(table.get("x-max-length"), Some(Value::I32(10)));
/// # Ok::<(), warrener_codec::TooLong>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TableBuilder {
    content: Vec<u8>,
    too_long: bool,
}

impl TableBuilder {
    /// A table without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry behind those that are there.
    #[must_use]
    pub fn with<'v>(mut self, name: impl AsRef<[u8]>, value: impl Into<Value<'v>>) -> Self {
        self.insert(name, value);
        self
    }

    /// Adds an entry behind those that are there.
    pub fn insert<'v>(&mut self, name: impl AsRef<[u8]>, value: impl Into<Value<'v>>) -> &mut Self {
        match ShortRef::new(name.as_ref()) {
            Some(name) => {
                name.encode(&mut self.content);
                value.into().encode(&mut self.content);
            }
            None => self.too_long = true,
        }
        self
    }

    /// The table.
    ///
    /// # Errors
    ///
    /// When a name is longer than 255 octets, the whole is longer than 4 GiB, or it nests deeper than 255 levels.
    pub fn build(self) -> Result<Table, TooLong> {
        let fits = !self.too_long && u32::try_from(self.content.len()).is_ok();
        if !fits || grammar::check(&self.content, Kind::Table, &Limits::WIDEST).is_err() {
            return Err(TooLong);
        }
        Ok(Table(self.content.into()))
    }
}

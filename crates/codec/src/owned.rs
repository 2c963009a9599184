//! Tables as maps: for who wants to keep, sort or change one rather than read it once.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bytes::BufMut;

use crate::{ArrayRef, Decimal, LongStr, ShortStr, Table, TableRef, TooLong, Value};

/// A field value in memory of its own; the arms are those of [`Value`].
#[derive(Clone, Debug, PartialEq)]
pub enum OwnedValue {
    /// `t`
    Bool(bool),
    /// `b`
    I8(i8),
    /// `B`
    U8(u8),
    /// `s`
    I16(i16),
    /// `u`
    U16(u16),
    /// `I`
    I32(i32),
    /// `i`
    U32(u32),
    /// `l`
    I64(i64),
    /// `f`
    F32(f32),
    /// `d`
    F64(f64),
    /// `D`
    Decimal(Decimal),
    /// `S`: octets that need not be text.
    LongStr(LongStr),
    /// `T`: seconds since the Unix epoch.
    Timestamp(u64),
    /// `A`
    Array(Vec<Self>),
    /// `F`
    Table(BTreeMap<ShortStr, Self>),
    /// `V`: no value.
    Void,
    /// `x`: octets (RabbitMQ extension).
    Bytes(LongStr),
}

impl Table {
    /// All entries, copied into a map. Of equal names the first is kept, as in [`Table::get`].
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<ShortStr, OwnedValue> {
        self.as_table_ref().to_map()
    }

    /// The wire form of a map.
    ///
    /// # Errors
    ///
    /// When the whole is longer than 4 GiB, or it nests deeper than 255 levels.
    pub fn from_map(map: &BTreeMap<ShortStr, OwnedValue>) -> Result<Self, TooLong> {
        let mut content = Vec::new();
        encode_entries(map, u8::MAX, &mut content)?;
        if u32::try_from(content.len()).is_err() {
            return Err(TooLong);
        }
        Ok(Self::from_checked(content.into()))
    }
}

impl TableRef<'_> {
    /// All entries, copied into a map. Of equal names the first is kept, as in [`TableRef::get`].
    #[must_use]
    pub fn to_map(self) -> BTreeMap<ShortStr, OwnedValue> {
        let mut map = BTreeMap::new();
        for (name, value) in self {
            if !map.contains_key(name.as_bytes()) {
                map.insert(name.to_owned(), value.to_owned());
            }
        }
        map
    }
}

impl ArrayRef<'_> {
    /// All values, copied.
    #[must_use]
    pub fn to_vec(self) -> Vec<OwnedValue> {
        let mut values = Vec::new();
        for value in self {
            values.push(value.to_owned());
        }
        values
    }
}

impl Value<'_> {
    /// A copy in memory of its own. Its depth is bounded, since that of every checked table is.
    #[must_use]
    pub fn to_owned(self) -> OwnedValue {
        match self {
            Self::Array(array) => OwnedValue::Array(array.to_vec()),
            Self::Table(table) => OwnedValue::Table(table.to_map()),
            scalar => own_scalar(scalar),
        }
    }
}

/// Apart from what recurses, so that a level of nesting costs little stack.
fn own_scalar(value: Value<'_>) -> OwnedValue {
    match value {
        Value::Bool(value) => OwnedValue::Bool(value),
        Value::I8(value) => OwnedValue::I8(value),
        Value::U8(value) => OwnedValue::U8(value),
        Value::I16(value) => OwnedValue::I16(value),
        Value::U16(value) => OwnedValue::U16(value),
        Value::I32(value) => OwnedValue::I32(value),
        Value::U32(value) => OwnedValue::U32(value),
        Value::I64(value) => OwnedValue::I64(value),
        Value::F32(value) => OwnedValue::F32(value),
        Value::F64(value) => OwnedValue::F64(value),
        Value::Decimal(value) => OwnedValue::Decimal(value),
        Value::LongStr(octets) => OwnedValue::LongStr(octets.into()),
        Value::Timestamp(seconds) => OwnedValue::Timestamp(seconds),
        Value::Bytes(octets) => OwnedValue::Bytes(octets.into()),
        Value::Void | Value::Array(_) | Value::Table(_) => OwnedValue::Void,
    }
}

/// Entries one after the other; a table is held to the depth that builders are held to.
fn encode_entries(
    map: &BTreeMap<ShortStr, OwnedValue>,
    depth: u8,
    out: &mut Vec<u8>,
) -> Result<(), TooLong> {
    let depth = depth.checked_sub(1).ok_or(TooLong)?;
    for (name, value) in map {
        name.as_short_ref().encode(out);
        encode_value(value, depth, out)?;
    }
    Ok(())
}

fn encode_value(value: &OwnedValue, depth: u8, out: &mut Vec<u8>) -> Result<(), TooLong> {
    match value {
        OwnedValue::Array(values) => {
            let depth = depth.checked_sub(1).ok_or(TooLong)?;
            let start = begin(b'A', out);
            for value in values {
                encode_value(value, depth, out)?;
            }
            end(start, out)
        }
        OwnedValue::Table(map) => {
            let start = begin(b'F', out);
            encode_entries(map, depth, out)?;
            end(start, out)
        }
        scalar => encode_scalar(scalar, out),
    }
}

/// The type and a length to be filled in; where its content starts.
fn begin(tag: u8, out: &mut Vec<u8>) -> usize {
    out.put_u8(tag);
    out.put_u32(0);
    out.len()
}

fn end(start: usize, out: &mut [u8]) -> Result<(), TooLong> {
    let len = u32::try_from(out.len() - start).map_err(|_| TooLong)?;
    if let Some(place) = out.get_mut(start - 4..start) {
        place.copy_from_slice(&len.to_be_bytes());
    }
    Ok(())
}

fn encode_scalar(value: &OwnedValue, out: &mut Vec<u8>) -> Result<(), TooLong> {
    let borrowed = match value {
        OwnedValue::Bool(value) => Value::Bool(*value),
        OwnedValue::I8(value) => Value::I8(*value),
        OwnedValue::U8(value) => Value::U8(*value),
        OwnedValue::I16(value) => Value::I16(*value),
        OwnedValue::U16(value) => Value::U16(*value),
        OwnedValue::I32(value) => Value::I32(*value),
        OwnedValue::U32(value) => Value::U32(*value),
        OwnedValue::I64(value) => Value::I64(*value),
        OwnedValue::F32(value) => Value::F32(*value),
        OwnedValue::F64(value) => Value::F64(*value),
        OwnedValue::Decimal(value) => Value::Decimal(*value),
        OwnedValue::LongStr(octets) => Value::LongStr(octets.as_bytes()),
        OwnedValue::Timestamp(seconds) => Value::Timestamp(*seconds),
        OwnedValue::Bytes(octets) => Value::Bytes(octets.as_bytes()),
        OwnedValue::Void | OwnedValue::Array(_) | OwnedValue::Table(_) => Value::Void,
    };
    if borrowed.as_octets().is_some_and(|octets| u32::try_from(octets.len()).is_err()) {
        return Err(TooLong);
    }
    borrowed.encode(out);
    Ok(())
}

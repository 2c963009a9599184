//! Tables as JSON for humans (feature `serde`).
//!
//! Writing keeps the meaning and loses the widths: all integers become numbers, long strings become text where they are
//! UTF-8 and lists of octets where they are not, decimals become text, void becomes null. Reading makes the types that
//! RabbitMQ's management makes of JSON: `l`, `d`, `S`, `t`, `A`, `F` and `V`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use ::serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use ::serde::ser::{Serialize, SerializeMap, Serializer};

use crate::{Array, ArrayRef, OwnedValue, ShortStr, Table, TableRef, Value};

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_table_ref().serialize(serializer)
    }
}

/// Of equal names only the first, as in [`TableRef::get`].
impl Serialize for TableRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut seen = BTreeSet::new();
        for (name, value) in *self {
            if seen.insert(name) {
                map.serialize_entry(&String::from_utf8_lossy(name.as_bytes()), &value)?;
            }
        }
        map.end()
    }
}

impl Serialize for Array {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_array_ref().serialize(serializer)
    }
}

impl Serialize for ArrayRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(*self)
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Bool(value) => serializer.serialize_bool(value),
            Self::I8(value) => serializer.serialize_i8(value),
            Self::U8(value) => serializer.serialize_u8(value),
            Self::I16(value) => serializer.serialize_i16(value),
            Self::U16(value) => serializer.serialize_u16(value),
            Self::I32(value) => serializer.serialize_i32(value),
            Self::U32(value) => serializer.serialize_u32(value),
            Self::I64(value) => serializer.serialize_i64(value),
            Self::F32(value) => serializer.serialize_f32(value),
            Self::F64(value) => serializer.serialize_f64(value),
            Self::Decimal(value) => serializer.collect_str(&value),
            Self::LongStr(octets) | Self::Bytes(octets) => match core::str::from_utf8(octets) {
                Ok(text) => serializer.serialize_str(text),
                Err(_) => serializer.collect_seq(octets),
            },
            Self::Timestamp(seconds) => serializer.serialize_u64(seconds),
            Self::Array(array) => array.serialize(serializer),
            Self::Table(table) => table.serialize(serializer),
            Self::Void => serializer.serialize_unit(),
        }
    }
}

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match OwnedValue::deserialize(deserializer)? {
            OwnedValue::Table(map) => Self::from_map(&map).map_err(D::Error::custom),
            _ => Err(D::Error::custom("a table is a map of names to values")),
        }
    }
}

impl<'de> Deserialize<'de> for OwnedValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OwnedVisitor)
    }
}

struct OwnedVisitor;

impl<'de> Visitor<'de> for OwnedVisitor {
    type Value = OwnedValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a bool, a number, text, a list or a map")
    }

    fn visit_unit<E>(self) -> Result<OwnedValue, E> {
        Ok(OwnedValue::Void)
    }

    fn visit_bool<E>(self, value: bool) -> Result<OwnedValue, E> {
        Ok(OwnedValue::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<OwnedValue, E> {
        Ok(OwnedValue::I64(value))
    }

    fn visit_u64<E: ::serde::de::Error>(self, value: u64) -> Result<OwnedValue, E> {
        i64::try_from(value).map(OwnedValue::I64).map_err(E::custom)
    }

    fn visit_f64<E>(self, value: f64) -> Result<OwnedValue, E> {
        Ok(OwnedValue::F64(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<OwnedValue, E> {
        Ok(OwnedValue::LongStr(text.into()))
    }

    fn visit_bytes<E>(self, octets: &[u8]) -> Result<OwnedValue, E> {
        Ok(OwnedValue::Bytes(octets.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OwnedValue, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(OwnedValue::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<OwnedValue, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((name, value)) = entries.next_entry::<String, _>()? {
            let name = ShortStr::try_from(name).map_err(A::Error::custom)?;
            map.entry(name).or_insert(value);
        }
        Ok(OwnedValue::Table(map))
    }
}

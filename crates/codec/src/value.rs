//! One value of a table or array.

use alloc::format;
use core::fmt;

use bytes::BufMut;

use crate::array::{Array, ArrayRef};
use crate::string::encode_long;
use crate::table::{Table, TableRef};

/// A field value, borrowed from the wire bytes it stands in.
///
/// The types are those every client uses, which differ from the printed specification (AMQP 0-9-1 §4.2.5.5 and its
/// errata: the RabbitMQ dialect).
#[derive(Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// `t`: any octet but zero is true.
    Bool(bool),
    /// `b`
    I8(i8),
    /// `B`
    U8(u8),
    /// `s`; `U` reads as this too.
    I16(i16),
    /// `u`
    U16(u16),
    /// `I`
    I32(i32),
    /// `i`
    U32(u32),
    /// `l`; `L` reads as this too. Errata: the specification has `l` unsigned.
    I64(i64),
    /// `f`
    F32(f32),
    /// `d`
    F64(f64),
    /// `D`
    Decimal(Decimal),
    /// `S`: octets that need not be text.
    LongStr(&'a [u8]),
    /// `T`: seconds since the Unix epoch.
    Timestamp(u64),
    /// `A`
    Array(ArrayRef<'a>),
    /// `F`
    Table(TableRef<'a>),
    /// `V`: no value.
    Void,
    /// `x`: octets (RabbitMQ extension).
    Bytes(&'a [u8]),
}

/// A decimal number: `value` with `scale` of its digits behind the point.
///
/// Whether the 32 bits are signed is disputed (the specification says unsigned, its errata signed), so they are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal {
    /// Digits behind the point.
    pub scale: u8,
    /// All digits, as bits.
    pub value: u32,
}

/// In digits: `1.25`.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::from(self.scale);
        let digits = format!("{:0>1$}", self.value, scale + 1);
        match digits.split_at_checked(digits.len() - scale) {
            Some((whole, "")) => f.write_str(whole),
            Some((whole, fraction)) => write!(f, "{whole}.{fraction}"),
            None => Ok(()),
        }
    }
}

impl<'a> Value<'a> {
    /// Its octets when it is a long string.
    #[must_use]
    pub const fn as_long_str(&self) -> Option<&'a [u8]> {
        match *self {
            Self::LongStr(octets) => Some(octets),
            _ => None,
        }
    }

    /// Its octets when it is a long string or a byte array.
    #[must_use]
    pub const fn as_octets(&self) -> Option<&'a [u8]> {
        match *self {
            Self::LongStr(octets) | Self::Bytes(octets) => Some(octets),
            _ => None,
        }
    }

    /// Its text when it is a long string in UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        self.as_long_str().and_then(|octets| core::str::from_utf8(octets).ok())
    }

    /// Its number when it is an integer of any width.
    #[must_use]
    pub const fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::I8(n) => Some(n as i64),
            Self::U8(n) => Some(n as i64),
            Self::I16(n) => Some(n as i64),
            Self::U16(n) => Some(n as i64),
            Self::I32(n) => Some(n as i64),
            Self::U32(n) => Some(n as i64),
            Self::I64(n) => Some(n),
            _ => None,
        }
    }

    /// Its truth when it is a bool.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match *self {
            Self::Bool(truth) => Some(truth),
            _ => None,
        }
    }

    /// The table when it is one.
    #[must_use]
    pub const fn as_table(&self) -> Option<TableRef<'a>> {
        match *self {
            Self::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The array when it is one.
    #[must_use]
    pub const fn as_array(&self) -> Option<ArrayRef<'a>> {
        match *self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }

    /// The type octet that it is written with.
    #[must_use]
    pub const fn tag(&self) -> u8 {
        match self {
            Self::Bool(_) => b't',
            Self::I8(_) => b'b',
            Self::U8(_) => b'B',
            Self::I16(_) => b's',
            Self::U16(_) => b'u',
            Self::I32(_) => b'I',
            Self::U32(_) => b'i',
            Self::I64(_) => b'l',
            Self::F32(_) => b'f',
            Self::F64(_) => b'd',
            Self::Decimal(_) => b'D',
            Self::LongStr(_) => b'S',
            Self::Timestamp(_) => b'T',
            Self::Array(_) => b'A',
            Self::Table(_) => b'F',
            Self::Void => b'V',
            Self::Bytes(_) => b'x',
        }
    }

    /// The type octet and the value, in the form that every client reads.
    pub(crate) fn encode(&self, out: &mut impl BufMut) {
        out.put_u8(self.tag());
        match *self {
            Self::Bool(truth) => out.put_u8(u8::from(truth)),
            Self::I8(n) => out.put_i8(n),
            Self::U8(n) => out.put_u8(n),
            Self::I16(n) => out.put_i16(n),
            Self::U16(n) => out.put_u16(n),
            Self::I32(n) => out.put_i32(n),
            Self::U32(n) => out.put_u32(n),
            Self::I64(n) => out.put_i64(n),
            Self::F32(n) => out.put_f32(n),
            Self::F64(n) => out.put_f64(n),
            Self::Decimal(Decimal { scale, value }) => {
                out.put_u8(scale);
                out.put_u32(value);
            }
            Self::LongStr(octets) | Self::Bytes(octets) => encode_long(octets, out),
            Self::Timestamp(seconds) => out.put_u64(seconds),
            Self::Array(array) => encode_long(array.as_bytes(), out),
            Self::Table(table) => encode_long(table.as_bytes(), out),
            Self::Void => {}
        }
    }
}

/// Long strings and byte arrays show as text where they are UTF-8.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::I8(value) => write!(f, "{value}i8"),
            Self::U8(value) => write!(f, "{value}u8"),
            Self::I16(value) => write!(f, "{value}i16"),
            Self::U16(value) => write!(f, "{value}u16"),
            Self::I32(value) => write!(f, "{value}i32"),
            Self::U32(value) => write!(f, "{value}u32"),
            Self::I64(value) => write!(f, "{value}i64"),
            Self::F32(value) => write!(f, "{value:?}f32"),
            Self::F64(value) => write!(f, "{value:?}f64"),
            Self::Decimal(value) => write!(f, "decimal({value})"),
            Self::LongStr(octets) => match core::str::from_utf8(octets) {
                Ok(text) => write!(f, "{text:?}"),
                Err(_) => write!(f, "b\"{}\"", octets.escape_ascii()),
            },
            Self::Timestamp(seconds) => write!(f, "timestamp({seconds})"),
            Self::Array(array) => write!(f, "{array:?}"),
            Self::Table(table) => write!(f, "{table:?}"),
            Self::Void => f.write_str("void"),
            Self::Bytes(octets) => write!(f, "bytes(\"{}\")", octets.escape_ascii()),
        }
    }
}

macro_rules! value_from {
    ($($type:ty => $arm:ident),* $(,)?) => {$(
        impl From<$type> for Value<'_> {
            fn from(value: $type) -> Self {
                Self::$arm(value)
            }
        }
    )*};
}

value_from!(
    bool => Bool, i8 => I8, u8 => U8, i16 => I16, u16 => U16, i32 => I32, u32 => U32, i64 => I64,
    f32 => F32, f64 => F64, Decimal => Decimal,
);

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::LongStr(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(octets: &'a [u8]) -> Self {
        Self::LongStr(octets)
    }
}

impl<'a> From<TableRef<'a>> for Value<'a> {
    fn from(table: TableRef<'a>) -> Self {
        Self::Table(table)
    }
}

impl<'a> From<ArrayRef<'a>> for Value<'a> {
    fn from(array: ArrayRef<'a>) -> Self {
        Self::Array(array)
    }
}

impl<'a> From<&'a Table> for Value<'a> {
    fn from(table: &'a Table) -> Self {
        Self::Table(table.as_table_ref())
    }
}

impl<'a> From<&'a Array> for Value<'a> {
    fn from(array: &'a Array) -> Self {
        Self::Array(array.as_array_ref())
    }
}

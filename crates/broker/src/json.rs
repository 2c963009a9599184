//! Values as JSON has them: what RabbitMQ's definitions are made of, and what runtime parameters hold.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use warrener_codec::{Array, ArrayBuilder, Table, TableBuilder, TableRef, Value};

use crate::record::RecordError;

/// A JSON value (RFC 8259).
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Json {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without a fraction.
    Integer(i64),
    /// Any other number; never NaN, never infinite.
    Real(f64),
    /// A string.
    Text(Box<str>),
    /// An array.
    List(Vec<Self>),
    /// An object.
    Object(Object),
}

/// No JSON number is NaN.
impl Eq for Json {}

/// The members of a JSON object, in the order in which they came; of two with one name, the later counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object(Vec<(Box<str>, Json)>);

impl Object {
    /// No members.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of a member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.iter().find(|(own, _)| **own == *name).map(|(_, value)| value)
    }

    /// Adds a member, or changes it.
    pub fn set(&mut self, name: impl Into<Box<str>>, value: impl Into<Json>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(own, _)| *own == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// Takes a member out.
    pub fn take(&mut self, name: &str) -> Option<Json> {
        let place = self.0.iter().position(|(own, _)| **own == *name)?;
        Some(self.0.remove(place).1)
    }

    /// With one more member.
    #[must_use]
    pub fn with(mut self, name: impl Into<Box<str>>, value: impl Into<Json>) -> Self {
        self.set(name, value);
        self
    }

    /// All members.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Json)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the members of another.
    pub fn extend(&mut self, other: Self) {
        other.0.into_iter().for_each(|(name, value)| self.set(name, value));
    }
}

impl FromIterator<(Box<str>, Json)> for Object {
    fn from_iter<I: IntoIterator<Item = (Box<str>, Json)>>(members: I) -> Self {
        let mut places: BTreeMap<Box<str>, usize> = BTreeMap::new();
        let mut list: Vec<(Box<str>, Json)> = Vec::new();
        for (name, value) in members {
            match places.get(&name) {
                Some(place) => list[*place].1 = value,
                None => {
                    places.insert(name.clone(), list.len());
                    list.push((name, value));
                }
            }
        }
        Self(list)
    }
}

macro_rules! into_json {
    ($($from:ty => |$value:ident| $to:expr),* $(,)?) => {$(
        impl From<$from> for Json {
            fn from($value: $from) -> Self {
                $to
            }
        }
    )*};
}

into_json! {
    bool => |value| Self::Bool(value),
    i64 => |value| Self::Integer(value),
    u32 => |value| Self::Integer(value.into()),
    &str => |value| Self::Text(value.into()),
    String => |value| Self::Text(value.into()),
    Object => |value| Self::Object(value),
    Vec<Self> => |value| Self::List(value),
}

impl Json {
    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The number, if it is one without a fraction.
    #[must_use]
    pub const fn as_i64(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The members, if it is an object.
    #[must_use]
    pub const fn as_object(&self) -> Option<&Object> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }

    /// The value that an argument of this JSON value has when it comes from definitions (RabbitMQ).
    pub(crate) fn insert_into(&self, table: &mut TableBuilder, name: &str) {
        match self {
            Self::Null => table.insert(name, Value::Void),
            Self::Bool(truth) => table.insert(name, *truth),
            Self::Integer(number) => table.insert(name, *number),
            Self::Real(number) => table.insert(name, *number),
            Self::Text(text) => table.insert(name, &**text),
            Self::List(list) => table.insert(name, &array(list)),
            Self::Object(object) => table.insert(name, &object.to_table()),
        };
    }

    fn push_onto(&self, array: &mut ArrayBuilder) {
        match self {
            Self::Null => array.push(Value::Void),
            Self::Bool(truth) => array.push(*truth),
            Self::Integer(number) => array.push(*number),
            Self::Real(number) => array.push(*number),
            Self::Text(text) => array.push(&**text),
            Self::List(list) => array.push(&self::array(list)),
            Self::Object(object) => array.push(&object.to_table()),
        };
    }
}

fn array(list: &[Json]) -> Array {
    let mut array = ArrayBuilder::new();
    list.iter().for_each(|item| item.push_onto(&mut array));
    array.build().unwrap_or_default()
}

impl Object {
    /// The table that these arguments are: numbers without a fraction are 64 bits wide, texts are long strings.
    #[must_use]
    pub fn to_table(&self) -> Table {
        let mut table = TableBuilder::new();
        self.iter().for_each(|(name, value)| value.insert_into(&mut table, name));
        table.build().unwrap_or_default()
    }
}

impl From<TableRef<'_>> for Object {
    fn from(table: TableRef<'_>) -> Self {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned().into_boxed_str();
        table.iter().map(|(name, value)| (text(name.as_bytes()), Json::from(&value))).collect()
    }
}

/// As RabbitMQ shows arguments: the width of numbers is lost.
impl From<&Value<'_>> for Json {
    fn from(value: &Value<'_>) -> Self {
        if let Some(number) = value.as_i64() {
            return Self::Integer(number);
        }
        match value {
            Value::Void => Self::Null,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::F64(number) if number.is_finite() => Self::Real(*number),
            Value::F32(number) if number.is_finite() => Self::Real(f64::from(*number)),
            Value::Table(table) => Self::Object(Object::from(*table)),
            Value::Array(array) => Self::List(array.iter().map(|item| Self::from(&item)).collect()),
            other => Self::Text(crate::value::text(other).to_string().into()),
        }
    }
}

/// How deep lists and objects may lie in each other on disk.
const DEPTH: u32 = 128;

/// In digests: a kind, then the value; lengths in front, numbers big-endian.
impl Json {
    fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Null => out.put_u8(0),
            Self::Bool(truth) => {
                out.put_u8(1);
                out.put_u8(u8::from(*truth));
            }
            Self::Integer(number) => {
                out.put_u8(2);
                out.put_i64(*number);
            }
            Self::Real(number) => {
                out.put_u8(3);
                out.put_f64(*number);
            }
            Self::Text(text) => {
                out.put_u8(4);
                put_text(out, text);
            }
            Self::List(list) => {
                out.put_u8(5);
                out.put_u32(list.len() as u32);
                list.iter().for_each(|item| item.encode(out));
            }
            Self::Object(object) => {
                out.put_u8(6);
                object.encode(out);
            }
        }
    }

    fn decode(input: &mut Bytes, depth: u32) -> Result<Self, RecordError> {
        if depth > DEPTH {
            return Err(RecordError::Malformed);
        }
        let short = |_| RecordError::Truncated;
        Ok(match input.try_get_u8().map_err(short)? {
            0 => Self::Null,
            1 => Self::Bool(input.try_get_u8().map_err(short)? != 0),
            2 => Self::Integer(input.try_get_i64().map_err(short)?),
            3 => Self::Real(input.try_get_f64().map_err(short)?),
            4 => Self::Text(take_text(input)?),
            5 => {
                let len = input.try_get_u32().map_err(short)?;
                let items = (0..len).map(|_| Self::decode(input, depth + 1));
                Self::List(items.collect::<Result<_, _>>()?)
            }
            6 => Self::Object(Object::decode_at(input, depth + 1)?),
            _ => return Err(RecordError::Malformed),
        })
    }

    /// How deep lists and objects lie in each other.
    pub(crate) fn depth(&self) -> u32 {
        match self {
            Self::List(list) => 1 + list.iter().map(Self::depth).max().unwrap_or_default(),
            Self::Object(object) => {
                1 + object.iter().map(|(_, value)| value.depth()).max().unwrap_or_default()
            }
            _ => 0,
        }
    }

    /// Whether it can be kept: not too deep for the log.
    pub(crate) fn is_keepable(&self) -> bool {
        self.depth() < DEPTH / 2
    }
}

impl Object {
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        out.put_u32(self.iter().len() as u32);
        for (name, value) in self.iter() {
            put_text(out, name);
            value.encode(out);
        }
    }

    pub(crate) fn decode(input: &mut Bytes) -> Result<Self, RecordError> {
        Self::decode_at(input, 0)
    }

    fn decode_at(input: &mut Bytes, depth: u32) -> Result<Self, RecordError> {
        let len = input.try_get_u32().map_err(|_| RecordError::Truncated)?;
        let members = (0..len).map(|_| Ok((take_text(input)?, Json::decode(input, depth)?)));
        members.collect::<Result<Vec<_>, _>>().map(Self::from_iter)
    }
}

fn put_text(out: &mut BytesMut, text: &str) {
    out.put_u32(text.len() as u32);
    out.put_slice(text.as_bytes());
}

fn take_text(input: &mut Bytes) -> Result<Box<str>, RecordError> {
    let len = input.try_get_u32().map_err(|_| RecordError::Truncated)? as usize;
    if input.len() < len {
        return Err(RecordError::Truncated);
    }
    let octets = input.split_to(len);
    core::str::from_utf8(&octets).map(Into::into).map_err(|_| RecordError::Malformed)
}

//! One value of a header.

use alloc::vec::Vec;

/// A header's value, with the width of its type forgotten: an 8-bit 5 and a 64-bit 5 are the same, as they are to
/// RabbitMQ. An integer never equals a text, nor a float.
#[derive(Clone, Copy, Debug)]
pub enum HeaderValue<'a> {
    /// No value. In a binding's arguments it asks only that the header is present.
    Void,
    /// A truth value.
    Bool(bool),
    /// An integer of any width.
    Integer(i64),
    /// A float of any width. Floats are equal when their bits are.
    Float(f64),
    /// Text or binary.
    Bytes(&'a [u8]),
    /// Seconds since the Unix epoch. A headers exchange takes them for an integer.
    Timestamp(u64),
    /// `value` / 10^`scale`.
    Decimal {
        /// Number of decimals.
        scale: u8,
        /// The number without its point.
        value: i64,
    },
    /// Anything nested, as the embedder's bytes.
    Nested(&'a [u8]),
}

impl<'a> HeaderValue<'a> {
    /// Appends the form in which values are kept, compared and hashed; two values are equal when these bytes are.
    ///
    /// It is a tag byte and the value in big-endian: `v` void, `t` bool, `i` integer, `f` float, `b` bytes,
    /// `T` timestamp, `D` decimal (scale, then value), `n` nested.
    pub fn write_canonical(self, out: &mut Vec<u8>) {
        match self {
            Self::Void => out.push(b'v'),
            Self::Bool(value) => out.extend_from_slice(&[b't', u8::from(value)]),
            Self::Integer(value) => write(out, b'i', &value.to_be_bytes()),
            Self::Float(value) => write(out, b'f', &value.to_bits().to_be_bytes()),
            Self::Bytes(value) => write(out, b'b', value),
            Self::Timestamp(value) => write(out, b'T', &value.to_be_bytes()),
            Self::Decimal { scale, value } => {
                write(out, b'D', &[scale]);
                out.extend_from_slice(&value.to_be_bytes());
            }
            Self::Nested(value) => write(out, b'n', value),
        }
    }

    /// The value as a headers exchange compares it.
    ///
    /// Errata: RabbitMQ 4 multiplies a message's timestamps by a thousand, but not a binding's, so that a binding can
    /// never match the timestamp that it names. Here it matches.
    pub(crate) fn as_compared(self) -> Self {
        match self {
            Self::Timestamp(seconds) => i64::try_from(seconds).map_or(self, Self::Integer),
            other => other,
        }
    }

    /// Reads what [`HeaderValue::write_canonical`] wrote.
    pub(crate) fn read_canonical(bytes: &'a [u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first()?;
        Some(match tag {
            b'v' if rest.is_empty() => Self::Void,
            b't' => match rest {
                [0] => Self::Bool(false),
                [1] => Self::Bool(true),
                _ => return None,
            },
            b'i' => Self::Integer(i64::from_be_bytes(rest.try_into().ok()?)),
            b'f' => Self::Float(f64::from_bits(u64::from_be_bytes(rest.try_into().ok()?))),
            b'b' => Self::Bytes(rest),
            b'T' => Self::Timestamp(u64::from_be_bytes(rest.try_into().ok()?)),
            b'D' => {
                let (scale, value) = rest.split_first()?;
                Self::Decimal { scale: *scale, value: i64::from_be_bytes(value.try_into().ok()?) }
            }
            b'n' => Self::Nested(rest),
            _ => return None,
        })
    }
}

fn write(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend_from_slice(bytes);
}

impl PartialEq for HeaderValue<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Self::Void, Self::Void) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Bytes(a), Self::Bytes(b)) | (Self::Nested(a), Self::Nested(b)) => a == b,
            (Self::Timestamp(a), Self::Timestamp(b)) => a == b,
            (
                Self::Decimal { scale: a_scale, value: a },
                Self::Decimal { scale: b_scale, value: b },
            ) => a_scale == b_scale && a == b,
            _ => false,
        }
    }
}

impl Eq for HeaderValue<'_> {}

impl<'a> From<&'a str> for HeaderValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::Bytes(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for HeaderValue<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<i64> for HeaderValue<'_> {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for HeaderValue<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for HeaderValue<'_> {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_back_as_they_were_written() {
        let values = [
            HeaderValue::Void,
            HeaderValue::Bool(true),
            HeaderValue::Bool(false),
            HeaderValue::Integer(i64::MIN),
            HeaderValue::Float(-0.5),
            HeaderValue::Bytes(b"text"),
            HeaderValue::Timestamp(u64::MAX),
            HeaderValue::Decimal { scale: 2, value: -314 },
            HeaderValue::Nested(b"\x00\x01"),
        ];
        for value in values {
            let mut bytes = Vec::new();
            value.write_canonical(&mut bytes);
            assert_eq!(HeaderValue::read_canonical(&bytes), Some(value));
        }
    }

    #[test]
    fn values_of_different_types_are_never_equal() {
        assert_ne!(HeaderValue::from(1), HeaderValue::from("1"));
        assert_ne!(HeaderValue::from(1), HeaderValue::from(1.0));
        assert_ne!(HeaderValue::from(1), HeaderValue::from(true));
        assert_ne!(HeaderValue::from(1), HeaderValue::Timestamp(1));
    }

    #[test]
    fn bytes_that_nobody_wrote_are_refused() {
        for bytes in [&b""[..], b"?", b"t\x02", b"i\x01", b"D", b"v\x00"] {
            assert_eq!(HeaderValue::read_canonical(bytes), None);
        }
    }
}

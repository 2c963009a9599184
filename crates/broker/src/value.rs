//! Field values as refusals show them: RabbitMQ's names of their types, and their text.

use alloc::boxed::Box;
use alloc::format;

use warrener_codec::Value;

use crate::refusal::{said, shown};

/// What RabbitMQ calls the type of this value.
pub(crate) const fn type_name(value: &Value<'_>) -> &'static str {
    match value {
        Value::Bool(_) => "bool",
        Value::I8(_) => "byte",
        Value::U8(_) => "unsignedbyte",
        Value::I16(_) => "short",
        Value::U16(_) => "unsignedshort",
        Value::I32(_) => "signedint",
        Value::U32(_) => "unsignedint",
        Value::I64(_) => "long",
        Value::F32(_) => "float",
        Value::F64(_) => "double",
        Value::Decimal(_) => "decimal",
        Value::LongStr(_) => "longstr",
        Value::Timestamp(_) => "timestamp",
        Value::Array(_) => "array",
        Value::Table(_) => "table",
        Value::Void => "void",
        Value::Bytes(_) => "binary",
    }
}

/// The value without its type.
pub(crate) fn text(value: &Value<'_>) -> Box<str> {
    match value {
        Value::LongStr(octets) | Value::Bytes(octets) => shown(octets),
        Value::Void => said("undefined"),
        Value::Timestamp(seconds) => format!("{seconds}").into_boxed_str(),
        Value::F32(number) => format!("{number:?}").into_boxed_str(),
        Value::F64(number) => format!("{number:?}").into_boxed_str(),
        other => match other.as_i64() {
            Some(number) => format!("{number}").into_boxed_str(),
            None => format!("{other:?}").into_boxed_str(),
        },
    }
}

/// The value as Erlang prints it.
pub(crate) fn erlang(value: &Value<'_>) -> Box<str> {
    let text = text(value);
    match value {
        Value::LongStr(_) => format!("<<\"{text}\">>").into_boxed_str(),
        _ => text,
    }
}

/// Whether two values are the same to a declaration: integers of any width by their number, everything else by its type
/// and value (RabbitMQ compares so).
pub(crate) fn same(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => left == right,
        (None, None) => match (left, right) {
            (Value::F32(left), Value::F64(right)) => f64::from(*left).to_bits() == right.to_bits(),
            (Value::F64(left), Value::F32(right)) => left.to_bits() == f64::from(*right).to_bits(),
            _ => left == right,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_the_same_whatever_their_width() {
        assert!(same(&Value::I8(5), &Value::I64(5)));
        assert!(!same(&Value::I8(5), &Value::F64(5.0)));
        assert!(!same(&Value::LongStr(b"5"), &Value::I8(5)));
        assert!(same(&Value::F32(0.5), &Value::F64(0.5)));
    }
}

//! How two declarations of one thing disagree, in the words of RabbitMQ.

use alloc::boxed::Box;
use core::fmt;

/// One side of a comparison of arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// The argument is not there.
    Nothing,
    /// The argument, its value and its type in RabbitMQ's names (`longstr`, `signedint`, ...).
    Value {
        /// The value as text.
        value: Box<str>,
        /// The name of its type.
        kind: &'static str,
    },
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("none"),
            Self::Value { value, kind } => write!(f, "the value '{value}' of type '{kind}'"),
        }
    }
}

/// Two declarations of one thing disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Both sides have a value.
    Values {
        /// What the new declaration says.
        received: Box<str>,
        /// What the existing thing has.
        current: Box<str>,
    },
    /// One side has none.
    Presence {
        /// What the new declaration says.
        received: Given,
        /// What the existing thing has.
        current: Given,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Values { received, current } => {
                write!(f, "received '{received}' but current is '{current}'")
            }
            Self::Presence { received, current } => {
                write!(f, "received {received} but current is {current}")
            }
        }
    }
}

//! What a binding of a headers exchange asks for.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::error::BindError;
use crate::header::{Arguments, HeaderValue};

/// How many of a binding's conditions a message must meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quorum {
    All,
    Any,
}

/// One condition: a header of this name, and of this value (in canonical form) unless `None`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Condition {
    pub(crate) name: Box<[u8]>,
    pub(crate) value: Option<Box<[u8]>>,
}

/// Reads the arguments of a headers binding (RabbitMQ extension: `any-with-x`, `all-with-x`).
pub(crate) fn parse(arguments: &dyn Arguments) -> Result<(Quorum, Vec<Condition>), BindError> {
    let (quorum, with_x) = match arguments.get(b"x-match") {
        None | Some(HeaderValue::Bytes(b"all")) => (Quorum::All, false),
        Some(HeaderValue::Bytes(b"any")) => (Quorum::Any, false),
        Some(HeaderValue::Bytes(b"all-with-x")) => (Quorum::All, true),
        Some(HeaderValue::Bytes(b"any-with-x")) => (Quorum::Any, true),
        Some(HeaderValue::Bytes(_)) => return Err(BindError::MatchMode),
        Some(_) => return Err(BindError::MatchModeType),
    };
    let mut conditions = Vec::new();
    arguments.for_each(&mut |name, value| {
        let skipped = if with_x { name == b"x-match" } else { name.starts_with(b"x-") };
        if skipped {
            return;
        }
        let value = match value {
            HeaderValue::Void => None,
            value => {
                let mut canonical = Vec::new();
                value.write_canonical(&mut canonical);
                Some(canonical.into())
            }
        };
        conditions.push(Condition { name: name.into(), value });
    });
    conditions.sort();
    conditions.dedup();
    Ok((quorum, conditions))
}

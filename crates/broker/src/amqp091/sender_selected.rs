//! Sender-selected distribution (RabbitMQ extension): a message names more routing keys in the headers `CC` and `BCC`.

use alloc::boxed::Box;
use alloc::vec::Vec;

use warrener_codec::{PropertiesRef, ShortStr, Table, TableBuilder, TableRef, Value};

use crate::config::ROUTING_KEYS;
use crate::message::Extra;
use crate::refusal::Reason;
use crate::value::type_name;

/// The keys in the headers `CC` and `BCC`, and whether there is a `BCC` (RabbitMQ extension: sender-selected
/// distribution).
pub(crate) fn sender_selected(
    properties: &PropertiesRef<'_>,
) -> Result<(Option<Box<Extra>>, bool), Reason> {
    let Some(headers) = properties.headers else { return Ok((None, false)) };
    let (cc, bcc) = (keys(headers, "CC")?, keys(headers, "BCC")?);
    let has_bcc = bcc.is_some();
    if cc.is_none() && bcc.is_none() {
        return Ok((None, false));
    }
    let (cc, bcc) = (cc.unwrap_or_default(), bcc.unwrap_or_default());
    let count = 1 + cc.len() + bcc.len();
    if count > ROUTING_KEYS {
        return Err(Reason::TooManyKeys(count, ROUTING_KEYS));
    }
    Ok((Some(Box::new(Extra { cc, bcc, ..Extra::default() })), has_bcc))
}

fn keys(headers: TableRef<'_>, header: &'static str) -> Result<Option<Vec<ShortStr>>, Reason> {
    let short = |value: Value<'_>| ShortStr::try_from(value.as_long_str()?).ok();
    match headers.get(header) {
        None => Ok(None),
        Some(Value::Array(array)) => Ok(Some(array.iter().filter_map(short).collect())),
        Some(other) => Err(Reason::HeaderType { header, kind: type_name(&other) }),
    }
}

/// Headers as everybody may see them.
pub(crate) fn without_bcc(headers: TableRef<'_>) -> Table {
    let mut kept = TableBuilder::new();
    for (name, value) in headers {
        if name.as_bytes() != b"BCC" {
            kept.insert(name.as_bytes(), value);
        }
    }
    kept.build().expect("a part of a table is a table")
}

//! Between JSON as serde has it and what the broker is told.

use serde_json::{Map, Value};
use warrener_broker::{Json, Object};
use warrener_codec::Table;

use crate::reply::Failure;

/// The broker's object as a document.
pub(crate) fn object(object: &Object) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

/// The broker's value as a document.
pub(crate) fn value(value: &Json) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// Arguments as a document.
pub(crate) fn table(table: &Table) -> Value {
    object(&Object::from(table.as_table_ref()))
}

/// A document as the broker's object; anything but an object is refused.
pub(crate) fn to_object(value: Value) -> Result<Object, Failure> {
    serde_json::from_value(value).map_err(|error| Failure::bad(error.to_string()))
}

/// A document as the broker's value.
pub(crate) fn to_json(value: Value) -> Result<Json, Failure> {
    serde_json::from_value(value).map_err(|error| Failure::bad(error.to_string()))
}

/// `arguments` of a body, which RabbitMQ takes as an empty list as well.
pub(crate) fn arguments(body: &Map<String, Value>) -> Result<Object, Failure> {
    match body.get("arguments") {
        None | Some(Value::Null) => Ok(Object::new()),
        Some(Value::Array(list)) if list.is_empty() => Ok(Object::new()),
        Some(Value::String(text)) if text.is_empty() => Ok(Object::new()),
        Some(given) => to_object(given.clone()),
    }
}

/// A flag of a body; `"true"` counts as true.
pub(crate) fn flag(
    body: &Map<String, Value>,
    name: &str,
    otherwise: bool,
) -> Result<bool, Failure> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(otherwise),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(Value::String(text)) if text == "true" => Ok(true),
        Some(Value::String(text)) if text == "false" => Ok(false),
        Some(_) => Err(Failure::bad(format!("{name} is neither true nor false"))),
    }
}

/// A text of a body.
pub(crate) fn text_of<'b>(body: &'b Map<String, Value>, name: &str) -> Option<&'b str> {
    body.get(name).and_then(Value::as_str)
}

/// Texts that a body must have; RabbitMQ names those that are missing, in its own way.
pub(crate) fn required<const N: usize>(
    body: &Map<String, Value>,
    names: [&str; N],
) -> Result<[String; N], Failure> {
    let missing: Vec<String> = names
        .iter()
        .filter(|name| !body.contains_key(**name))
        .map(|name| format!("{{key_missing,{name}}}"))
        .collect();
    if !missing.is_empty() {
        return Err(Failure::bad(format!("[{}]", missing.join(","))));
    }
    let mut texts = [const { String::new() }; N];
    for (text, name) in texts.iter_mut().zip(names) {
        *text = text_of(body, name)
            .ok_or_else(|| Failure::bad(format!("{name} should be a string")))?
            .to_owned();
    }
    Ok(texts)
}

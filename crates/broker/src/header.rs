//! AMQP tables as the router reads them: the headers of messages and the arguments of bindings.

use alloc::vec::Vec;

use warrener_codec::{Limits, Properties, Table, TableBuilder, TableRef, Value, grammar};
use warrener_router::{Arguments, HeaderValue, Headers, Property};

/// The headers and properties of a message, read only when an exchange asks.
pub(crate) struct MessageHeaders<'a>(pub(crate) &'a Properties);

impl Headers for MessageHeaders<'_> {
    fn for_each(&self, visit: &mut dyn FnMut(&[u8], HeaderValue<'_>)) {
        show(self.0.headers().unwrap_or_default(), visit);
    }

    fn get(&self, name: &[u8]) -> Option<HeaderValue<'_>> {
        self.0.headers()?.get(name).map(header_value)
    }

    fn property(&self, property: Property) -> Option<HeaderValue<'_>> {
        match property {
            Property::MessageId => self.0.message_id().map(|id| HeaderValue::Bytes(id.as_bytes())),
            Property::CorrelationId => {
                self.0.correlation_id().map(|id| HeaderValue::Bytes(id.as_bytes()))
            }
            Property::Timestamp => self.0.timestamp().map(HeaderValue::Timestamp),
        }
    }
}

/// The arguments of a binding, sorted by name: a binding's identity does not depend on their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BindingArguments(Table);

impl BindingArguments {
    pub(crate) fn new(arguments: &Table) -> Self {
        let mut entries: Vec<_> = arguments.iter().collect();
        entries.sort_by_key(|(name, _)| name.as_bytes());
        let mut sorted = TableBuilder::new();
        for (name, value) in entries {
            sorted.insert(name.as_bytes(), value);
        }
        Self(sorted.build().expect("the entries of a table make a table"))
    }

    /// The sorted arguments.
    pub(crate) const fn table(&self) -> &Table {
        &self.0
    }
}

/// The arguments of a binding as the router keeps them.
pub(crate) fn arguments(octets: &[u8]) -> Table {
    let mut wire = Vec::with_capacity(octets.len() + 4);
    wire.extend_from_slice(&(octets.len() as u32).to_be_bytes());
    wire.extend_from_slice(octets);
    let table = grammar::table(&Limits::WIDEST)(&wire);
    table.map(|(_, table)| table.to_owned()).unwrap_or_default()
}

impl Headers for BindingArguments {
    fn for_each(&self, visit: &mut dyn FnMut(&[u8], HeaderValue<'_>)) {
        show(self.0.as_table_ref(), visit);
    }

    fn get(&self, name: &[u8]) -> Option<HeaderValue<'_>> {
        self.0.get(name).map(header_value)
    }
}

impl Arguments for BindingArguments {
    fn canonical(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

fn show(table: TableRef<'_>, visit: &mut dyn FnMut(&[u8], HeaderValue<'_>)) {
    for (name, value) in table {
        visit(name.as_bytes(), header_value(value));
    }
}

fn header_value(value: Value<'_>) -> HeaderValue<'_> {
    match value {
        Value::Bool(truth) => HeaderValue::Bool(truth),
        Value::I8(number) => HeaderValue::Integer(number.into()),
        Value::U8(number) => HeaderValue::Integer(number.into()),
        Value::I16(number) => HeaderValue::Integer(number.into()),
        Value::U16(number) => HeaderValue::Integer(number.into()),
        Value::I32(number) => HeaderValue::Integer(number.into()),
        Value::U32(number) => HeaderValue::Integer(number.into()),
        Value::I64(number) => HeaderValue::Integer(number),
        Value::F32(number) => HeaderValue::Float(number.into()),
        Value::F64(number) => HeaderValue::Float(number),
        Value::Decimal(decimal) => {
            HeaderValue::Decimal { scale: decimal.scale, value: decimal.value.into() }
        }
        Value::LongStr(octets) | Value::Bytes(octets) => HeaderValue::Bytes(octets),
        Value::Timestamp(seconds) => HeaderValue::Timestamp(seconds),
        Value::Array(array) => HeaderValue::Nested(array.as_bytes()),
        Value::Table(table) => HeaderValue::Nested(table.as_bytes()),
        Value::Void => HeaderValue::Void,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_arguments_does_not_matter() {
        let table = |names: [&str; 2]| {
            TableBuilder::new().with(names[0], 1).with(names[1], 1).build().expect("small")
        };
        let (left, right) = (table(["a", "b"]), table(["b", "a"]));
        assert_ne!(left, right);
        assert_eq!(BindingArguments::new(&left), BindingArguments::new(&right));
        assert!(BindingArguments::new(&Table::EMPTY).canonical().is_empty());
    }
}

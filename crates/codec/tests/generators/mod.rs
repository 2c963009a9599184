//! Any lawful method, as `methods.txt` describes it: the wire form, written here and not by the codec, and what
//! `Debug` should show of the decoded method.

#[expect(dead_code, reason = "the generator reads more of it")]
#[path = "../generated/description.rs"]
mod description;

use std::fs;
use std::path::Path;

use bytes::BufMut;
use proptest::prelude::*;

use description::{Class, Field, Method};

/// A method frame's payload and the decoded method's `Debug`.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) payload: Vec<u8>,
    pub(crate) shown: String,
}

#[derive(Clone, Debug)]
enum Argument {
    Bit(bool),
    Octets(Vec<u8>, String),
}

/// Every method is as likely as any other. The fields in `zeroed` are zero.
pub(crate) fn any_method(zeroed: &'static [&'static str]) -> impl Strategy<Value = Sample> {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("methods.txt")).unwrap();
    let samples: Vec<_> =
        description::parse(&text).iter().flat_map(|class| methods_of(class, zeroed)).collect();
    assert_eq!(samples.len(), 66);
    proptest::strategy::Union::new(samples)
}

fn methods_of(class: &Class, zeroed: &[&str]) -> Vec<BoxedStrategy<Sample>> {
    let sample = |method: &Method| {
        let mut head = Vec::new();
        head.put_u16(class.number);
        head.put_u16(method.number);
        let names: Vec<_> = method.fields.iter().map(shown_name).collect();
        let type_name = shown_type(class, method);
        let arguments: Vec<_> = method.fields.iter().map(|field| argument(field, zeroed)).collect();
        arguments
            .prop_map(move |arguments| {
                let mut payload = head.clone();
                write(&arguments, &mut payload);
                Sample { payload, shown: show(&type_name, &names, &arguments) }
            })
            .boxed()
    };
    class.methods.iter().map(sample).collect()
}

fn write(arguments: &[Argument], payload: &mut Vec<u8>) {
    let mut bits = None;
    for argument in arguments {
        match argument {
            Argument::Bit(bit) => {
                let (octet, shift) = bits.unwrap_or((0, 0));
                bits = Some((octet | u8::from(*bit) << shift, shift + 1));
            }
            Argument::Octets(octets, _) => {
                payload.extend(bits.take().map(|(octet, _)| octet));
                payload.put_slice(octets);
            }
        }
    }
    payload.extend(bits.map(|(octet, _)| octet));
}

fn show(
    type_name: &(String, Option<String>),
    names: &[Option<String>],
    arguments: &[Argument],
) -> String {
    let (arm, Some(inner)) = type_name else { return type_name.0.clone() };
    let fields: Vec<_> = names
        .iter()
        .zip(arguments)
        .filter_map(|(name, argument)| name.as_ref().map(|name| (name, argument)))
        .map(|(name, argument)| match argument {
            Argument::Bit(bit) => format!("{name}: {bit}"),
            Argument::Octets(_, shown) => format!("{name}: {shown}"),
        })
        .collect();
    format!("{arm}({inner} {{ {} }})", fields.join(", "))
}

/// The arm of `Method`, and the struct in it.
fn shown_type(class: &Class, method: &Method) -> (String, Option<String>) {
    let arm = camel(&class.name) + &camel(&method.name);
    let has_struct = method.fields.iter().any(|field| shown_name(field).is_some());
    let borrowed = if method.by_hand && method.has_content { "Ref" } else { "" };
    (arm, has_struct.then(|| camel(&method.name) + borrowed))
}

/// Reserved fields are not shown.
fn shown_name(field: &Field) -> Option<String> {
    match &*field.name {
        _ if field.kind.starts_with("reserved-") => None,
        "type" => Some("kind".into()),
        name => Some(name.replace('-', "_")),
    }
}

fn argument(field: &Field, zeroed: &[&str]) -> BoxedStrategy<Argument> {
    let number = |octets: &[u8], shown: String| Argument::Octets(octets.to_vec(), shown);
    let is_zeroed = zeroed.contains(&&*field.name);
    match &*field.kind {
        "short" if is_zeroed => Just(number(&[0; 2], "0".into())).boxed(),
        "long" if is_zeroed => Just(number(&[0; 4], "0".into())).boxed(),
        "bit" => any::<bool>().prop_map(Argument::Bit).boxed(),
        "reserved-bit" => Just(Argument::Bit(false)).boxed(),
        "octet" => any::<u8>().prop_map(move |n| number(&[n], n.to_string())).boxed(),
        "short" => any::<u16>().prop_map(move |n| number(&n.to_be_bytes(), n.to_string())).boxed(),
        "code" => any::<u16>()
            .prop_map(move |n| number(&n.to_be_bytes(), format!("ReplyCode({n})")))
            .boxed(),
        "long" => any::<u32>().prop_map(move |n| number(&n.to_be_bytes(), n.to_string())).boxed(),
        "longlong" => {
            any::<u64>().prop_map(move |n| number(&n.to_be_bytes(), n.to_string())).boxed()
        }
        "shortstr" => text(255).prop_map(short_str).boxed(),
        "longstr" => text(600).prop_map(long_str).boxed(),
        "table" => {
            any_table().prop_map(|table| Argument::Octets(table.wire(), table.shown())).boxed()
        }
        "reserved-shortstr" => Just(number(&[0], String::new())).boxed(),
        "reserved-longstr" => Just(number(&[0; 4], String::new())).boxed(),
        other => panic!("no such type: {other}"),
    }
}

fn text(longest: usize) -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z.#*/-]{0,12}".boxed(),
        1 => any::<String>().prop_map(move |mut text| {
            while text.len() > longest {
                text.pop();
            }
            text
        }).boxed(),
    ]
}

fn short_str(text: String) -> Argument {
    let mut octets = vec![text.len() as u8];
    octets.put_slice(text.as_bytes());
    Argument::Octets(octets, format!("{text:?}"))
}

fn long_str(text: String) -> Argument {
    Argument::Octets(with_length(text.as_bytes()), format!("{text:?}"))
}

fn with_length(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_u32(octets.len() as u32);
    out.put_slice(octets);
    out
}

/// A table's entries: names in order, each once, so that other people's maps hold them too.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AnyTable(pub(crate) Vec<(String, AnyValue)>);

/// A field value, in the two forms that it has here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AnyValue {
    Scalar(Vec<u8>, String),
    Array(Vec<Self>),
    Table(AnyTable),
}

impl AnyTable {
    pub(crate) fn wire(&self) -> Vec<u8> {
        let mut content = Vec::new();
        for (name, value) in &self.0 {
            content.put_u8(name.len() as u8);
            content.put_slice(name.as_bytes());
            content.put_slice(&value.wire());
        }
        with_length(&content)
    }

    pub(crate) fn shown(&self) -> String {
        let entries: Vec<_> =
            self.0.iter().map(|(name, value)| format!("{name:?}: {}", value.shown())).collect();
        format!("{{{}}}", entries.join(", "))
    }
}

impl AnyValue {
    fn wire(&self) -> Vec<u8> {
        match self {
            Self::Scalar(octets, _) => octets.clone(),
            Self::Array(values) => {
                let content: Vec<_> = values.iter().flat_map(Self::wire).collect();
                [&b"A"[..], &with_length(&content)].concat()
            }
            Self::Table(table) => [&b"F"[..], &table.wire()].concat(),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Scalar(_, shown) => shown.clone(),
            Self::Array(values) => {
                let values: Vec<_> = values.iter().map(Self::shown).collect();
                format!("[{}]", values.join(", "))
            }
            Self::Table(table) => table.shown(),
        }
    }
}

pub(crate) fn any_table() -> impl Strategy<Value = AnyTable> {
    let leaf = any_scalar();
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(AnyValue::Array),
            entries(inner).prop_map(AnyValue::Table),
        ]
    });
    entries(value)
}

fn entries(value: impl Strategy<Value = AnyValue>) -> impl Strategy<Value = AnyTable> {
    prop::collection::btree_map("[a-zA-Z-]{0,6}", value, 0..4)
        .prop_map(|map| AnyTable(map.into_iter().collect()))
}

fn any_scalar() -> impl Strategy<Value = AnyValue> {
    fn scalar(tag: u8, octets: &[u8], shown: String) -> AnyValue {
        AnyValue::Scalar([&[tag], octets].concat(), shown)
    }
    prop_oneof![
        any::<bool>().prop_map(|v| scalar(b't', &[u8::from(v)], v.to_string())),
        any::<i8>().prop_map(|v| scalar(b'b', &v.to_be_bytes(), format!("{v}i8"))),
        any::<u8>().prop_map(|v| scalar(b'B', &[v], format!("{v}u8"))),
        any::<i16>().prop_map(|v| scalar(b's', &v.to_be_bytes(), format!("{v}i16"))),
        any::<u16>().prop_map(|v| scalar(b'u', &v.to_be_bytes(), format!("{v}u16"))),
        any::<i32>().prop_map(|v| scalar(b'I', &v.to_be_bytes(), format!("{v}i32"))),
        any::<u32>().prop_map(|v| scalar(b'i', &v.to_be_bytes(), format!("{v}u32"))),
        any::<i64>().prop_map(|v| scalar(b'l', &v.to_be_bytes(), format!("{v}i64"))),
        any::<f32>().prop_map(|v| scalar(b'f', &v.to_be_bytes(), format!("{v:?}f32"))),
        any::<f64>().prop_map(|v| scalar(b'd', &v.to_be_bytes(), format!("{v:?}f64"))),
        any::<u64>().prop_map(|v| scalar(b'T', &v.to_be_bytes(), format!("timestamp({v})"))),
        any::<u32>().prop_map(|v| {
            scalar(b'D', &[&[0], &v.to_be_bytes()[..]].concat(), format!("decimal({v})"))
        }),
        text(300).prop_map(|v| scalar(b'S', &with_length(v.as_bytes()), format!("{v:?}"))),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|v| {
            scalar(b'x', &with_length(&v), format!("bytes(\"{}\")", v.escape_ascii()))
        }),
        Just(scalar(b'V', &[], "void".into())),
    ]
}

fn camel(name: &str) -> String {
    name.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

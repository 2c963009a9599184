//! The source text of `src/generated/`.

use core::fmt::Write as _;

use crate::description::{Class, Field, Method};

const NOTE: &str = "// Written by tests/generated from methods.txt. Change that, not this.\n\n";

pub(crate) fn files(classes: &[Class]) -> Vec<(String, String)> {
    let mut files = vec![
        ("mod.rs".to_string(), module(classes)),
        ("id.rs".to_string(), ids(classes)),
        ("facts.rs".to_string(), facts(classes)),
        ("method.rs".to_string(), method(classes)),
        ("from.rs".to_string(), conversions(classes)),
    ];
    files.extend(classes.iter().map(|class| (format!("{}.rs", class.name), class_file(class))));
    files
}

fn module(classes: &[Class]) -> String {
    let mut out = format!("//! Written by `tests/generated` from `methods.txt`.\n\n{NOTE}");
    let mut names: Vec<_> = classes.iter().map(|class| class.name.clone()).collect();
    names.sort();
    for name in &names {
        writeln!(out, "pub mod {name};").unwrap();
    }
    out + "\nmod facts;\nmod from;\npub(crate) mod id;\npub(crate) mod method;\n"
}

/// `MethodId`, and numbers to ids.
fn ids(classes: &[Class]) -> String {
    let mut out = format!(
        "//! Which methods there are.\n\n{NOTE}\
         /// A method of the protocol, without its arguments.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\n\
         #[repr(u8)]\n\
         pub enum MethodId {{\n"
    );
    for (class, method) in all(classes) {
        writeln!(out, "/// {}.{}: {}", class.name, method.name, method.doc).unwrap();
        writeln!(out, "{},", arm(class, method)).unwrap();
    }
    out += "}\n\nimpl MethodId {\n/// Every method, in the order of classes and numbers as `methods.txt` has them.\npub const ALL: &[Self] = &[\n";
    for (class, method) in all(classes) {
        writeln!(out, "Self::{},", arm(class, method)).unwrap();
    }
    out += "];\n\n/// The method with these numbers, if there is one.\n#[must_use]\n#[inline]\n\
            pub const fn from_ids(class_id: u16, method_id: u16) -> Option<Self> {\nmatch class_id {\n";
    for class in classes {
        writeln!(out, "{} => {}(method_id),", class.number, class.name).unwrap();
    }
    out += "_ => None,\n}\n}\n}\n";
    for class in classes {
        writeln!(
            out,
            "\nconst fn {}(method_id: u16) -> Option<MethodId> {{\nSome(match method_id {{",
            class.name
        )
        .unwrap();
        for method in &class.methods {
            writeln!(out, "{} => MethodId::{},", method.number, arm(class, method)).unwrap();
        }
        out += "_ => return None,\n})\n}\n";
    }
    out
}

/// The legality table.
fn facts(classes: &[Class]) -> String {
    let mut out = format!(
        "//! Who may send which method, and what follows it.\n\n{NOTE}\
         use crate::MethodId;\nuse crate::method::{{Facts, Sender}};\n\n\
         impl MethodId {{\n\
         #[expect(clippy::indexing_slicing, reason = \"one row for each arm, in the same order\")]\n\
         pub(crate) const fn facts(self) -> &'static Facts {{\n&FACTS[self as usize]\n}}\n}}\n\n\
         static FACTS: [Facts; MethodId::ALL.len()] = [\n"
    );
    for (class, method) in all(classes) {
        let replies: Vec<_> = method
            .replies
            .iter()
            .map(|name| {
                let reply = class.methods.iter().find(|m| m.name == *name);
                format!("MethodId::{}", arm(class, reply.expect("a reply that exists")))
            })
            .collect();
        writeln!(
            out,
            "Facts {{\nids: ({}, {}),\nname: \"{}.{}\",\nsender: Sender::{},\nhas_content: {},\nreplies: &[{}],\n}},",
            class.number,
            method.number,
            class.name,
            method.name,
            camel(&method.sender),
            method.has_content,
            replies.join(", ")
        )
        .unwrap();
    }
    out + "];\n"
}

/// `Method` and what it hands on to each of its arms.
fn method(classes: &[Class]) -> String {
    let mut out = format!(
        "//! Any method, with its arguments.\n\n{NOTE}\
         use alloc::boxed::Box;\n\nuse bytes::BufMut;\n\n\
         use crate::MethodId;\nuse crate::arguments::{{Arguments, Taken}};\nuse crate::method::{{{}}};\n\n\
         /// Any method, with its arguments. Flat and exhaustive, so that whoever must handle a new one is told by the compiler.\n\
         #[derive(Clone, Debug, PartialEq, Eq)]\npub enum Method {{\n",
        modules_with_structs(classes).join(", ")
    );
    for (class, method) in all(classes) {
        writeln!(out, "/// {}.{}: {}", class.name, method.name, method.doc).unwrap();
        match struct_path(class, method) {
            None => writeln!(out, "{},", arm(class, method)).unwrap(),
            Some(path) if is_boxed(method) => {
                writeln!(out, "{}(Box<{path}>),", arm(class, method)).unwrap();
            }
            Some(path) => writeln!(out, "{}({path}),", arm(class, method)).unwrap(),
        }
    }
    out += "}\n\nimpl Method {\n/// Which method it is, without its arguments.\n#[must_use]\n\
            pub const fn id(&self) -> MethodId {\nmatch self {\n";
    for (class, method) in all(classes) {
        let arm = arm(class, method);
        let pattern = if has_struct(method) { format!("{arm}(_)") } else { arm.clone() };
        writeln!(out, "Self::{pattern} => MethodId::{arm},").unwrap();
    }
    out += "}\n}\n\n/// Octets of the arguments.\npub(crate) fn arguments_len(&self) -> usize {\nmatch self {\n";
    for (class, method) in all(classes).filter(|(_, method)| has_struct(method)) {
        writeln!(out, "Self::{}(method) => method.arguments_len(),", arm(class, method)).unwrap();
    }
    for len in [0, 1, 4] {
        writeln!(out, "{} => {len},", bare(classes, len)).unwrap();
    }
    out += "}\n}\n\npub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {\nmatch self {\n";
    for (class, method) in all(classes).filter(|(_, method)| has_struct(method)) {
        writeln!(out, "Self::{}(method) => method.encode_arguments(out),", arm(class, method))
            .unwrap();
    }
    writeln!(out, "{} => {{}}", bare(classes, 0)).unwrap();
    writeln!(out, "{} => out.put_u8(0),", bare(classes, 1)).unwrap();
    writeln!(out, "{} => out.put_u32(0),", bare(classes, 4)).unwrap();
    out += "}\n}\n\npub(crate) fn decode_arguments<'a>(id: MethodId, arguments: &mut Arguments<'a>) -> Taken<'a, Self> {\nOk(match id {\n";
    for (class, method) in all(classes) {
        let arm = arm(class, method);
        match struct_path(class, method) {
            Some(path) if is_boxed(method) => writeln!(
                out,
                "MethodId::{arm} => Self::{arm}(Box::new({path}::decode(arguments)?)),"
            )
            .unwrap(),
            Some(path) => {
                writeln!(out, "MethodId::{arm} => Self::{arm}({path}::decode(arguments)?),")
                    .unwrap();
            }
            None => match bare_len(method) {
                0 => writeln!(out, "MethodId::{arm} => Self::{arm},").unwrap(),
                1 => {
                    writeln!(out, "MethodId::{arm} => arguments.short_ref().map(|_| Self::{arm})?,")
                        .unwrap()
                }
                _ => {
                    writeln!(out, "MethodId::{arm} => arguments.long_str().map(|_| Self::{arm})?,")
                        .unwrap()
                }
            },
        }
    }
    out + "})\n}\n}\n"
}

/// Structs to `Method`, boxed or not.
fn conversions(classes: &[Class]) -> String {
    let mut out = format!(
        "//! Every method with arguments is a `Method`.\n\n{NOTE}\
         use alloc::boxed::Box;\n\nuse crate::Method;\nuse crate::method::{{{}}};\n",
        modules_with_structs(classes).join(", ")
    );
    for (class, method) in all(classes) {
        if let Some(path) = struct_path(class, method) {
            let value = if is_boxed(method) { "Box::new(method)" } else { "method" };
            writeln!(
                out,
                "\nimpl From<{path}> for Method {{\nfn from(method: {path}) -> Self {{\nSelf::{}({value})\n}}\n}}",
                arm(class, method)
            )
            .unwrap();
        }
    }
    out
}

/// One class: its methods with arguments as structs.
fn class_file(class: &Class) -> String {
    let mut body = String::new();
    for method in class.methods.iter().filter(|method| has_struct(method) && !method.by_hand) {
        body += &method_struct(class, method);
    }
    let mut out =
        format!("//! Class {}, number {}. {}\n\n{NOTE}", class.name, class.number, class.doc);
    if class.name == "basic" {
        out += "pub use crate::data_plane::{Ack, Deliver, DeliverRef, GetOk, GetOkRef, Nack, Publish, PublishRef, Reject, Return, ReturnRef};\n\n";
    }
    if body.is_empty() {
        return out;
    }
    let used: Vec<_> = ["LongStr", "ReplyCode", "ShortStr", "Table"]
        .into_iter()
        .filter(|name| body.contains(&format!(": {name},")))
        .collect();
    out += "use bytes::BufMut;\n\n";
    let arguments = "use crate::arguments::{Arguments, Taken};\n";
    match &*used {
        [] => out += arguments,
        [one] => write!(out, "use crate::{one};\n{arguments}").unwrap(),
        many => writeln!(out, "{arguments}use crate::{{{}}};", many.join(", ")).unwrap(),
    }
    out + &body
}

fn method_struct(class: &Class, method: &Method) -> String {
    let name = camel(&method.name);
    let mut out = format!(
        "\n/// {}.{}: {}\n#[derive(Clone, Debug, Default, PartialEq, Eq)]\npub struct {name} {{\n",
        class.name, method.name, method.doc
    );
    for field in method.fields.iter().filter(|field| !is_reserved(field)) {
        writeln!(out, "/// {}\npub {}: {},", field.doc, ident(field), rust_type(field)).unwrap();
    }
    out += "}\n\n";
    writeln!(out, "impl {name} {{").unwrap();
    out += "pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {\n";
    let mut bits = 0;
    let mut names = Vec::new();
    for (at, field) in method.fields.iter().enumerate() {
        if field.kind.ends_with("bit") {
            if bits == 0 || !method.fields[at - 1].kind.ends_with("bit") {
                assert_eq!(bits, 0, "one run of bits a method");
                let keep = if is_reserved(field) { "_" } else { "bits" };
                writeln!(out, "let {keep} = arguments.octet()?;").unwrap();
            }
            if !is_reserved(field) {
                writeln!(out, "let {} = bits & {} != 0;", ident(field), 1 << bits).unwrap();
            }
            bits += 1;
        } else if is_reserved(field) {
            writeln!(out, "arguments.{}()?;", reader(field)).unwrap();
        } else {
            writeln!(out, "let {} = arguments.{}()?;", ident(field), reader(field)).unwrap();
        }
        if !is_reserved(field) {
            names.push(ident(field));
        }
    }
    writeln!(out, "Ok(Self {{ {} }})\n}}\n", names.join(", ")).unwrap();
    writeln!(out, "pub(crate) fn arguments_len(&self) -> usize {{\n{}\n}}\n", length(method))
        .unwrap();
    out += "pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {\n";
    out += &encoding(method);
    out + "}\n}\n"
}

fn length(method: &Method) -> String {
    let mut fixed = 0;
    let mut terms = Vec::new();
    let mut in_bits = false;
    for field in &method.fields {
        let is_bit = field.kind.ends_with("bit");
        match &*field.kind {
            _ if is_bit => fixed += usize::from(!in_bits),
            "octet" | "reserved-shortstr" => fixed += 1,
            "short" | "code" => fixed += 2,
            "long" | "reserved-longstr" => fixed += 4,
            "longlong" => fixed += 8,
            "shortstr" => {
                fixed += 1;
                terms.push(format!("self.{}.len()", ident(field)));
            }
            "longstr" => {
                fixed += 4;
                terms.push(format!("self.{}.len()", ident(field)));
            }
            "table" => {
                fixed += 4;
                terms.push(format!("self.{}.as_bytes().len()", ident(field)));
            }
            other => panic!("no such type: {other}"),
        }
        in_bits = is_bit;
    }
    terms.insert(0, fixed.to_string());
    terms.join(" + ")
}

fn encoding(method: &Method) -> String {
    let mut out = String::new();
    let mut bits: Vec<String> = Vec::new();
    let flush = |bits: &mut Vec<String>, out: &mut String, had: &mut bool| {
        if *had {
            let octet = if bits.is_empty() { "0".to_string() } else { bits.join(" | ") };
            writeln!(out, "out.put_u8({octet});").unwrap();
        }
        bits.clear();
        *had = false;
    };
    let (mut had, mut index) = (false, 0);
    for field in &method.fields {
        if field.kind.ends_with("bit") {
            if !is_reserved(field) {
                let shift = if index == 0 { String::new() } else { format!(" << {index}") };
                bits.push(format!("u8::from(self.{}){shift}", ident(field)));
            }
            had = true;
            index += 1;
            continue;
        }
        flush(&mut bits, &mut out, &mut had);
        let name = ident(field);
        match &*field.kind {
            "octet" => writeln!(out, "out.put_u8(self.{name});"),
            "short" => writeln!(out, "out.put_u16(self.{name});"),
            "code" => writeln!(out, "out.put_u16(self.{name}.0);"),
            "long" => writeln!(out, "out.put_u32(self.{name});"),
            "longlong" => writeln!(out, "out.put_u64(self.{name});"),
            "shortstr" => writeln!(out, "self.{name}.as_short_ref().encode(out);"),
            "longstr" | "table" => writeln!(out, "self.{name}.encode(out);"),
            "reserved-shortstr" => writeln!(out, "out.put_u8(0);"),
            "reserved-longstr" => writeln!(out, "out.put_u32(0);"),
            other => panic!("no such type: {other}"),
        }
        .unwrap();
    }
    flush(&mut bits, &mut out, &mut had);
    out
}

fn all(classes: &[Class]) -> impl Iterator<Item = (&Class, &Method)> {
    classes.iter().flat_map(|class| class.methods.iter().map(move |method| (class, method)))
}

fn arm(class: &Class, method: &Method) -> String {
    camel(&class.name) + &camel(&method.name)
}

fn is_reserved(field: &Field) -> bool {
    field.kind.starts_with("reserved-")
}

fn has_struct(method: &Method) -> bool {
    method.by_hand || method.fields.iter().any(|field| !is_reserved(field))
}

fn struct_path(class: &Class, method: &Method) -> Option<String> {
    has_struct(method).then(|| format!("{}::{}", class.name, camel(&method.name)))
}

/// Two shared slices are more than an arm of `Method` should hold in place.
fn is_boxed(method: &Method) -> bool {
    if method.by_hand {
        return false;
    }
    let slices = ["shortstr", "longstr", "table"];
    method.fields.iter().filter(|field| slices.contains(&&*field.kind)).count() > 1
}

/// Octets of the arguments of a method without a struct: nothing, or an empty reserved string.
fn bare_len(method: &Method) -> usize {
    match method.fields.first().map(|field| &*field.kind) {
        None => 0,
        Some("reserved-shortstr") => 1,
        Some("reserved-longstr") => 4,
        Some(other) => panic!("{other} alone"),
    }
}

fn bare(classes: &[Class], len: usize) -> String {
    let arms: Vec<_> = all(classes)
        .filter(|(_, method)| !has_struct(method) && bare_len(method) == len)
        .map(|(class, method)| format!("Self::{}", arm(class, method)))
        .collect();
    arms.join(" | ")
}

fn modules_with_structs(classes: &[Class]) -> Vec<String> {
    let mut names: Vec<_> = classes
        .iter()
        .filter(|class| class.methods.iter().any(has_struct))
        .map(|class| class.name.clone())
        .collect();
    names.sort();
    names
}

fn camel(name: &str) -> String {
    name.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

fn ident(field: &Field) -> String {
    match &*field.name {
        "type" => "kind".to_string(),
        name => name.replace('-', "_"),
    }
}

fn rust_type(field: &Field) -> &'static str {
    match &*field.kind {
        "octet" => "u8",
        "short" => "u16",
        "long" => "u32",
        "longlong" => "u64",
        "bit" => "bool",
        "shortstr" => "ShortStr",
        "longstr" => "LongStr",
        "table" => "Table",
        "code" => "ReplyCode",
        other => panic!("no such type: {other}"),
    }
}

fn reader(field: &Field) -> &'static str {
    match &*field.kind {
        "octet" => "octet",
        "short" => "short",
        "long" => "long",
        "longlong" => "long_long",
        "shortstr" => "short_str",
        "longstr" | "reserved-longstr" => "long_str",
        "table" => "table",
        "code" => "reply_code",
        "reserved-shortstr" => "short_ref",
        other => panic!("no such type: {other}"),
    }
}

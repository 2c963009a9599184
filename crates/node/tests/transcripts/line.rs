//! One action of a script in words: who, what, and with what.

use warrener_codec::{
    Array, ArrayBuilder, ChannelId, Decimal, ShortStr, Table, TableBuilder, Value,
};

/// A line: `CONNECTION.CHANNEL verb words flags name=value`, or `CONNECTION verb ..`, or `verb ..`.
pub(crate) struct Line {
    pub(crate) verb: String,
    /// Which connection, when the line is about one.
    pub(crate) connection: Option<u32>,
    /// Which channel, when it is about one.
    pub(crate) channel: Option<u16>,
    /// Neither the connection nor the channel is opened for this line if it is not there.
    pub(crate) is_bare: bool,
    words: Vec<String>,
}

impl Line {
    pub(crate) fn parse(text: &str) -> Self {
        let (text, is_bare) = match text.strip_prefix('!') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let mut words = words(text).into_iter();
        let first = words.next().expect("a line has words");
        if !first.starts_with(|c: char| c.is_ascii_digit()) {
            let words = words.collect();
            return Self { verb: first, connection: None, channel: None, is_bare, words };
        }
        let (connection, channel) = match first.split_once('.') {
            Some((connection, channel)) => (connection, Some(channel)),
            None => (first.as_str(), None),
        };
        Self {
            verb: words.next().expect("a verb"),
            connection: Some(connection.parse().expect("a connection's number")),
            channel: channel.map(|channel| channel.parse().expect("a channel's number")),
            is_bare,
            words: words.collect(),
        }
    }

    pub(crate) fn channel(&self) -> ChannelId {
        ChannelId::new(self.channel.unwrap_or(0))
    }

    pub(crate) fn word(&self, index: usize) -> &str {
        self.words.get(index).unwrap_or_else(|| panic!("{} needs more words", self.verb))
    }

    /// The same line with another word in this place.
    pub(crate) fn with_word(&self, index: usize, word: String) -> Self {
        let mut words = self.words.clone();
        words[index] = word;
        Self {
            verb: self.verb.clone(),
            connection: self.connection,
            channel: self.channel,
            is_bare: self.is_bare,
            words,
        }
    }

    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    pub(crate) fn number<T: core::str::FromStr>(&self, index: usize) -> T {
        let word = self.word(index);
        word.parse().unwrap_or_else(|_| panic!("{word} is not a number"))
    }

    pub(crate) fn name(&self, index: usize) -> ShortStr {
        short(self.word(index))
    }

    pub(crate) fn has(&self, flag: &str) -> bool {
        self.words.iter().any(|word| word == flag)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    pub(crate) fn number_or<T: core::str::FromStr>(&self, name: &str, otherwise: T) -> T {
        match self.value(name) {
            Some(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
            None => otherwise,
        }
    }

    /// The table of all `prefix:name=value`; `None` when there are none.
    pub(crate) fn table(&self, prefix: &str) -> Option<Table> {
        let mut table = TableBuilder::new();
        let mut any = false;
        for word in &self.words {
            let Some(rest) = word.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(':'))
            else {
                continue;
            };
            any = true;
            let (name, text) = rest.split_once('=').expect("name=value");
            read(text).insert(&mut table, name);
        }
        any.then(|| table.build().expect("a small table"))
    }

    /// All `def:name=value`, each value a number, a truth or a text.
    pub(crate) fn definition(&self) -> Vec<(&str, &str)> {
        let words = self.words.iter().filter_map(|word| word.strip_prefix("def:"));
        words.map(|word| word.split_once('=').expect("name=value")).collect()
    }

    pub(crate) fn arguments(&self) -> Table {
        self.table("arg").unwrap_or_default()
    }
}

pub(crate) fn short(word: &str) -> ShortStr {
    ShortStr::try_from(if word == "-" { "" } else { word }).expect("a short name")
}

/// Words between blanks; in double quotes a blank belongs to its word, and `\n`, `\r`, `\x00` are octets.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    let mut any = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                any = true;
            }
            '\\' if quoted => word.push(escaped(&mut chars)),
            ' ' if !quoted => {
                if any {
                    words.push(core::mem::take(&mut word));
                    any = false;
                }
            }
            c => {
                word.push(c);
                any = true;
            }
        }
    }
    if any {
        words.push(word);
    }
    words
}

fn escaped(chars: &mut core::str::Chars<'_>) -> char {
    match chars.next() {
        Some('n') => '\n',
        Some('r') => '\r',
        Some('x') => {
            let hex: String = chars.take(2).collect();
            char::from(u8::from_str_radix(&hex, 16).expect("two hexadecimal digits"))
        }
        Some(other) => other,
        None => panic!("a line ends with a backslash"),
    }
}

/// A value as scripts write it.
enum Written {
    Plain(Value<'static>),
    Text(String),
    Octets(Vec<u8>),
    Array(Array),
    Table(Table),
}

impl Written {
    fn insert(&self, table: &mut TableBuilder, name: &str) {
        table.insert(name, self.value());
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Plain(value) => *value,
            Self::Text(text) => Value::LongStr(text.as_bytes()),
            Self::Octets(octets) => Value::Bytes(octets),
            Self::Array(array) => Value::Array(array.as_array_ref()),
            Self::Table(table) => Value::Table(table.as_table_ref()),
        }
    }
}

/// `5` and `true` are what they look like, `[a,b]` is an array, `{a=1}` a table, `void` no value, `l!5` has the type that
/// the wire calls `l`, and everything else is a long string.
fn read(text: &str) -> Written {
    let mut reader = Reader { text };
    let value = reader.value();
    assert!(reader.text.is_empty(), "{text}: what is {}?", reader.text);
    value
}

struct Reader<'a> {
    text: &'a str,
}

impl<'a> Reader<'a> {
    fn value(&mut self) -> Written {
        if self.take('[') {
            return self.array();
        }
        if self.take('{') {
            return self.table();
        }
        let word = self.word();
        if let Some((tag, rest)) = word.split_once('!').filter(|(tag, _)| tag.len() == 1) {
            return typed(tag, rest);
        }
        if word == "void" {
            Written::Plain(Value::Void)
        } else if let Ok(truth) = word.parse::<bool>() {
            Written::Plain(Value::Bool(truth))
        } else if let Ok(number) = word.parse::<i32>() {
            Written::Plain(Value::I32(number))
        } else if let Ok(number) = word.parse::<i64>() {
            Written::Plain(Value::I64(number))
        } else {
            Written::Text(word.to_owned())
        }
    }

    fn array(&mut self) -> Written {
        let mut array = ArrayBuilder::new();
        while !self.take(']') {
            array.push(self.value().value());
            self.take(',');
        }
        Written::Array(array.build().expect("a small array"))
    }

    fn table(&mut self) -> Written {
        let mut table = TableBuilder::new();
        while !self.take('}') {
            let (name, rest) = self.text.split_once('=').expect("name=value");
            self.text = rest;
            self.value().insert(&mut table, name);
            self.take(',');
        }
        Written::Table(table.build().expect("a small table"))
    }

    fn word(&mut self) -> &'a str {
        let end = self.text.find([',', ']', '}']).unwrap_or(self.text.len());
        let (word, rest) = self.text.split_at(end);
        self.text = rest;
        word
    }

    fn take(&mut self, c: char) -> bool {
        let rest = self.text.strip_prefix(c);
        self.text = rest.unwrap_or(self.text);
        rest.is_some()
    }
}

fn typed(tag: &str, text: &str) -> Written {
    fn number<T: core::str::FromStr>(text: &str) -> T {
        text.parse().unwrap_or_else(|_| panic!("{text} is not such a number"))
    }
    Written::Plain(match tag {
        "t" => Value::Bool(number(text)),
        "b" => Value::I8(number(text)),
        "B" => Value::U8(number(text)),
        "s" => Value::I16(number(text)),
        "u" => Value::U16(number(text)),
        "I" => Value::I32(number(text)),
        "i" => Value::U32(number(text)),
        "l" => Value::I64(number(text)),
        "f" => Value::F32(number(text)),
        "d" => Value::F64(number(text)),
        "D" => {
            let (scale, value) = text.split_once(':').expect("scale:value");
            Value::Decimal(Decimal { scale: number(scale), value: number(value) })
        }
        "T" => Value::Timestamp(number(text)),
        "x" => return Written::Octets(hex(text)),
        "S" => return Written::Text(text.to_owned()),
        other => panic!("{other}: no such type"),
    })
}

/// Octets from hexadecimal digits.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}: two digits an octet");
    let digits = |index| u8::from_str_radix(&text[index..index + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(digits).collect()
}

//! From text to tree: the patterns of PCRE on octets, as Erlang's `re` takes them.
//!
//! Not taken: recursion, verbs, branch reset, Unicode properties, and characters above 255 by number.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::pattern::class;
use crate::pattern::node::{Anchor, Condition, Greed, Node, Octets};

/// How deep groups may lie in each other.
const DEPTH: usize = 40;

/// How many groups can be referred to.
const GROUPS: u16 = 200;

/// The largest number in a repetition (PCRE).
const REPETITIONS: u32 = 65_535;

#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    caseless: bool,
    lines: bool,
    dot_all: bool,
    spaced: bool,
    lazy: bool,
}

pub(crate) struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    flags: Flags,
    depth: usize,
    groups: u16,
    names: Vec<(Box<[u8]>, u16)>,
    /// References by number, to be checked when all groups are known.
    references: Vec<u16>,
    /// Whether what follows is literal, up to `\E`.
    quoted: bool,
}

type Parsed<T = Node> = Result<T, String>;

/// Parses a whole pattern.
pub(crate) fn parse(text: &str) -> Parsed {
    let mut parser = Parser {
        text: text.as_bytes(),
        at: 0,
        flags: Flags::default(),
        depth: 0,
        groups: 0,
        names: Vec::new(),
        references: Vec::new(),
        quoted: false,
    };
    let node = parser.alternatives()?;
    if parser.peek().is_some() {
        return Err(parser.wrong("unmatched parentheses"));
    }
    if parser.references.iter().any(|group| *group > parser.groups) {
        return Err("reference to non-existent subpattern".into());
    }
    Ok(node)
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let octet = self.peek()?;
        self.at += 1;
        Some(octet)
    }

    fn eat(&mut self, text: &[u8]) -> bool {
        let found = self.text[self.at..].starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn wrong(&self, what: &str) -> String {
        format!("{what} at offset {}", self.at)
    }

    fn until(&mut self, end: u8) -> Parsed<&'a [u8]> {
        let rest = &self.text[self.at..];
        let len = rest.iter().position(|octet| *octet == end);
        let len = len.ok_or_else(|| self.wrong("missing terminator"))?;
        self.at += len + 1;
        Ok(&rest[..len])
    }

    fn alternatives(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.wrong("parentheses are too deeply nested"));
        }
        let flags = self.flags;
        let mut all = Vec::from([self.sequence()?]);
        while !self.quoted && self.eat(b"|") {
            all.push(self.sequence()?);
        }
        self.flags = flags;
        self.depth -= 1;
        Ok(if all.len() == 1 { all.remove(0) } else { Node::Any(all) })
    }

    fn sequence(&mut self) -> Parsed {
        let mut nodes: Vec<Node> = Vec::new();
        loop {
            self.skip_spacing();
            match self.peek() {
                None => break,
                Some(b'|' | b')') if !self.quoted => break,
                _ => {}
            }
            let Some(node) = self.item()? else { continue };
            nodes.push(self.repeated(node)?);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::All(nodes) })
    }

    /// White space and comments mean nothing where the pattern says so.
    fn skip_spacing(&mut self) {
        while self.flags.spaced && !self.quoted {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C) => self.at += 1,
                Some(b'#') => while self.next().is_some_and(|octet| octet != b'\n') {},
                _ => return,
            }
        }
    }

    /// One thing that can be repeated; `None` for what only says something about others.
    fn item(&mut self) -> Parsed<Option<Node>> {
        if self.quoted {
            if self.eat(b"\\E") {
                self.quoted = false;
                return Ok(None);
            }
            let octet = self.next().expect("the end was looked for");
            return Ok(Some(self.literal(octet)));
        }
        let octet = self.next().expect("the end was looked for");
        Ok(Some(match octet {
            b'(' => return self.group(),
            b'[' => {
                let set = class::parse(self.text, &mut self.at)?;
                Node::Octet(if self.flags.caseless { set.cased() } else { set.plain() })
            }
            b'\\' => return self.escape(),
            b'.' if self.flags.dot_all => Node::Octet(Octets::EMPTY.inverse()),
            b'.' => Node::Octet(Octets::of(b'\n').inverse()),
            b'^' if self.flags.lines => Node::Anchor(Anchor::LineStart),
            b'^' => Node::Anchor(Anchor::Start),
            b'$' if self.flags.lines => Node::Anchor(Anchor::LineEnd),
            b'$' => Node::Anchor(Anchor::End),
            b'*' | b'+' | b'?' => return Err(self.wrong("nothing to repeat")),
            b'{' if self.bounds().is_some() => return Err(self.wrong("nothing to repeat")),
            other => self.literal(other),
        }))
    }

    fn literal(&self, octet: u8) -> Node {
        let set = Octets::of(octet);
        Node::Octet(if self.flags.caseless { set.in_both_cases() } else { set })
    }

    fn repeated(&mut self, mut node: Node) -> Parsed {
        if self.quoted {
            return Ok(node);
        }
        self.skip_spacing();
        let bounds = match self.peek() {
            Some(b'*') => Some((0, None)),
            Some(b'+') => Some((1, None)),
            Some(b'?') => Some((0, Some(1))),
            Some(b'{') => {
                self.at += 1;
                let bounds = self.bounds();
                self.at -= 1;
                bounds
            }
            _ => None,
        };
        let Some((min, max)) = bounds else { return Ok(node) };
        if self.next() == Some(b'{') {
            self.until(b'}')?;
        }
        if min > REPETITIONS || max.is_some_and(|max| max > REPETITIONS) {
            return Err(self.wrong("number too big in {} quantifier"));
        }
        if max.is_some_and(|max| max < min) {
            return Err(self.wrong("numbers out of order in {} quantifier"));
        }
        let greed = match self.peek() {
            Some(b'+') => Greed::Possessive,
            Some(b'?') if self.flags.lazy => Greed::Greedy,
            Some(b'?') => Greed::Lazy,
            _ if self.flags.lazy => Greed::Lazy,
            _ => Greed::Greedy,
        };
        if matches!(self.peek(), Some(b'+' | b'?')) {
            self.at += 1;
        }
        node = Node::Repeat { node: Box::new(node), min, max, greed };
        self.skip_spacing();
        match self.peek() {
            Some(b'*' | b'+' | b'?') => Err(self.wrong("nothing to repeat")),
            _ => Ok(node),
        }
    }

    /// The numbers of `{n}`, `{n,}` or `{n,m}`, whose brace was just read; braces around anything else are literal.
    fn bounds(&self) -> Option<(u32, Option<u32>)> {
        let rest = &self.text[self.at..];
        let inside = &rest[..rest.iter().position(|octet| *octet == b'}')?];
        let number = |digits: &[u8]| -> Option<u32> {
            let digits = core::str::from_utf8(digits).ok()?;
            let is_number =
                !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
            is_number.then(|| digits.parse().unwrap_or(u32::MAX))
        };
        match inside.iter().position(|octet| *octet == b',') {
            None => number(inside).map(|exactly| (exactly, Some(exactly))),
            Some(comma) if comma + 1 == inside.len() => Some((number(&inside[..comma])?, None)),
            Some(comma) => Some((number(&inside[..comma])?, Some(number(&inside[comma + 1..])?))),
        }
    }

    fn group(&mut self) -> Parsed<Option<Node>> {
        if self.peek() == Some(b'*') {
            return Err(self.wrong("(*VERB) not supported"));
        }
        if !self.eat(b"?") {
            return self.capture(None).map(Some);
        }
        if self.eat(b"#") {
            self.until(b')')?;
            return Ok(None);
        }
        for (intro, ahead, negative) in [
            (&b"="[..], true, false),
            (b"!", true, true),
            (b"<=", false, false),
            (b"<!", false, true),
        ] {
            if self.eat(intro) {
                return self.look(ahead, negative).map(Some);
            }
        }
        if self.eat(b":") {
            return self.closed().map(Some);
        }
        if self.eat(b">") {
            return Ok(Some(Node::Atomic(Box::new(self.closed()?))));
        }
        if self.eat(b"P=") {
            let name = self.until(b')')?;
            return self.named(name).map(Some);
        }
        for (intro, end) in [(&b"P<"[..], b'>'), (b"<", b'>'), (b"'", b'\'')] {
            if self.eat(intro) {
                let name = self.until(end)?;
                return self.capture(Some(name)).map(Some);
            }
        }
        if self.eat(b"(") {
            return self.conditional().map(Some);
        }
        self.switches()
    }

    /// What is in a group, up to its end.
    fn closed(&mut self) -> Parsed {
        let node = self.alternatives()?;
        if self.eat(b")") { Ok(node) } else { Err(self.wrong("missing )")) }
    }

    fn capture(&mut self, name: Option<&[u8]>) -> Parsed {
        if self.groups == GROUPS {
            return Err(self.wrong("too many capturing groups"));
        }
        self.groups += 1;
        let group = self.groups;
        if let Some(name) = name {
            let is_name = !name.is_empty()
                && !name[0].is_ascii_digit()
                && name.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'_');
            if !is_name || self.names.iter().any(|(known, _)| **known == *name) {
                return Err(self.wrong("bad or repeated subpattern name"));
            }
            self.names.push((name.into(), group));
        }
        Ok(Node::Capture(group, Box::new(self.closed()?)))
    }

    fn look(&mut self, ahead: bool, negative: bool) -> Parsed {
        let node = self.closed()?;
        let fixed = |node: &Node| node.width().is_some();
        let is_fixed = match &node {
            Node::Any(all) => all.iter().all(fixed),
            other => fixed(other),
        };
        if !ahead && !is_fixed {
            return Err(self.wrong("lookbehind assertion is not fixed length"));
        }
        Ok(Node::Look { ahead, negative, node: Box::new(node) })
    }

    fn conditional(&mut self) -> Parsed {
        let condition = if self.eat(b"?=") {
            Condition::Look(Box::new(self.look(true, false)?))
        } else if self.eat(b"?!") {
            Condition::Look(Box::new(self.look(true, true)?))
        } else if self.eat(b"?<=") {
            Condition::Look(Box::new(self.look(false, false)?))
        } else if self.eat(b"?<!") {
            Condition::Look(Box::new(self.look(false, true)?))
        } else {
            Condition::Group(self.condition_group()?)
        };
        let (yes, no) = match self.closed()? {
            Node::Any(mut both) if both.len() == 2 => {
                let no = both.pop().expect("two");
                (both.pop().expect("two"), no)
            }
            Node::Any(_) => {
                return Err(self.wrong("conditional group contains more than two branches"));
            }
            yes => (yes, Node::EMPTY),
        };
        Ok(Node::Either { condition, yes: Box::new(yes), no: Box::new(no) })
    }

    fn condition_group(&mut self) -> Parsed<u16> {
        let word = self.until(b')')?;
        let bare = word.strip_prefix(b"<").and_then(|word| word.strip_suffix(b">"));
        let bare = bare.or_else(|| word.strip_prefix(b"'")?.strip_suffix(b"'")).unwrap_or(word);
        if let Some(group) = digits(bare) {
            self.references.push(group);
            return Ok(group);
        }
        let known = self.names.iter().find(|(name, _)| **name == *bare);
        known.map(|(_, group)| *group).ok_or_else(|| self.wrong("malformed condition"))
    }

    /// `(?i)`, `(?-i)` and `(?i:…)`.
    fn switches(&mut self) -> Parsed<Option<Node>> {
        let before = self.flags;
        let mut to = true;
        loop {
            match self.next() {
                Some(b'i') => self.flags.caseless = to,
                Some(b'm') => self.flags.lines = to,
                Some(b's') => self.flags.dot_all = to,
                Some(b'x') => self.flags.spaced = to,
                Some(b'U') => self.flags.lazy = to,
                Some(b'-') if to => to = false,
                Some(b')') => return Ok(None),
                Some(b':') => {
                    let node = self.closed();
                    self.flags = before;
                    return node.map(Some);
                }
                _ => return Err(self.wrong("unrecognized character after (?")),
            }
        }
    }

    fn named(&self, name: &[u8]) -> Parsed {
        let known = self.names.iter().find(|(known, _)| **known == *name);
        match known {
            Some((_, group)) => Ok(Node::Back { group: *group, caseless: self.flags.caseless }),
            None => Err(self.wrong("reference to non-existent subpattern")),
        }
    }

    fn escape(&mut self) -> Parsed<Option<Node>> {
        let Some(octet) = self.peek() else { return Err(self.wrong("\\ at end of pattern")) };
        if octet == b'0' || !octet.is_ascii_alphanumeric() {
            return self.escaped_octet();
        }
        self.at += 1;
        Ok(Some(match octet {
            b'b' => Node::Anchor(Anchor::Word),
            b'B' => Node::Anchor(Anchor::NotWord),
            b'A' | b'G' => Node::Anchor(Anchor::Start),
            b'z' | b'Z' => Node::Anchor(Anchor::End),
            b'Q' => {
                self.quoted = true;
                return Ok(None);
            }
            b'E' => return Ok(None),
            b'R' => line_break(),
            b'N' => Node::Octet(Octets::of(b'\n').inverse()),
            b'1'..=b'9' => return self.numbered(octet).map(Some),
            b'g' | b'k' => return self.reference(octet).map(Some),
            letter => match class::shorthand(letter) {
                Some(set) => Node::Octet(set),
                None => {
                    self.at -= 1;
                    return self.escaped_octet();
                }
            },
        }))
    }

    fn escaped_octet(&mut self) -> Parsed<Option<Node>> {
        let octet = class::escaped(self.text, &mut self.at)?;
        Ok(Some(self.literal(octet)))
    }

    /// `\1` is a reference; from `\10` on only when there are so many groups so far, and an octal number if not.
    fn numbered(&mut self, first: u8) -> Parsed {
        let start = self.at - 1;
        while self.peek().is_some_and(|octet| octet.is_ascii_digit()) {
            self.at += 1;
        }
        let group = digits(&self.text[start..self.at]);
        match group {
            Some(group) if group < 10 || group <= self.groups => Ok(self.back(group)),
            _ if first < b'8' => {
                self.at = start;
                let octet = class::octal(self.text, &mut self.at)?;
                Ok(self.literal(octet))
            }
            _ => Err(self.wrong("reference to non-existent subpattern")),
        }
    }

    fn back(&mut self, group: u16) -> Node {
        self.references.push(group);
        Node::Back { group, caseless: self.flags.caseless }
    }

    /// `\g1`, `\g{1}`, `\g{-1}`, `\g{name}`, `\k<name>`, `\k'name'` and `\k{name}`.
    fn reference(&mut self, letter: u8) -> Parsed {
        let word = match (letter, self.next()) {
            (_, Some(b'{')) => self.until(b'}')?,
            (b'k', Some(b'<')) => self.until(b'>')?,
            (b'k', Some(b'\'')) => self.until(b'\'')?,
            (b'g', Some(octet)) if octet.is_ascii_digit() => &self.text[self.at - 1..self.at],
            _ => return Err(self.wrong("malformed reference")),
        };
        if let Some(group) = digits(word) {
            return Ok(self.back(group));
        }
        if let Some(back) = word.strip_prefix(b"-").and_then(digits) {
            let group = (self.groups + 1).checked_sub(back).filter(|group| *group > 0);
            let group = group.ok_or_else(|| self.wrong("reference to non-existent subpattern"))?;
            return Ok(self.back(group));
        }
        self.named(word)
    }
}

fn digits(word: &[u8]) -> Option<u16> {
    let is_number = word.iter().all(u8::is_ascii_digit);
    let word = core::str::from_utf8(word).ok().filter(|_| is_number)?;
    word.parse().ok().filter(|number| *number > 0)
}

/// `\R`.
fn line_break() -> Node {
    let mut one = Octets::range(b'\n', b'\r');
    one.insert(0x85);
    let pair = [b'\r', b'\n'].map(|octet| Node::Octet(Octets::of(octet)));
    Node::Atomic(Box::new(Node::Any(Vec::from([Node::All(pair.into()), Node::Octet(one)]))))
}

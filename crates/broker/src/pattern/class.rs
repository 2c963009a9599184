//! Sets of octets as patterns write them: `[a-z]`, `[[:alpha:]]`, `\d`, and single octets as escapes.

use alloc::format;
use alloc::string::String;

use crate::pattern::node::Octets;

/// A class as it was written: what it lists, and whether it means everything else.
#[derive(Debug)]
pub(crate) struct Class {
    listed: Octets,
    inverted: bool,
}

impl Class {
    /// The octets it means.
    pub(crate) fn plain(&self) -> Octets {
        if self.inverted { self.listed.inverse() } else { self.listed }
    }

    /// The octets it means when case does not matter.
    pub(crate) fn cased(&self) -> Octets {
        let listed = self.listed.in_both_cases();
        if self.inverted { listed.inverse() } else { listed }
    }
}

/// Parses a class whose `[` was just read.
pub(crate) fn parse(text: &[u8], at: &mut usize) -> Result<Class, String> {
    let mut class = Class { listed: Octets::EMPTY, inverted: false };
    if text.get(*at) == Some(&b'^') {
        class.inverted = true;
        *at += 1;
    }
    let first = *at;
    let mut quoted = false;
    loop {
        let Some(&octet) = text.get(*at) else {
            return Err(format!("missing terminating ] for character class at offset {at}"));
        };
        if quoted {
            if text[*at..].starts_with(b"\\E") {
                quoted = false;
                *at += 2;
            } else {
                *at += 1;
                class.listed.insert(octet);
            }
            continue;
        }
        if octet == b']' && *at > first {
            *at += 1;
            return Ok(class);
        }
        if text[*at..].starts_with(b"\\Q") {
            quoted = true;
            *at += 2;
            continue;
        }
        if text[*at..].starts_with(b"\\E") {
            *at += 2;
            continue;
        }
        match member(text, at)? {
            Member::Set(set) => class.listed.extend(set),
            Member::Octet(low) => {
                let high = range_end(text, at)?.unwrap_or(low);
                if high < low {
                    return Err(format!("range out of order in character class at offset {at}"));
                }
                class.listed.extend(Octets::range(low, high));
            }
        }
    }
}

enum Member {
    Octet(u8),
    Set(Octets),
}

fn member(text: &[u8], at: &mut usize) -> Result<Member, String> {
    let octet = text[*at];
    if let Some(set) = posix(text, at)? {
        return Ok(Member::Set(set));
    }
    *at += 1;
    if octet != b'\\' {
        return Ok(Member::Octet(octet));
    }
    match text.get(*at) {
        Some(b'b') => {
            *at += 1;
            Ok(Member::Octet(0x08))
        }
        Some(letter) if shorthand(*letter).is_some() => {
            *at += 1;
            Ok(Member::Set(shorthand(*letter).expect("just seen")))
        }
        Some(b'1'..=b'7') => octal(text, at).map(Member::Octet),
        _ => escaped(text, at).map(Member::Octet),
    }
}

/// What comes after a hyphen that makes a range; a hyphen before the end, or before a set, is itself.
fn range_end(text: &[u8], at: &mut usize) -> Result<Option<u8>, String> {
    if text.get(*at) != Some(&b'-') || matches!(text.get(*at + 1), None | Some(b']')) {
        return Ok(None);
    }
    let mut after = *at + 1;
    match member(text, &mut after)? {
        Member::Octet(high) => {
            *at = after;
            Ok(Some(high))
        }
        Member::Set(_) => Ok(None),
    }
}

/// `[:alpha:]` and the like, inside a class.
fn posix(text: &[u8], at: &mut usize) -> Result<Option<Octets>, String> {
    let rest = &text[*at..];
    let Some(rest) = rest.strip_prefix(b"[:") else { return Ok(None) };
    let name = rest.iter().position(|octet| !octet.is_ascii_alphabetic() && *octet != b'^');
    let Some(len) = name.filter(|len| rest[*len..].starts_with(b":]")) else { return Ok(None) };
    let (name, inverted) = match rest[..len].strip_prefix(b"^") {
        Some(name) => (name, true),
        None => (&rest[..len], false),
    };
    let is: fn(u8) -> bool = match name {
        b"alpha" => |octet| octet.is_ascii_alphabetic(),
        b"alnum" => |octet| octet.is_ascii_alphanumeric(),
        b"ascii" => |octet| octet.is_ascii(),
        b"blank" => |octet| matches!(octet, b' ' | b'\t'),
        b"cntrl" => |octet| octet.is_ascii_control(),
        b"digit" => |octet| octet.is_ascii_digit(),
        b"graph" => |octet| octet.is_ascii_graphic(),
        b"lower" => |octet| octet.is_ascii_lowercase(),
        b"print" => |octet| octet.is_ascii_graphic() || octet == b' ',
        b"punct" => |octet| octet.is_ascii_punctuation(),
        b"space" => |octet| matches!(octet, b'\t'..=b'\r' | b' '),
        b"upper" => |octet| octet.is_ascii_uppercase(),
        b"word" => is_word,
        b"xdigit" => |octet| octet.is_ascii_hexdigit(),
        _ => return Err(format!("unknown POSIX class name at offset {at}")),
    };
    *at += 2 + len + 2;
    let set = those(is);
    Ok(Some(if inverted { set.inverse() } else { set }))
}

/// Letters, digits and the underscore.
pub(crate) const fn is_word(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet == b'_'
}

fn those(is: impl Fn(u8) -> bool) -> Octets {
    let mut set = Octets::EMPTY;
    (0..=u8::MAX).filter(|octet| is(*octet)).for_each(|octet| set.insert(octet));
    set
}

/// The set that this letter stands for behind a backslash.
pub(crate) fn shorthand(letter: u8) -> Option<Octets> {
    let set = match letter.to_ascii_lowercase() {
        b'd' => Octets::range(b'0', b'9'),
        b'w' => those(is_word),
        b's' => those(|octet| matches!(octet, b'\t'..=b'\r' | b' ')),
        b'h' => those(|octet| matches!(octet, b'\t' | b' ' | 0xA0)),
        b'v' => those(|octet| matches!(octet, b'\n'..=b'\r' | 0x85)),
        _ => return None,
    };
    Some(if letter.is_ascii_uppercase() { set.inverse() } else { set })
}

/// The octet that an escape stands for, whose backslash was just read.
pub(crate) fn escaped(text: &[u8], at: &mut usize) -> Result<u8, String> {
    let Some(&octet) = text.get(*at) else {
        return Err(format!("\\ at end of pattern at offset {at}"));
    };
    if octet == b'0' {
        return octal(text, at);
    }
    *at += 1;
    Ok(match octet {
        b'a' => 0x07,
        b'e' => 0x1B,
        b'f' => 0x0C,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'x' => return hexadecimal(text, at),
        b'c' => {
            let Some(&letter) = text.get(*at).filter(|letter| letter.is_ascii()) else {
                return Err(format!("\\c must be followed by an ASCII character at offset {at}"));
            };
            *at += 1;
            letter.to_ascii_uppercase() ^ 0x40
        }
        letter if letter.is_ascii_alphanumeric() => {
            return Err(format!("escape \\{} is not supported at offset {at}", letter as char));
        }
        other => other,
    })
}

/// Up to three octal digits.
pub(crate) fn octal(text: &[u8], at: &mut usize) -> Result<u8, String> {
    let digits = text[*at..].iter().take(3).take_while(|octet| matches!(octet, b'0'..=b'7'));
    let (len, value) =
        digits.fold((0, 0), |(len, value), octet| (len + 1, value * 8 + u32::from(octet - b'0')));
    *at += len;
    u8::try_from(value).map_err(|_| format!("octal value is greater than \\377 at offset {at}"))
}

/// `\xhh`, of two digits at most, or `\x{hh}`.
fn hexadecimal(text: &[u8], at: &mut usize) -> Result<u8, String> {
    let rest = &text[*at..];
    let (digits, more) = match rest.strip_prefix(b"{") {
        Some(inside) => {
            let end = inside.iter().position(|octet| *octet == b'}');
            let end = end.ok_or_else(|| format!("missing }} after \\x at offset {at}"))?;
            (&inside[..end], 2)
        }
        None => {
            let len = rest.iter().take(2).take_while(|octet| octet.is_ascii_hexdigit()).count();
            (&rest[..len], 0)
        }
    };
    *at += digits.len() + more;
    if digits.is_empty() {
        return Ok(0);
    }
    let number = core::str::from_utf8(digits).ok();
    let number = number.and_then(|digits| u8::from_str_radix(digits, 16).ok());
    number.ok_or_else(|| format!("character code is not hexadecimal, or above 255, at offset {at}"))
}

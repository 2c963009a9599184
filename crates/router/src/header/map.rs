//! Headers for embedders that have no AMQP tables.

use alloc::vec::Vec;

use super::{Arguments, HeaderValue, Headers};

/// Names and values, sorted by name, kept as the bytes that stand for them.
///
/// It serves as a message's headers and as a binding's arguments.
///
/// ```
/// use warrener_router::{HeaderMap, Headers};
///
/// let mut headers = HeaderMap::from([("colour", "red".into()), ("size", 3.into())]);
/// headers.insert("colour", "blue".into());
/// assert_eq!(headers.get(b"colour"), Some("blue".into()));
/// assert_eq!(headers.get(b"weight"), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderMap {
    /// For each pair, by name: length of the name (u32), name, length of the value (u32), value, in the canonical form
    /// of [`HeaderValue`]. Lengths are big-endian.
    bytes: Vec<u8>,
}

impl HeaderMap {
    /// No pairs.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Sets a header, and replaces the one of the same name.
    ///
    /// # Panics
    ///
    /// When a name or a value is 4 GiB or longer.
    pub fn insert(&mut self, name: impl AsRef<[u8]>, value: HeaderValue<'_>) {
        let name = name.as_ref();
        let mut start = self.bytes.len();
        let mut end = start;
        for pair in self.pairs() {
            if pair.name >= name {
                start = pair.start;
                end = if pair.name == name { pair.end } else { pair.start };
                break;
            }
        }
        let mut pair = Vec::new();
        write_length(&mut pair, name.len());
        pair.extend_from_slice(name);
        let mut canonical = Vec::new();
        value.write_canonical(&mut canonical);
        write_length(&mut pair, canonical.len());
        pair.extend_from_slice(&canonical);
        self.bytes.splice(start..end, pair);
    }

    /// Reads what [`Arguments::canonical`] gave, as a listing shows it; `None` when the bytes are not those of a map.
    #[must_use]
    pub fn from_canonical(bytes: &[u8]) -> Option<Self> {
        let mut map = Self::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (name, after_name) = read_part(rest)?;
            let (value, after_value) = read_part(after_name)?;
            map.insert(name, HeaderValue::read_canonical(value)?);
            rest = after_value;
        }
        (map.bytes == bytes).then_some(map)
    }

    /// The pairs, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], HeaderValue<'_>)> {
        self.pairs().filter_map(|pair| Some((pair.name, HeaderValue::read_canonical(pair.value)?)))
    }

    fn pairs(&self) -> impl Iterator<Item = Pair<'_>> {
        let mut start = 0;
        core::iter::from_fn(move || {
            let (name, rest) = read_part(&self.bytes[start..])?;
            let (value, rest) = read_part(rest)?;
            let end = self.bytes.len() - rest.len();
            let pair = Pair { name, value, start, end };
            start = end;
            Some(pair)
        })
    }
}

struct Pair<'a> {
    name: &'a [u8],
    value: &'a [u8],
    start: usize,
    end: usize,
}

fn write_length(out: &mut Vec<u8>, length: usize) {
    let length = u32::try_from(length).expect("names and values are shorter than 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
}

fn read_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

impl Headers for HeaderMap {
    fn for_each(&self, visit: &mut dyn FnMut(&[u8], HeaderValue<'_>)) {
        for (name, value) in self.iter() {
            visit(name, value);
        }
    }

    fn get(&self, name: &[u8]) -> Option<HeaderValue<'_>> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }
}

impl Arguments for HeaderMap {
    fn canonical(&self) -> &[u8] {
        &self.bytes
    }
}

impl<'a, N: AsRef<[u8]>> FromIterator<(N, HeaderValue<'a>)> for HeaderMap {
    fn from_iter<I: IntoIterator<Item = (N, HeaderValue<'a>)>>(pairs: I) -> Self {
        let mut map = Self::new();
        for (name, value) in pairs {
            map.insert(name, value);
        }
        map
    }
}

impl<'a, N: AsRef<[u8]>, const LEN: usize> From<[(N, HeaderValue<'a>); LEN]> for HeaderMap {
    fn from(pairs: [(N, HeaderValue<'a>); LEN]) -> Self {
        pairs.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_insertion_does_not_show() {
        let ab = HeaderMap::from([("a", 1.into()), ("b", "2".into())]);
        let ba = HeaderMap::from([("b", "2".into()), ("a", 5.into()), ("a", 1.into())]);
        assert_eq!(ab.canonical(), ba.canonical());
        assert_eq!(ab.iter().count(), 2);
    }

    #[test]
    fn a_listing_reads_back() {
        let map = HeaderMap::from([("", HeaderValue::Void), ("size", 3.into())]);
        assert_eq!(HeaderMap::from_canonical(map.canonical()), Some(map.clone()));
        assert_eq!(HeaderMap::from_canonical(&map.canonical()[1..]), None);
        assert_eq!(HeaderMap::from_canonical(b""), Some(HeaderMap::new()));
    }
}

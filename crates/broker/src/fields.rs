//! What a stored message may say besides: fields, each behind its number and its length.
//!
//! A later version adds one without a new version of records. Whoever does not know a field keeps it wherever the message
//! goes, through dead-lettering too, unless the field says that it must be understood: then the record is refused.

use bytes::{Buf, Bytes};

use crate::record::RecordError;

/// The fields of a message that this version does not understand and need not. It understands none yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(Bytes);

/// In a field's number: a program that does not know the field must not go on without it.
const MANDATORY: u16 = 1 << 15;

/// Numbers that are spoken for, and what they will be.
const RESERVED: [(u16, &str); 4] =
    [(1, "not-before time"), (2, "group key"), (3, "producer id"), (4, "sequence")];

impl Fields {
    /// Reads fields that follow each other to the end.
    ///
    /// # Errors
    ///
    /// When one of them must be understood, or ends too early.
    pub(crate) fn parse(octets: &Bytes) -> Result<Self, RecordError> {
        let mut rest: &[u8] = octets;
        while !rest.is_empty() {
            let number = rest.try_get_u16().map_err(|_| RecordError::Truncated)?;
            let len = rest.try_get_u32().map_err(|_| RecordError::Truncated)? as usize;
            if number & MANDATORY != 0 {
                return Err(RecordError::Field(number & !MANDATORY));
            }
            rest = rest.get(len..).ok_or(RecordError::Truncated)?;
        }
        // They outlive the buffer that the log was read into.
        Ok(Self(Bytes::copy_from_slice(octets)))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a field is called, for people.
pub(crate) fn name(number: u16) -> &'static str {
    let known = RESERVED.iter().find(|(reserved, _)| *reserved == number);
    known.map_or("of a later version", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn parse(octets: &'static [u8]) -> Result<Fields, RecordError> {
        Fields::parse(&Bytes::from_static(octets))
    }

    #[test]
    fn what_is_not_known_is_kept_as_it_is() {
        let octets = b"\x00\x04\0\0\0\x02ab\x7f\xff\0\0\0\0";
        assert_eq!(parse(octets).map(|fields| fields.as_bytes() == octets), Ok(true));
        assert_eq!(parse(b""), Ok(Fields::default()));
    }

    #[test]
    fn what_must_be_understood_is_refused_by_its_name() {
        let refused = parse(b"\x00\x03\0\0\0\0\x80\x01\0\0\0\0").unwrap_err();
        assert_eq!(refused, RecordError::Field(1));
        assert!(refused.to_string().contains("field 1 (not-before time)"), "{refused}");
        assert_eq!(parse(b"\xff\xff\0\0\0\0"), Err(RecordError::Field(0x7fff)));
    }

    #[test]
    fn a_field_that_is_cut_short_is_no_field() {
        for cut in [&b"\0"[..], b"\0\x01\0\0\0", b"\0\x01\0\0\0\x02a", b"\0\x01\xff\xff\xff\xffa"] {
            assert_eq!(Fields::parse(&Bytes::copy_from_slice(cut)), Err(RecordError::Truncated));
        }
    }
}

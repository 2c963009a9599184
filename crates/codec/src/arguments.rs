//! A method's arguments, taken one after the other out of a shared slice.

use bytes::Bytes;

use crate::grammar::{self, Parsed};
use crate::{Expected, Fault, Limits, LongStr, ReplyCode, ShortRef, ShortStr, Table};

/// A cursor over a method's arguments that hands out shared slices of them.
pub(crate) struct Arguments<'a> {
    shared: &'a Bytes,
    rest: &'a [u8],
    limits: &'a Limits,
}

pub(crate) type Taken<'a, T> = Result<T, nom::Err<Fault<'a>>>;

impl<'a> Arguments<'a> {
    /// `rest` must lie inside of `shared`.
    pub(crate) fn new(shared: &'a Bytes, rest: &'a [u8], limits: &'a Limits) -> Self {
        Self { shared, rest, limits }
    }

    #[inline(always)]
    pub(crate) fn take<T>(
        &mut self,
        parser: impl FnOnce(&'a [u8]) -> Parsed<'a, T>,
    ) -> Taken<'a, T> {
        let (rest, value) = parser(self.rest)?;
        self.rest = rest;
        Ok(value)
    }

    /// A slice that shares the memory, unless there is nothing to share.
    fn share(&self, octets: &'a [u8]) -> Bytes {
        if octets.is_empty() { Bytes::new() } else { self.shared.slice_ref(octets) }
    }

    pub(crate) fn octet(&mut self) -> Taken<'a, u8> {
        self.take(grammar::octet)
    }

    pub(crate) fn short(&mut self) -> Taken<'a, u16> {
        self.take(grammar::short)
    }

    pub(crate) fn long(&mut self) -> Taken<'a, u32> {
        self.take(grammar::long)
    }

    pub(crate) fn reply_code(&mut self) -> Taken<'a, ReplyCode> {
        self.short().map(ReplyCode)
    }

    pub(crate) fn short_ref(&mut self) -> Taken<'a, ShortRef<'a>> {
        self.take(grammar::short_str)
    }

    pub(crate) fn short_str(&mut self) -> Taken<'a, ShortStr> {
        let borrowed = self.short_ref()?;
        Ok(ShortStr::from_checked(self.share(borrowed.as_bytes())))
    }

    pub(crate) fn long_str(&mut self) -> Taken<'a, LongStr> {
        let start = self.rest;
        let octets = self.take(grammar::long_str)?;
        if octets.len() > self.limits.long_str_bytes as usize {
            return Err(nom::Err::Error(Fault::new(start, Expected::ShorterString)));
        }
        Ok(LongStr::from(self.share(octets)))
    }

    pub(crate) fn table(&mut self) -> Taken<'a, Table> {
        let limits = self.limits;
        let table = self.take(|input| grammar::table(limits)(input))?;
        Ok(Table::from_checked(self.share(table.as_bytes())))
    }

    /// What a parser makes of what is left, which stays.
    pub(crate) fn peek<T>(&self, parser: impl FnOnce(&'a [u8]) -> Parsed<'a, T>) -> Parsed<'a, T> {
        parser(self.rest)
    }

    /// All octets before `rest`, as one shared slice.
    pub(crate) fn until(&mut self, rest: &'a [u8]) -> Bytes {
        let taken = self.rest.len() - rest.len();
        let octets = self.rest.get(..taken).unwrap_or_default();
        self.rest = rest;
        self.share(octets)
    }

    /// Fails when something is left.
    pub(crate) fn end(&self) -> Taken<'a, ()> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(nom::Err::Error(Fault::new(self.rest, Expected::End)))
    }
}

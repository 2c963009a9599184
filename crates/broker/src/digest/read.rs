//! Digests, read from the front.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::{Buf, Bytes};
use warrener_codec::{Limits, ShortStr, Table, grammar};
use warrener_time::Time;

use super::{AMQP_0_9_1, COMMITTED, DEAD_LETTERED, FIRST_VERSION, PUBLISHED, SPILLED, VERSION};
use crate::address::Address;
use crate::dead_letter::{Death, DeathReason, First, History};
use crate::declare::QueueSpec;
use crate::exchange::ExchangeSpec;
use crate::exchange_kind::ExchangeKind;
use crate::fields::Fields;
use crate::id::RecordId;
use crate::message::{Extra, Traits};
use crate::record::{MessageAt, Named, Place, Published, RecordError, Sizes};

/// What a record says of its messages, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    input: Input,
    left: u32,
}

impl Parts {
    pub(crate) fn of(digest: Bytes) -> Result<Self, RecordError> {
        let mut input = Input::new(digest)?;
        let left = match input.octet()? {
            PUBLISHED | SPILLED => 1,
            DEAD_LETTERED => {
                input.place()?;
                1
            }
            COMMITTED => input.long()?,
            _ => 0,
        };
        Ok(Self { input, left })
    }

    /// How many are still to come.
    pub(crate) const fn left(&self) -> u32 {
        self.left
    }

    pub(crate) fn next_published(&mut self) -> Result<Published, RecordError> {
        self.left = self.left.checked_sub(1).ok_or(RecordError::Malformed)?;
        self.input.published()
    }
}

/// What is left of a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Input {
    pub(super) rest: Bytes,
    pub(super) version: u8,
}

impl Input {
    pub(super) fn new(digest: Bytes) -> Result<Self, RecordError> {
        let mut input = Self { rest: digest, version: FIRST_VERSION };
        input.version = input.octet()?;
        if !(FIRST_VERSION..=VERSION).contains(&input.version) {
            return Err(RecordError::Version(input.version));
        }
        Ok(input)
    }

    pub(super) fn take(&mut self, len: usize) -> Result<Bytes, RecordError> {
        if self.rest.len() < len {
            return Err(RecordError::Truncated);
        }
        Ok(self.rest.split_to(len))
    }

    pub(super) fn octet(&mut self) -> Result<u8, RecordError> {
        Ok(self.take(1)?.get_u8())
    }

    pub(super) fn truth(&mut self) -> Result<bool, RecordError> {
        Ok(self.octet()? != 0)
    }

    pub(super) fn long(&mut self) -> Result<u32, RecordError> {
        Ok(self.take(4)?.get_u32())
    }

    pub(super) fn long_long(&mut self) -> Result<u64, RecordError> {
        Ok(self.take(8)?.get_u64())
    }

    pub(super) fn record(&mut self) -> Result<RecordId, RecordError> {
        self.long_long().map(RecordId)
    }

    pub(super) fn short(&mut self) -> Result<ShortStr, RecordError> {
        let len = self.octet()?;
        let octets = self.take(usize::from(len))?;
        // A name outlives the buffer that the log was read into.
        ShortStr::try_from(&*octets).map_err(|_| RecordError::Malformed)
    }

    pub(super) fn table(&mut self) -> Result<Table, RecordError> {
        let (rest, table) =
            grammar::table(&Limits::WIDEST)(&self.rest).map_err(|_| RecordError::Malformed)?;
        let table = table.to_owned();
        self.rest = self.rest.slice_ref(rest);
        Ok(table)
    }

    pub(super) fn list<T>(
        &mut self,
        item: impl Fn(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Vec<T>, RecordError> {
        let len = self.long()?;
        (0..len).map(|_| item(self)).collect()
    }

    pub(super) fn place(&mut self) -> Result<Place, RecordError> {
        Ok(Place { queue: self.record()?, message: self.message()? })
    }

    pub(super) fn message(&mut self) -> Result<MessageAt, RecordError> {
        Ok(MessageAt { record: self.record()?, part: self.long()? })
    }

    pub(super) fn named(&mut self) -> Result<Named, RecordError> {
        let name = self.short()?;
        let record = self.record()?;
        Ok(Named { name, record: (record.0 != 0).then_some(record) })
    }

    pub(super) fn exchange(&mut self) -> Result<ExchangeSpec, RecordError> {
        let name = self.short()?;
        let kind = self.short()?;
        let kind = ExchangeKind::parse(kind.as_bytes()).map_err(|_| RecordError::Malformed)?;
        let flags = self.octet()?;
        let (auto_delete, internal) = (flags & 1 != 0, flags & 2 != 0);
        let arguments = self.table()?;
        Ok(ExchangeSpec { name, kind, durable: true, auto_delete, internal, arguments })
    }

    pub(super) fn queue(&mut self) -> Result<QueueSpec, RecordError> {
        let name = self.short()?;
        let auto_delete = self.truth()?;
        let arguments = self.table()?;
        Ok(QueueSpec {
            name,
            durable: true,
            owner: None,
            auto_delete,
            arguments,
            is_generated: false,
        })
    }

    pub(super) fn published(&mut self) -> Result<Published, RecordError> {
        if self.version > FIRST_VERSION {
            match self.octet()? {
                AMQP_0_9_1 => {}
                other => return Err(RecordError::Format(other)),
            }
        }
        let time = Time::from_micros(self.long_long()?);
        let targets = self.list(Self::record)?.into();
        let address = Address::from((&self.short()?, &self.short()?));
        let sizes = Sizes { properties: self.long()?, body: self.long_long()? };
        let flags = self.octet()?;
        let known = if self.version > FIRST_VERSION { 7 } else { 3 };
        if flags & !known != 0 {
            return Err(RecordError::Malformed);
        }
        let mut extra = if flags & 1 != 0 { Some(Box::new(self.extra()?)) } else { None };
        let traits = if flags & 2 != 0 { Some(self.traits()?) } else { None };
        if flags & 4 != 0 {
            let len = self.long()? as usize;
            extra.get_or_insert_default().fields = Fields::parse(&self.take(len)?)?;
        }
        Ok(Published { time, targets, address, extra, sizes, traits })
    }

    pub(super) fn traits(&mut self) -> Result<Traits, RecordError> {
        let flags = self.octet()?;
        let ttl_ms = if flags & 1 != 0 { Some(self.long_long()?) } else { None };
        let priority = if flags & 2 != 0 { Some(self.octet()?) } else { None };
        Ok(Traits { ttl_ms, priority, persistent: flags & 4 != 0 })
    }

    pub(super) fn extra(&mut self) -> Result<Extra, RecordError> {
        let cc = self.list(Self::short)?;
        let bcc = self.list(Self::short)?;
        let flags = self.octet()?;
        let history = if flags & 1 != 0 { Some(self.history()?) } else { None };
        let redelivered = flags & 2 != 0;
        Ok(Extra { cc, bcc, history, redelivered, fields: Fields::default() })
    }

    pub(super) fn reason(&mut self) -> Result<DeathReason, RecordError> {
        DeathReason::from_number(self.octet()?).ok_or(RecordError::Malformed)
    }

    pub(super) fn history(&mut self) -> Result<History, RecordError> {
        let first = First { queue: self.short()?, reason: self.reason()?, exchange: self.short()? };
        let deaths = self.list(|input| {
            Ok(Death {
                queue: input.short()?,
                reason: input.reason()?,
                count: input.long_long()?,
                time: Time::from_micros(input.long_long()?),
                exchange: input.short()?,
                keys: input.list(Self::short)?,
                expiration: if input.truth()? { Some(input.short()?) } else { None },
            })
        })?;
        Ok(History { first, deaths })
    }
}

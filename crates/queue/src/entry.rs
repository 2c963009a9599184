//! What goes into a queue, and how an entry is kept while it waits.

use crate::effect::Why;
use crate::places::Places;
use crate::sorted::Near;
use core::fmt;
use core::num::NonZeroU32;
use core::time::Duration;
use warrener_time::Time;

/// The number of an entry in its queue: the first is 1, and every later one is greater. It names the entry for its whole
/// life, through delivery and return, is never given twice, and may be made durable by the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(u64);

impl Seq {
    /// The entry number `number`, as it was made durable. Only [`Queue::restore`](crate::Queue::restore) makes use of
    /// numbers that the queue did not give.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number itself.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What every entry has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<M> {
    /// Whatever the host knows the message by. The queue never looks into it; each one that goes in comes out exactly
    /// once, as [`Effect::Gone`](crate::Effect::Gone).
    pub handle: M,
    /// How much this entry counts towards a limit in bytes: the length of its body.
    pub bytes: u32,
    /// Higher goes first. Taken down to [`Config::max_priority`](crate::Config::max_priority).
    pub priority: u8,
}

/// What few entries have. Kept beside the plain entry, so that one without it costs nothing for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rare {
    /// Gone as [`Why::Expired`] this long after it began to wait, unless handed out; the shorter of
    /// this and [`Config::ttl`](crate::Config::ttl) wins. Zero: hand it out in the instant of its publishing or never.
    pub ttl: Option<Duration>,
    /// Not to be handed out before. Until then the entry is *delayed*: counted, and neither ready nor growing older.
    /// When the time comes, it takes the last place among those of its priority.
    pub not_before: Option<Time>,
}

/// How often an entry was handed out before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tries {
    /// How many times it was handed out.
    pub acquired: u32,
    /// How many of these count as failed (`x-delivery-count` in RabbitMQ), which is what
    /// [`Config::delivery_limit`](crate::Config::delivery_limit) limits.
    pub failed: u32,
}

/// What a host made durable about an entry, besides the [`Entry`] itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The number it had.
    pub seq: Seq,
    /// When it was published, from which its time to live counts.
    pub published: Time,
    /// As given to [`Queue::publish`](crate::Queue::publish).
    pub rare: Rare,
    /// Whether it was, or may have been, handed out before.
    pub redelivered: bool,
    /// How often it was handed out before, as far as that is known.
    pub tries: Tries,
    /// Why, and since when, it is [held](crate::Effect::Held), if it is.
    pub held: Option<(Why, Time)>,
}

/// An entry as it stands in line: 32 bytes with a handle of four or eight, which are fetched from memory at once.
#[derive(Clone, Debug)]
#[repr(align(32))]
pub(crate) struct Slot<M> {
    pub(crate) seq: Seq,
    /// When it began to wait. Never decreases along a line, so that by the queue's own time to live the first of a line
    /// always expires first.
    pub(crate) published: Time,
    pub(crate) handle: M,
    pub(crate) bytes: u32,
    pub(crate) more: More,
}

/// Two facts about an entry, and where its [`Extra`] is if it has one. Never zero, so that a hole in a line takes no
/// more memory than an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct More(NonZeroU32);

impl More {
    /// Nothing more to know.
    pub(crate) const NOTHING: Self = Self(NonZeroU32::new(Self::NO_EXTRA).expect("it is not zero"));

    const REDELIVERED: u32 = 1 << 31;
    const MOVED: u32 = 1 << 30;
    /// What the other bits are, or else one more than the index.
    const NO_EXTRA: u32 = Self::MOVED - 1;

    pub(crate) const fn redelivered(self) -> bool {
        self.0.get() & Self::REDELIVERED != 0
    }

    pub(crate) fn set_redelivered(&mut self) {
        self.0 |= Self::REDELIVERED;
    }

    /// Whether the place in line is another than the one that the number says.
    pub(crate) const fn moved(self) -> bool {
        self.0.get() & Self::MOVED != 0
    }

    pub(crate) fn set_moved(&mut self) {
        self.0 |= Self::MOVED;
    }

    pub(crate) const fn extra(self) -> Option<u32> {
        let index = self.0.get() & Self::NO_EXTRA;
        if index == Self::NO_EXTRA { None } else { Some(index - 1) }
    }

    pub(crate) fn set_extra(&mut self, index: u32) {
        assert!(index < Self::NO_EXTRA - 1, "a billion entries with rare attributes");
        let facts = self.0.get() & !Self::NO_EXTRA;
        self.0 = NonZeroU32::MIN.saturating_add(index) | facts;
    }
}

/// Among whom an entry stands while it waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It may be handed out.
    #[default]
    Ready,
    /// It may not yet, and never could before: it does not grow older.
    Delayed,
    /// It may not yet be handed out again.
    Retrying,
}

/// All extras of a queue, by number. In large pieces: among a million that expire in no order, finding the piece costs a
/// fetch from near memory as long as there are few.
pub(crate) type Extras = Places<Extra, 8_192>;

/// What stands beside an entry with rare attributes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extra {
    pub(crate) level: u8,
    /// Where in its line it probably stands, if that was looked for.
    pub(crate) near: Near,
    pub(crate) standing: Standing,
    /// The place in line of a moved entry.
    pub(crate) place: u64,
    /// When it is gone by its own time to live; [`Time::MAX`] for never. Before it begins to wait: when it would be, had
    /// it begun at [`Time::ZERO`].
    pub(crate) expires: Time,
    pub(crate) not_before: Time,
    /// The time under which it stands in the time index; [`Time::MAX`] when it does not.
    pub(crate) armed: Time,
    pub(crate) tries: Tries,
}

impl Extra {
    /// When it is gone by its own time to live, if it begins to wait only then.
    pub(crate) fn begun(&self, since: Time) -> Time {
        match self.expires {
            Time::MAX => Time::MAX,
            expires => since + expires.saturating_since(Time::ZERO),
        }
    }
}

impl<M> Slot<M> {
    /// Where in its line this entry stands: a number that grows along the line.
    pub(crate) fn place(&self, extras: &Extras) -> u64 {
        match self.more.extra() {
            Some(index) if self.more.moved() => extras[index].place,
            _ => self.seq.0,
        }
    }

    pub(crate) fn tries(&self, extras: &Extras) -> Tries {
        self.more.extra().map_or_else(Tries::default, |index| extras[index].tries)
    }

    /// The extra of this entry, made if it had none.
    pub(crate) fn extra_mut<'e>(&mut self, level: u8, extras: &'e mut Extras) -> &'e mut Extra {
        let index = match self.more.extra() {
            Some(index) => index,
            None => {
                let index = extras.insert(Extra {
                    level,
                    near: Near::default(),
                    standing: Standing::Ready,
                    place: self.seq.0,
                    expires: Time::MAX,
                    not_before: Time::ZERO,
                    armed: Time::MAX,
                    tries: Tries::default(),
                });
                self.more.set_extra(index);
                index
            }
        };
        &mut extras[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_entry_takes_32_bytes() {
        assert_eq!(size_of::<Option<Slot<u32>>>(), 32);
        assert_eq!(size_of::<Option<Slot<u64>>>(), 32);
        assert_eq!(size_of::<Extra>(), 48);
    }

    #[test]
    fn facts_and_index_do_not_disturb_each_other() {
        let mut more = More::NOTHING;
        assert_eq!((more.redelivered(), more.moved(), more.extra()), (false, false, None));
        more.set_redelivered();
        more.set_extra(0);
        assert_eq!(more.extra(), Some(0));
        more.set_moved();
        more.set_extra(12);
        assert_eq!((more.redelivered(), more.moved(), more.extra()), (true, true, Some(12)));
    }
}

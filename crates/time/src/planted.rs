//! Bugs that are planted on purpose, to see whether the simulator finds them. All of this, and every hook that asks, is
//! compiled with `--cfg warrener_planted` only.
//!
//! It stands in this crate because it is the lowest that those above may use. The choice is a static of the process: the
//! hooks are in functions that know nothing of a run, and a way to tell them would have to be there without the flag as well.

use core::sync::atomic::{AtomicUsize, Ordering};

macro_rules! bugs {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// One bug. Each is a mistake that somebody could make, in the place where they would make it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug {
            $($(#[doc = $doc])* $name,)*
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

bugs! {
    /// A publish is confirmed before its record is on disk.
    ConfirmBeforeSync,
    /// A commit is answered before its record is on disk.
    CommitBeforeSync,
    /// A batch that somebody waits for is written and not synced.
    ForgetSync,
    /// A new segment's name is not synced.
    ForgetDirectorySync,
    /// Segments are given back before what replaces them is on disk.
    RemoveBeforeSync,
    /// A binding is not written down.
    ForgetBinding,
    /// A message that left one of several queues is not written down as gone.
    ForgetSettlement,
    /// A record that is no longer needed is not released.
    ForgetRelease,
    /// A dead letter vanishes.
    LoseDeadLetter,
    /// A discarded message is not dead-lettered.
    DiscardSilently,
    /// A message for several queues reaches all but the last.
    LoseLastTarget,
    /// What a connection held when it broke is forgotten.
    LoseUnacked,
    /// A mandatory message that nobody wants does not come back.
    ForgetReturn,
    /// A confirm covers the next publish as well.
    ConfirmOneTooMany,
    /// A publish that no disk has to promise is not confirmed.
    ForgetConfirm,
    /// A refused publish is confirmed.
    ConfirmRefused,
    /// A publish in a rolled back transaction is carried out with the next.
    RollbackPublishes,
    /// An acknowledgement of many leaves the last one out.
    AckOneTooFew,
    /// What was acknowledged no longer makes room in the prefetch.
    ForgetCredit,
    /// A prefetch is one more than was asked for.
    PrefetchOneTooMany,
    /// An exclusive queue outlives its connection.
    KeepExclusive,
    /// What returns to a queue goes to its end.
    RequeueToTheTail,
    /// What returns does not say that it was out before.
    LoseRedelivered,
    /// What is too old is handed out: a message lives eight times as long as it says.
    DeliverExpired,
    /// What is restored after a restart begins to live anew.
    RestartTimeToLive,
    /// A queue with a limit grows beyond it.
    IgnoreMaxLength,
    /// A queue that refuses when it is full takes everything.
    NeverRefuse,
    /// A message fails as often as it likes.
    IgnoreDeliveryLimit,
    /// A client that vanished is never missed.
    MissNobody,
    /// A right that was revoked is still there.
    KeepRevokedRight,
    /// A policy that was set does not reach the queues that are there.
    ForgetPolicy,
    /// Publishers that an alarm stopped are not let go on.
    ForgetUnblock,
    /// A message passes through its queue ahead of those that wait there.
    PassOthersBy,
    /// A message that passed through one of several queues goes into it as well.
    PassAndKeep,
    /// A message passes to a consumer that acknowledges, and is not kept for it.
    PassUnacknowledged,
    /// A record goes to the disk ahead of the large one that it follows from.
    Overtake,
}

static CHOSEN: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Plants a bug in the whole process in place of the one before, or takes that away.
pub fn plant(bug: Option<Bug>) {
    CHOSEN.store(bug.map_or(usize::MAX, |bug| bug as usize), Ordering::Relaxed);
}

/// Whether this bug is there.
#[must_use]
pub fn planted(bug: Bug) -> bool {
    CHOSEN.load(Ordering::Relaxed) == bug as usize
}

//! Listings in slices: so much at a time, and from where to go on.

use alloc::vec::Vec;

/// Where a listing goes on. What was there when it began and is still there is told once; what comes or goes meanwhile
/// may be told or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The virtual host, where things are kept by that.
    pub(crate) vhost: u32,
    /// The place in its table.
    pub(crate) place: u32,
    /// How many of what belongs there were told.
    pub(crate) told: u32,
}

/// Part of a listing.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice<T> {
    /// What is there.
    pub things: Vec<T>,
    /// Where the rest begins; nothing when there is none.
    pub next: Option<Cursor>,
}

impl<T> Slice<T> {
    pub(crate) const fn last(things: Vec<T>) -> Self {
        Self { things, next: None }
    }
}

/// How many empty places a slice may pass by.
pub(crate) const PLACES: u32 = 8_192;

//! A pattern as a tree.

use alloc::boxed::Box;
use alloc::vec::Vec;

/// A set of octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Octets([u64; 4]);

impl Octets {
    pub(crate) const EMPTY: Self = Self([0; 4]);

    pub(crate) fn of(octet: u8) -> Self {
        let mut set = Self::EMPTY;
        set.insert(octet);
        set
    }

    pub(crate) fn range(first: u8, last: u8) -> Self {
        let mut set = Self::EMPTY;
        (first..=last).for_each(|octet| set.insert(octet));
        set
    }

    pub(crate) const fn insert(&mut self, octet: u8) {
        self.0[octet as usize >> 6] |= 1 << (octet & 63);
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(own, more)| *own |= more);
    }

    #[inline]
    pub(crate) const fn has(&self, octet: u8) -> bool {
        self.0[octet as usize >> 6] >> (octet & 63) & 1 == 1
    }

    pub(crate) fn inverse(&self) -> Self {
        Self(self.0.map(|word| !word))
    }

    /// With the other case of every letter.
    pub(crate) fn in_both_cases(&self) -> Self {
        let mut both = *self;
        for letter in b'a'..=b'z' {
            if self.has(letter) || self.has(letter.to_ascii_uppercase()) {
                both.insert(letter);
                both.insert(letter.to_ascii_uppercase());
            }
        }
        both
    }

    /// The only octet in it, if there is one.
    pub(crate) fn single(&self) -> Option<u8> {
        let mut all = self.iter();
        let first = all.next()?;
        all.next().is_none().then_some(first)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(|octet| self.has(*octet))
    }
}

/// What is true at a place, rather than found there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    End,
    LineStart,
    LineEnd,
    Word,
    NotWord,
}

/// Which of the possible repetitions are tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Greed {
    /// Many, then fewer.
    Greedy,
    /// Few, then more.
    Lazy,
    /// Many, and never fewer.
    Possessive,
}

/// What a conditional group asks.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// Whether a group was found.
    Group(u16),
    /// Whether something lies ahead or behind: a [`Node::Look`].
    Look(Box<Node>),
}

/// A part of a pattern.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Octet(Octets),
    Anchor(Anchor),
    /// One after the other; nothing, when there are none.
    All(Vec<Self>),
    /// The first of these that leads on.
    Any(Vec<Self>),
    Repeat {
        node: Box<Self>,
        min: u32,
        max: Option<u32>,
        greed: Greed,
    },
    /// A group that can be referred to.
    Capture(u16, Box<Self>),
    /// Once found, never found otherwise.
    Atomic(Box<Self>),
    Look {
        ahead: bool,
        negative: bool,
        node: Box<Self>,
    },
    /// What the group found.
    Back {
        group: u16,
        caseless: bool,
    },
    Either {
        condition: Condition,
        yes: Box<Self>,
        no: Box<Self>,
    },
}

impl Node {
    pub(crate) const EMPTY: Self = Self::All(Vec::new());

    /// How many octets it always takes, if it always takes as many.
    pub(crate) fn width(&self) -> Option<usize> {
        match self {
            Self::Octet(_) => Some(1),
            Self::Anchor(_) | Self::Look { .. } => Some(0),
            Self::All(nodes) => nodes.iter().map(Self::width).sum(),
            Self::Any(nodes) => {
                let first = nodes.first()?.width()?;
                nodes.iter().all(|node| node.width() == Some(first)).then_some(first)
            }
            Self::Repeat { node, min, max, .. } => {
                (*max == Some(*min)).then(|| node.width()?.checked_mul(*min as usize))?
            }
            Self::Capture(_, node) | Self::Atomic(node) => node.width(),
            Self::Back { .. } => None,
            Self::Either { yes, no, .. } => {
                let width = yes.width()?;
                (no.width() == Some(width)).then_some(width)
            }
        }
    }
}

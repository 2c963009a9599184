//! Pieces put together in one allocation.

use alloc::vec::Vec;

use bytes::Bytes;

/// A few octets and how many of them count. [`Bytes`] keeps it in one piece with its reference count, which a `Vec`
/// is not: that one needs a second allocation as soon as it is shared.
struct Block<const N: usize> {
    len: usize,
    octets: [u8; N],
}

impl<const N: usize> AsRef<[u8]> for Block<N> {
    fn as_ref(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}

/// All pieces behind each other, in memory of their own: one allocation up to 2 KiB.
pub(crate) fn gather<'a>(pieces: impl Iterator<Item = &'a [u8]> + Clone) -> Bytes {
    let len = pieces.clone().map(<[u8]>::len).sum();
    match len {
        0 => Bytes::new(),
        1..=64 => block::<64>(len, pieces),
        65..=96 => block::<96>(len, pieces),
        97..=128 => block::<128>(len, pieces),
        129..=192 => block::<192>(len, pieces),
        193..=256 => block::<256>(len, pieces),
        257..=384 => block::<384>(len, pieces),
        385..=512 => block::<512>(len, pieces),
        513..=768 => block::<768>(len, pieces),
        769..=1024 => block::<1024>(len, pieces),
        1025..=1536 => block::<1536>(len, pieces),
        1537..=2048 => block::<2048>(len, pieces),
        _ => {
            let mut octets = Vec::with_capacity(len);
            pieces.for_each(|piece| octets.extend_from_slice(piece));
            octets.into()
        }
    }
}

fn block<'a, const N: usize>(len: usize, pieces: impl Iterator<Item = &'a [u8]>) -> Bytes {
    let mut block = Block { len, octets: [0; N] };
    let mut rest = block.octets.as_mut_slice();
    for piece in pieces {
        let Some((place, after)) = rest.split_at_mut_checked(piece.len()) else { break };
        place.copy_from_slice(piece);
        rest = after;
    }
    Bytes::from_owner(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_every_size_come_out_whole() {
        let octets: Vec<u8> = (0..5000_u32).map(|n| n as u8).collect();
        for len in (0..2100).chain([5000]) {
            let whole = &octets[..len];
            let (left, right) = whole.split_at(len / 3);
            assert_eq!(gather([left, &[], right].into_iter()), whole);
        }
    }
}

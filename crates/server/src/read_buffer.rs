//! Buffers to read into: each thread has one and lends it, so that a connection that is idle holds none.

use core::cell::RefCell;

use bytes::BytesMut;

use crate::limits::{READ_BYTES, READ_ROOM_BYTES, UNFINISHED_COPY_BYTES};

thread_local! {
    static LENT: RefCell<BytesMut> = RefCell::default();
}

/// The beginning of a frame whose end is not read yet: all that a connection keeps between two reads.
#[derive(Debug, Default)]
pub(crate) struct Unfinished(BytesMut);

impl Unfinished {
    /// Calls `read` with a buffer that begins with what is unfinished and has room for more; what `read` leaves in it is
    /// what is unfinished from then on.
    pub(crate) fn with_buffer<R>(&mut self, read: impl FnOnce(&mut BytesMut) -> R) -> R {
        let mut buffer = if self.0.len() > UNFINISHED_COPY_BYTES {
            core::mem::take(&mut self.0)
        } else {
            LENT.take()
        };
        if buffer.capacity() - buffer.len() < READ_ROOM_BYTES.max(self.0.len() + 1) {
            buffer.reserve(READ_BYTES);
        }
        buffer.extend_from_slice(&self.0);
        let outcome = read(&mut buffer);
        self.keep(buffer);
        outcome
    }

    fn keep(&mut self, mut buffer: BytesMut) {
        if buffer.len() > UNFINISHED_COPY_BYTES {
            self.0 = buffer;
            return;
        }
        // Rightly sized: an unfinished frame costs what its sender has sent.
        self.0 = BytesMut::from(&buffer[..]);
        buffer.clear();
        LENT.replace(buffer);
    }

    #[cfg(test)]
    fn held_bytes(&self) -> usize {
        self.0.capacity()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Buf;

    use super::*;

    /// Reads `bytes` as a socket would give them, and takes `taken` octets off the front.
    fn read(unfinished: &mut Unfinished, bytes: &[u8], taken: usize) -> Vec<u8> {
        unfinished.with_buffer(|buffer| {
            assert!(buffer.capacity() - buffer.len() >= bytes.len());
            buffer.extend_from_slice(bytes);
            let all = buffer.to_vec();
            buffer.advance(taken);
            all
        })
    }

    #[test]
    fn a_connection_between_two_frames_holds_nothing() {
        let mut idle = Unfinished::default();
        read(&mut idle, b"whole", 5);
        assert_eq!(idle.held_bytes(), 0);
    }

    #[test]
    fn an_unfinished_frame_goes_on_where_it_stopped_and_costs_its_own_length() {
        let mut slow = Unfinished::default();
        let mut other = Unfinished::default();
        read(&mut slow, b"beg", 0);
        assert!(slow.held_bytes() < 64, "{}", slow.held_bytes());
        read(&mut other, b"something else", 14);
        assert_eq!(read(&mut slow, b"inning", 9), b"beginning");
        assert_eq!(slow.held_bytes(), 0);
    }

    #[test]
    fn a_long_frame_is_gathered_without_copying_it_at_each_read() {
        let mut long = Unfinished::default();
        let part = vec![7; READ_ROOM_BYTES];
        for count in 1..=8 {
            assert_eq!(read(&mut long, &part, 0).len(), count * part.len());
        }
        assert_eq!(read(&mut long, &[], 8 * part.len()).len(), 8 * part.len());
        assert_eq!(long.held_bytes(), 0);
    }

    #[test]
    fn a_small_buffer_left_behind_is_made_large_enough() {
        let mut first = Unfinished::default();
        let mut held = Vec::new();
        for _ in 0..100 {
            let kept = first.with_buffer(|buffer| {
                buffer.extend_from_slice(&[1; 4_000]);
                buffer.split().freeze()
            });
            held.push(kept);
        }
        assert!(held.iter().all(|kept| kept[..] == [1; 4_000]));
    }
}

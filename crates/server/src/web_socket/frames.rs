//! Frames of WebSocket on a server's side (RFC 6455 §5). AMQP is a stream of octets: where a message or a fragment ends does
//! not matter, so payload is passed on as it comes and no message is ever gathered.

use bytes::{Buf, BytesMut};

/// The most that answers to pings may be while the client does not read them.
const ANSWERS_BYTES_MAX: usize = 4 << 10;

/// The most that a control frame may carry (§5.5).
const CONTROL_BYTES_MAX: usize = 125;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// Takes a client's frames apart.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// Of the data frame that is being read.
    left: u64,
    mask: [u8; 4],
    /// A message has begun and not ended.
    in_message: bool,
    /// The client has closed, or may say nothing more.
    closed: bool,
}

/// What a client did against the rules; the connection is closed with its code (§7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("a WebSocket frame against the rules")]
    Protocol,
    #[error("a WebSocket message of text; AMQP is binary")]
    Text,
    #[error("pings whose answers are not read")]
    Pings,
}

impl Violation {
    const fn code(self) -> u16 {
        match self {
            Self::Protocol => 1002,
            Self::Text => 1003,
            Self::Pings => 1008,
        }
    }
}

impl Frames {
    /// Moves payload from `input` to `output`, and what is to be answered to `answers`; leaves the beginning of a head in
    /// `input`.
    pub(crate) fn read(
        &mut self,
        input: &mut BytesMut,
        output: &mut BytesMut,
        answers: &mut BytesMut,
    ) -> Result<(), Violation> {
        while !self.closed && !input.is_empty() {
            if self.left > 0 {
                self.pass_on(input, output);
            } else if !self.head(input, answers).inspect_err(|violation| {
                self.closed = true;
                put(CLOSE, &violation.code().to_be_bytes(), answers);
            })? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether the client says nothing more.
    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }

    fn pass_on(&mut self, input: &mut BytesMut, output: &mut BytesMut) {
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len());
        let start = output.len();
        output.extend_from_slice(&input[..count]);
        unmask(&mut output[start..], self.mask);
        self.mask.rotate_left(count % 4);
        self.left -= count as u64;
        input.advance(count);
    }

    /// Reads the head of a frame, and all of a control frame. Whether it was there.
    fn head(&mut self, input: &mut BytesMut, answers: &mut BytesMut) -> Result<bool, Violation> {
        let [first, second, ..] = input[..] else { return Ok(false) };
        let (opcode, short) = (first & 0x0F, second & 0x7F);
        if first & 0x70 != 0 || second & MASKED == 0 {
            return Err(Violation::Protocol);
        }
        let is_final = first & FINAL != 0;
        let is_control = opcode >= CLOSE;
        if is_control && (!is_final || usize::from(short) > CONTROL_BYTES_MAX) {
            return Err(Violation::Protocol);
        }
        let Some((length, head)) = length(input, short)? else { return Ok(false) };
        let Some(mask) = input.get(head..).and_then(|rest| rest.first_chunk().copied()) else {
            return Ok(false);
        };
        let head = head + 4;
        if is_control {
            let whole = head + usize::from(short);
            if input.len() < whole {
                return Ok(false);
            }
            let mut frame = input.split_to(whole);
            frame.advance(head);
            unmask(&mut frame, mask);
            return self.control(opcode, &frame, answers).map(|()| true);
        }
        match opcode {
            BINARY if !self.in_message => {}
            CONTINUATION if self.in_message => {}
            TEXT => return Err(Violation::Text),
            _ => return Err(Violation::Protocol),
        }
        input.advance(head);
        (self.left, self.mask, self.in_message) = (length, mask, !is_final);
        Ok(true)
    }

    fn control(
        &mut self,
        opcode: u8,
        said: &[u8],
        answers: &mut BytesMut,
    ) -> Result<(), Violation> {
        match opcode {
            CLOSE => {
                self.closed = true;
                put(CLOSE, said.get(..2).unwrap_or_default(), answers);
            }
            PING if answers.len() > ANSWERS_BYTES_MAX => return Err(Violation::Pings),
            PING => put(PONG, said, answers),
            PONG => {}
            _ => return Err(Violation::Protocol),
        }
        Ok(())
    }
}

/// The length of the payload, and where the mask begins; nothing if there is more to come.
fn length(input: &[u8], short: u8) -> Result<Option<(u64, usize)>, Violation> {
    let rest = &input[2..];
    let (length, head, least) = match short {
        126 => (rest.first_chunk().map(|&octets| u16::from_be_bytes(octets).into()), 4, 126),
        127 => (rest.first_chunk().map(|&octets| u64::from_be_bytes(octets)), 10, 1 << 16),
        _ => (Some(u64::from(short)), 2, 0),
    };
    match length {
        None => Ok(None),
        // The shortest way to say it is the only one.
        Some(length) if length < least || length >> 63 != 0 => Err(Violation::Protocol),
        Some(length) => Ok(Some((length, head))),
    }
}

fn unmask(octets: &mut [u8], mask: [u8; 4]) {
    for (octet, key) in octets.iter_mut().zip(mask.iter().cycle()) {
        *octet ^= key;
    }
}

/// Writes the head of a frame of the server's, whose payload is to follow. Not masked (§5.1).
pub(crate) fn put_head(opcode: u8, length: usize, out: &mut BytesMut) {
    out.extend_from_slice(&[FINAL | opcode]);
    match u16::try_from(length) {
        Ok(short @ 0..126) => out.extend_from_slice(&[short as u8]),
        Ok(middle) => {
            out.extend_from_slice(&[126]);
            out.extend_from_slice(&middle.to_be_bytes());
        }
        Err(_) => {
            out.extend_from_slice(&[127]);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

fn put(opcode: u8, payload: &[u8], out: &mut BytesMut) {
    put_head(opcode, payload.len(), out);
    out.extend_from_slice(payload);
}

/// The head of a binary message.
pub(crate) fn put_binary_head(length: usize, out: &mut BytesMut) {
    put_head(BINARY, length, out);
}

/// The server says nothing more (1000).
pub(crate) fn put_close(out: &mut BytesMut) {
    put(CLOSE, &1000u16.to_be_bytes(), out);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A client's frame.
    fn frame(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
        let mut head = BytesMut::new();
        put_head(first & 0x0F, payload.len(), &mut head);
        head[0] = first;
        head[1] |= MASKED;
        let mut masked = payload.to_vec();
        unmask(&mut masked, mask);
        [&head[..], &mask, &masked].concat()
    }

    /// Reads `stream` in pieces of these lengths, over and over.
    fn read(stream: &[u8], pieces: &[usize]) -> (Result<(), Violation>, Vec<u8>, Vec<u8>, bool) {
        let mut frames = Frames::default();
        let [mut input, mut output, mut answers] = [(); 3].map(|()| BytesMut::new());
        let (mut rest, mut outcome) = (stream, Ok(()));
        for piece in pieces.iter().cycle() {
            let (now, later) = rest.split_at((*piece).min(rest.len()));
            input.extend_from_slice(now);
            outcome = frames.read(&mut input, &mut output, &mut answers);
            rest = later;
            if rest.is_empty() || outcome.is_err() {
                break;
            }
        }
        (outcome, output.to_vec(), answers.to_vec(), frames.is_closed())
    }

    proptest! {
        #[test]
        fn what_a_client_sends_comes_out_however_it_is_cut(
            messages in proptest::collection::vec(
                proptest::collection::vec((0..70_000usize, any::<[u8; 4]>(), any::<bool>()), 1..4), 0..4),
            pieces in proptest::collection::vec(1..5000usize, 1..6),
        ) {
            let (mut stream, mut expected, mut pongs) = (Vec::new(), Vec::new(), BytesMut::new());
            for fragments in &messages {
                for (index, (length, mask, pinged)) in fragments.iter().enumerate() {
                    let opcode = if index == 0 { BINARY } else { CONTINUATION };
                    let last = if index + 1 == fragments.len() { FINAL } else { 0 };
                    let payload: Vec<u8> = (0..*length).map(|at| (at % 251) as u8).collect();
                    stream.extend(frame(last | opcode, &payload, *mask));
                    expected.extend(payload);
                    if *pinged {
                        stream.extend(frame(FINAL | PING, b"ping", *mask));
                        put(PONG, b"ping", &mut pongs);
                    }
                }
            }
            let (outcome, output, answers, closed) = read(&stream, &pieces);
            prop_assert_eq!(outcome, Ok(()));
            prop_assert!(output == expected && answers == pongs[..] && !closed);
        }

        #[test]
        fn no_octets_make_it_panic(
            stream in proptest::collection::vec(any::<u8>(), 0..500),
            pieces in proptest::collection::vec(1..50usize, 1..4),
        ) {
            let (outcome, output, _, closed) = read(&stream, &pieces);
            prop_assert!(output.len() <= stream.len());
            prop_assert!(outcome.is_ok() || closed);
        }
    }

    #[test]
    fn what_is_against_the_rules_is_answered_with_its_code() {
        let mask = [1, 2, 3, 4];
        let unmasked = [FINAL | BINARY, 1, 7];
        let mut long = vec![FINAL | BINARY, MASKED | 127];
        long.extend(7u64.to_be_bytes());
        for (stream, code) in [
            (unmasked.to_vec(), 1002u16),
            (frame(FINAL | 0x40 | BINARY, b"", mask), 1002),
            (frame(FINAL | 3, b"", mask), 1002),
            (frame(FINAL | 11, b"", mask), 1002),
            (frame(FINAL | CONTINUATION, b"x", mask), 1002),
            (frame(PING, b"", mask), 1002),
            (frame(FINAL | PING, &[7; 126], mask), 1002),
            ([frame(BINARY, b"x", mask), frame(FINAL | BINARY, b"x", mask)].concat(), 1002),
            (long, 1002),
            (frame(FINAL | TEXT, b"x", mask), 1003),
            (frame(FINAL | PING, &[7; 125], mask).repeat(100), 1008),
        ] {
            let (outcome, _, answers, closed) = read(&stream, &[1000]);
            assert!(outcome.is_err() && closed, "{stream:?}");
            let [high, low] = code.to_be_bytes();
            assert!(answers.ends_with(&[FINAL | CLOSE, 2, high, low]), "{stream:?}: {answers:?}");
        }
    }

    #[test]
    fn a_close_is_answered_and_nothing_behind_it_is_read() {
        let close = frame(FINAL | CLOSE, &[0x03, 0xE8, b'b', b'y', b'e'], [9; 4]);
        let stream = [close, frame(FINAL | BINARY, b"x", [9; 4])].concat();
        let expected = vec![FINAL | CLOSE, 2, 0x03, 0xE8];
        assert_eq!(read(&stream, &[3]), (Ok(()), Vec::new(), expected, true));
    }
}

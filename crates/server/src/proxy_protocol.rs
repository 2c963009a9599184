//! The PROXY protocol, versions 1 and 2: what a load balancer says first about the client behind it.
//!
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, by its sections.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::str::FromStr;

/// What every header has at least, in octets: `PROXY UNKNOWN\r\n`.
const SHORTEST: usize = 15;

/// The longest line of version 1 (§2.1).
const LINE_BYTES_MAX: usize = 107;

/// What version 2 begins with (§2.2), and how long its fixed part is.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const FIXED: usize = 16;

/// The most that may follow the fixed part of version 2: addresses, and notes that nobody here reads. The protocol allows
/// 65,535 octets; what balancers send stays below a tenth of this.
const REST_BYTES_MAX: usize = 4096;

/// How far a header is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// So many more octets belong to it at least.
    More(usize),
    /// It is whole.
    Done(Option<Ends>),
}

/// The two ends of the stream that the balancer took over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    /// The client.
    pub(crate) source: SocketAddr,
    /// What the client connected to.
    pub(crate) destination: SocketAddr,
}

/// What came is no header of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no PROXY protocol header, or a broken one")]
pub(crate) struct Malformed;

/// Looks at all octets of a header that were read so far. Without ends, the connection is the balancer's own, or it does
/// not know whose it is: then the socket's own ends count (§2.1, §2.2).
pub(crate) fn parse(octets: &[u8]) -> Result<Step, Malformed> {
    if octets.len() < SHORTEST {
        return Ok(Step::More(SHORTEST - octets.len()));
    }
    if octets.starts_with(SIGNATURE) { binary(octets) } else { line(octets) }
}

/// Version 1: `PROXY TCP4 192.0.2.1 198.51.100.1 51234 5672\r\n`.
fn line(octets: &[u8]) -> Result<Step, Malformed> {
    let rest = octets.strip_prefix(b"PROXY ").ok_or(Malformed)?;
    let Some(rest) = rest.strip_suffix(b"\r\n") else {
        let goes_on = octets.len() < LINE_BYTES_MAX && !octets.contains(&b'\n');
        return if goes_on { Ok(Step::More(1)) } else { Err(Malformed) };
    };
    let text = core::str::from_utf8(rest).map_err(|_| Malformed)?;
    let mut words = text.split(' ');
    let ends = match words.next() {
        Some("UNKNOWN") => return Ok(Step::Done(None)),
        Some("TCP4") => ends::<Ipv4Addr>(&mut words)?,
        Some("TCP6") => ends::<Ipv6Addr>(&mut words)?,
        _ => return Err(Malformed),
    };
    if words.next().is_some() { Err(Malformed) } else { Ok(Step::Done(Some(ends))) }
}

fn ends<'a, A: FromStr + Into<IpAddr>>(
    words: &mut impl Iterator<Item = &'a str>,
) -> Result<Ends, Malformed> {
    let mut address = || -> Result<IpAddr, Malformed> {
        words.next().and_then(|word| word.parse::<A>().ok()).map(A::into).ok_or(Malformed)
    };
    let (source, destination) = (address()?, address()?);
    let mut port = || words.next().and_then(port).ok_or(Malformed);
    Ok(Ends {
        source: SocketAddr::new(source, port()?),
        destination: SocketAddr::new(destination, port()?),
    })
}

/// Digits only, without zeros in front (§2.1).
fn port(word: &str) -> Option<u16> {
    let plain = word.bytes().all(|octet| octet.is_ascii_digit());
    let short = word == "0" || !word.starts_with('0');
    word.parse().ok().filter(|_| plain && short)
}

/// Version 2: a signature, a command, a family, a length, and as much.
fn binary(octets: &[u8]) -> Result<Step, Malformed> {
    let Some((fixed, rest)) = octets.split_first_chunk::<FIXED>() else {
        return Ok(Step::More(FIXED - octets.len()));
    };
    let [.., command, family, l1, l0] = *fixed;
    let length = usize::from(u16::from_be_bytes([l1, l0]));
    if length > REST_BYTES_MAX || rest.len() > length {
        return Err(Malformed);
    }
    if rest.len() < length {
        return Ok(Step::More(length - rest.len()));
    }
    match (command, family) {
        // LOCAL: whatever follows is to be ignored.
        (0x20, _) => Ok(Step::Done(None)),
        (0x21, 0x11) => four(rest).map(|ends| Step::Done(Some(ends))),
        (0x21, 0x21) => six(rest).map(|ends| Step::Done(Some(ends))),
        // UNSPEC, datagrams and local sockets have no addresses that mean anything here.
        (0x21, 0x00 | 0x12 | 0x22 | 0x31 | 0x32) => Ok(Step::Done(None)),
        _ => Err(Malformed),
    }
}

fn four(rest: &[u8]) -> Result<Ends, Malformed> {
    let [s3, s2, s1, s0, d3, d2, d1, d0, sp1, sp0, dp1, dp0] =
        *rest.first_chunk().ok_or(Malformed)?;
    let end = |ip: [u8; 4], port| SocketAddr::new(ip.into(), u16::from_be_bytes(port));
    Ok(Ends {
        source: end([s3, s2, s1, s0], [sp1, sp0]),
        destination: end([d3, d2, d1, d0], [dp1, dp0]),
    })
}

fn six(rest: &[u8]) -> Result<Ends, Malformed> {
    let (source, rest) = rest.split_first_chunk::<16>().ok_or(Malformed)?;
    let (destination, rest) = rest.split_first_chunk::<16>().ok_or(Malformed)?;
    let [sp1, sp0, dp1, dp0] = *rest.first_chunk().ok_or(Malformed)?;
    let end = |ip: [u8; 16], port| SocketAddr::new(ip.into(), u16::from_be_bytes(port));
    Ok(Ends { source: end(*source, [sp1, sp0]), destination: end(*destination, [dp1, dp0]) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a header off `stream` as a socket would be read: no octet more than was asked for.
    fn read(stream: &[u8]) -> Result<(Option<Ends>, usize), Option<Malformed>> {
        let mut taken = 0;
        loop {
            match parse(&stream[..taken]).map_err(Some)? {
                Step::Done(ends) => return Ok((ends, taken)),
                Step::More(more) if taken + more <= stream.len() => {
                    assert!(more > 0);
                    taken += more;
                }
                Step::More(_) => return Err(None),
            }
        }
    }

    fn encode(version: u8, ends: Ends, notes: &[u8]) -> Vec<u8> {
        let Ends { source, destination } = ends;
        let (family, word) = if source.is_ipv4() { (0x11, "TCP4") } else { (0x21, "TCP6") };
        if version == 1 {
            let (from, to) = (source.ip(), destination.ip());
            let (from_port, to_port) = (source.port(), destination.port());
            return format!("PROXY {word} {from} {to} {from_port} {to_port}\r\n").into_bytes();
        }
        let octets = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let ports = [source.port().to_be_bytes(), destination.port().to_be_bytes()].concat();
        let rest = [octets(source.ip()), octets(destination.ip()), ports, notes.to_vec()].concat();
        let length = (rest.len() as u16).to_be_bytes();
        [&SIGNATURE[..], &[0x21, family], &length, &rest].concat()
    }

    fn any_ends() -> impl Strategy<Value = Ends> {
        let ports = (any::<u16>(), any::<u16>());
        let ips = prop_oneof![
            (any::<Ipv4Addr>(), any::<Ipv4Addr>())
                .prop_map(|(a, b)| (IpAddr::V4(a), IpAddr::V4(b))),
            (any::<Ipv6Addr>(), any::<Ipv6Addr>())
                .prop_map(|(a, b)| (IpAddr::V6(a), IpAddr::V6(b))),
        ];
        (ips, ports).prop_map(|((a, b), (p, q))| Ends {
            source: SocketAddr::new(a, p),
            destination: SocketAddr::new(b, q),
        })
    }

    proptest! {
        #[test]
        fn what_a_balancer_says_is_understood_and_nothing_behind_it_is_touched(
            ends in any_ends(),
            version in 1..=2u8,
            notes in proptest::collection::vec(any::<u8>(), 0..300),
            behind in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let header = encode(version, ends, &notes);
            let stream = [&header[..], &behind].concat();
            prop_assert_eq!(read(&stream), Ok((Some(ends), header.len())));
            for cut in 0..header.len() {
                prop_assert_eq!(read(&header[..cut]), Err(None), "an unfinished header is waited for");
            }
        }

        #[test]
        fn no_octets_make_it_panic_or_wait_for_ever(
            ends in any_ends(),
            version in 1..=2u8,
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            noise in proptest::collection::vec(any::<u8>(), 0..6000),
        ) {
            let mut stream = encode(version, ends, &[]);
            for (place, octet) in changes {
                let place = place.index(stream.len());
                stream[place] = octet;
            }
            stream.extend(noise.iter().cycle().take(if noise.is_empty() { 0 } else { 6000 }));
            let outcome = read(&stream);
            prop_assert!(noise.is_empty() || outcome != Err(None), "it wants more than the longest header has");
            _ = read(&noise);
        }
    }

    #[test]
    fn a_balancer_may_speak_for_itself_or_not_know() {
        assert_eq!(read(b"PROXY UNKNOWN\r\nAMQP"), Ok((None, 15)));
        let told = b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n";
        assert_eq!(read(told), Ok((None, told.len())));
        let local = [&SIGNATURE[..], &[0x20, 0, 0, 3], b"abc"].concat();
        assert_eq!(read(&local), Ok((None, local.len())));
        let unspecified = [&SIGNATURE[..], &[0x21, 0, 0, 0]].concat();
        assert_eq!(read(&unspecified), Ok((None, 16)));
    }

    #[test]
    fn what_is_no_header_is_refused_at_once() {
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(100));
        for wrong in [
            &b"AMQP\0\0\x09\x01AMQP\0\0\x09\x01"[..],
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n",
            b"PROXY TCP4 ::1 ::2 1 2\r\n",
            b"PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
            b"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",
            b"PROXY TCP4 1.2.3.4\n5.6.7.8 1 2\r\n",
            long.as_bytes(),
            &[&SIGNATURE[..], &[0x11, 0x11, 0, 0]].concat(),
            &[&SIGNATURE[..], &[0x21, 0x11, 0, 4], b"abcd"].concat(),
            &[&SIGNATURE[..], &[0x20, 0x11, 0xFF, 0xFF]].concat(),
        ] {
            assert_eq!(read(wrong), Err(Some(Malformed)), "{wrong:?}");
        }
    }
}

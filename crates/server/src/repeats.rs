//! Lines that one source makes us write again and again: some are written, the rest are counted.

use core::net::{IpAddr, Ipv6Addr};
use std::collections::BTreeMap;
use std::sync::Mutex;

use warrener_time::Time;

use crate::limits::{REPEATED_LINES, REPEATED_SOURCES, REPEATED_WINDOW};
use crate::poison::LockOrStop;

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum About {
    /// A connection that was opened.
    Birth,
    /// A connection that ended.
    End,
    /// A login that was refused.
    Login,
}

impl About {
    /// What a reader calls it.
    pub(crate) const fn plural(self) -> &'static str {
        match self {
            Self::Birth => "connections opened",
            Self::End => "connections ended",
            Self::Login => "logins refused",
        }
    }
}

/// How many lines were left out, of which source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// What they were about.
    pub(crate) about: About,
    /// The source; nothing when it is many.
    pub(crate) source: Option<IpAddr>,
    /// How many there were.
    pub(crate) count: u64,
}

/// Counts lines by their source: an address, or a network of IPv6 of the size that one customer has.
#[derive(Debug, Default)]
pub(crate) struct Repeats(BTreeMap<(IpAddr, About), Window>);

/// The lines of a source since its first one.
#[derive(Debug)]
struct Window {
    since: Time,
    lines: u64,
}

/// Stands for all sources that there is no room for.
const OTHERS: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// The same, for whoever writes lines.
#[derive(Debug, Default)]
pub(crate) struct Lines(Mutex<Repeats>);

impl Lines {
    /// Whether one more line may be written.
    pub(crate) fn may_write(&self, now: Time, about: About, source: IpAddr) -> bool {
        self.0.lock_or_stop().may_write(now, about, source)
    }

    /// Writes what was left out. To be called from time to time.
    pub(crate) fn tell(&self, now: Time) {
        let told = self.0.lock_or_stop().poll_left_out(now);
        let (within, most) = (REPEATED_WINDOW.as_secs(), REPEATED_LINES);
        for LeftOut { about, source, count } in told {
            let source = source.map_or_else(|| "many addresses".to_owned(), |it| it.to_string());
            tracing::warn!(
                "{count} more lines about {} from {source} were left out: more than {most} within {within} seconds",
                about.plural()
            );
        }
    }
}

impl Repeats {
    /// Whether one more line may be written.
    pub(crate) fn may_write(&mut self, now: Time, about: About, source: IpAddr) -> bool {
        let mut key = (network(source), about);
        if !self.0.contains_key(&key) && self.0.len() >= REPEATED_SOURCES {
            key.0 = OTHERS;
        }
        let window = self.0.entry(key).or_insert(Window { since: now, lines: 0 });
        window.lines += 1;
        window.lines <= REPEATED_LINES
    }

    /// What was left out of the windows that have passed. To be asked from time to time: until then, they go on.
    pub(crate) fn poll_left_out(&mut self, now: Time) -> Vec<LeftOut> {
        let mut told = Vec::new();
        self.0.retain(|&(source, about), window| {
            let over = now.saturating_since(window.since) >= REPEATED_WINDOW;
            if over && window.lines > REPEATED_LINES {
                let source = Some(source).filter(|source| *source != OTHERS);
                told.push(LeftOut { about, source, count: window.lines - REPEATED_LINES });
            }
            !over
        });
        told
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) if !six.is_loopback() => {
            let [a, b, c, d, ..] = six.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_source_is_counted_when_it_has_said_enough_and_the_others_are_not_affected() {
        let mut repeats = Repeats::default();
        let (loud, quiet) = (address("10.0.0.1"), address("10.0.0.2"));
        let written =
            (0..REPEATED_LINES + 7).filter(|_| repeats.may_write(Time::ZERO, About::Login, loud));
        assert_eq!(written.count() as u64, REPEATED_LINES);
        assert!(repeats.may_write(Time::ZERO, About::Login, quiet));
        assert!(repeats.may_write(Time::ZERO, About::End, loud));

        let almost = Time::ZERO + REPEATED_WINDOW / 2;
        assert_eq!(repeats.poll_left_out(almost), []);
        let over = Time::ZERO + REPEATED_WINDOW;
        let told = LeftOut { about: About::Login, source: Some(loud), count: 7 };
        assert_eq!(repeats.poll_left_out(over), [told]);
        assert!(repeats.may_write(over, About::Login, loud));
    }

    #[test]
    fn addresses_of_one_network_of_ipv6_are_one_source() {
        let mut repeats = Repeats::default();
        for host in 0..REPEATED_LINES {
            assert!(repeats.may_write(
                Time::ZERO,
                About::End,
                address(&format!("2001:db8::{host:x}"))
            ));
        }
        assert!(!repeats.may_write(Time::ZERO, About::End, address("2001:db8::ffff:1")));
        assert!(repeats.may_write(Time::ZERO, About::End, address("2001:db8:0:1::1")));
    }

    #[test]
    fn however_many_sources_there_are_what_is_kept_is_bounded() {
        let mut repeats = Repeats::default();
        let sources =
            (0..REPEATED_SOURCES as u32 * 2).map(|number| IpAddr::V4((1 << 24 | number).into()));
        let written =
            sources.filter(|source| repeats.may_write(Time::ZERO, About::End, *source)).count();
        assert_eq!(repeats.0.len(), REPEATED_SOURCES + 1);
        assert_eq!(written, REPEATED_SOURCES + REPEATED_LINES as usize);
        let told = repeats.poll_left_out(Time::ZERO + REPEATED_WINDOW);
        let count = REPEATED_SOURCES as u64 - REPEATED_LINES;
        assert_eq!(told, [LeftOut { about: About::End, source: None, count }]);
        assert!(repeats.0.is_empty());
    }
}

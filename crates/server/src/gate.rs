//! How many connections there may be, and from where; the log's file descriptors are kept for it.

use core::net::{IpAddr, Ipv6Addr};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::config::ConnectionLimits;
use crate::limits::{DESCRIPTORS_EVERY, DESCRIPTORS_RESERVED};
use crate::poison::LockOrStop;

/// Counts connections from the moment their socket is accepted until it is closed.
#[derive(Debug)]
pub(crate) struct Gate {
    limits: Mutex<ConnectionLimits>,
    descriptors: Descriptors,
    inside: Mutex<Inside>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Inside {
    count: usize,
    by_source: BTreeMap<IpAddr, usize>,
    /// Descriptors of everything else, the log's files above all.
    others: usize,
}

/// How many file descriptors the process may have, and how many it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descriptors {
    /// Without a limit that is known, none is kept.
    pub(crate) most: Option<u64>,
    /// Counts those that are open, where that can be found out.
    pub(crate) count: fn() -> Option<usize>,
}

/// One connection's place; dropping it lets the next one in.
#[derive(Debug)]
pub(crate) struct Place {
    gate: Arc<Gate>,
    source: Option<IpAddr>,
}

/// Why nobody is let in for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    #[error("{0} connections are open, as many as there may be (--max-connections); the next wait")]
    Connections(usize),
    #[error(
        "{0} connections are open, and the process may open no more files than the log may need; the next wait: raise the \
         limit of open files (ulimit -n)"
    )]
    Descriptors(usize),
}

/// There are as many connections from this address as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} connections from this address are open, as many as there may be (--max-connections-per-source)"
)]
pub(crate) struct SourceFull(usize);

impl Gate {
    pub(crate) fn new(limits: ConnectionLimits, descriptors: Descriptors) -> Self {
        let limits = Mutex::new(limits);
        let gate = Self { limits, descriptors, inside: Mutex::default(), left: Notify::new() };
        gate.look_around();
        gate
    }

    /// From now on these limits count. Whoever is inside stays.
    pub(crate) fn set_limits(&self, limits: ConnectionLimits) {
        *self.limits.lock_or_stop() = limits;
        self.left.notify_waiters();
    }

    /// Waits until one more may come in; `full` hears why it must wait, if it must.
    pub(crate) async fn room(&self, mut full: impl FnMut(Full)) {
        loop {
            let mut left = core::pin::pin!(self.left.notified());
            left.as_mut().enable();
            let Err(reason) = self.check() else { return };
            full(reason);
            // Somebody leaves, or the log gives files back.
            let _ = tokio::time::timeout(DESCRIPTORS_EVERY, left).await;
            self.look_around();
        }
    }

    fn check(&self) -> Result<(), Full> {
        let most = self.limits.lock_or_stop().connections;
        let inside = self.inside.lock_or_stop();
        if inside.count >= most {
            return Err(Full::Connections(inside.count));
        }
        let needed = (inside.count + inside.others + DESCRIPTORS_RESERVED) as u64;
        if self.descriptors.most.is_some_and(|most| needed >= most) {
            return Err(Full::Descriptors(inside.count));
        }
        Ok(())
    }

    /// A socket was accepted.
    pub(crate) fn enter(self: &Arc<Self>) -> Place {
        self.inside.lock_or_stop().count += 1;
        Place { gate: Arc::clone(self), source: None }
    }

    /// Counts the descriptors that are no connections', at intervals, for ever.
    pub(crate) async fn keep_watch(&self) {
        loop {
            tokio::time::sleep(DESCRIPTORS_EVERY).await;
            self.look_around();
        }
    }

    fn look_around(&self) {
        let Some(most) = self.descriptors.most else { return };
        let known = {
            let inside = self.inside.lock_or_stop();
            (inside.count + inside.others) as u64
        };
        // Counting costs something for each, and as long as there are plenty nobody needs to know.
        if known > 0 && known < most / 2 {
            return;
        }
        if let Some(open) = (self.descriptors.count)() {
            let mut inside = self.inside.lock_or_stop();
            inside.others = open.saturating_sub(inside.count);
        }
    }
}

impl Place {
    /// The connection comes from `address`, as far as is known now.
    pub(crate) fn claim(&mut self, address: IpAddr) -> Result<(), SourceFull> {
        let source = source(address);
        let most = self.gate.limits.lock_or_stop().connections_per_source;
        let mut inside = self.gate.inside.lock_or_stop();
        let count = inside.by_source.entry(source).or_default();
        if *count >= most {
            return Err(SourceFull(most));
        }
        *count += 1;
        self.source = Some(source);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.gate.inside.lock_or_stop();
        inside.count -= 1;
        if let Some(source) = self.source
            && let Some(count) = inside.by_source.get_mut(&source)
        {
            *count -= 1;
            if *count == 0 {
                inside.by_source.remove(&source);
            }
        }
        drop(inside);
        self.gate.left.notify_waiters();
    }
}

impl Descriptors {
    /// The limit of this process, as high as it may be made.
    #[cfg(unix)]
    pub(crate) fn of_process() -> Self {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        let highest = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if limit.current != limit.maximum && setrlimit(Resource::Nofile, highest).is_ok() {
            limit = highest;
        }
        Self { most: limit.current, count }
    }

    #[cfg(not(unix))]
    pub(crate) const fn of_process() -> Self {
        Self { most: None, count }
    }
}

/// Where there is no such directory, what the process needs beside its connections is a guess that suits a small log.
fn count() -> Option<usize> {
    std::fs::read_dir("/proc/self/fd").ok().map(Iterator::count)
}

/// Who has one address of a network of IPv6 has all of it.
pub(crate) fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        four @ IpAddr::V4(_) => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(
        limits: ConnectionLimits,
        most: Option<u64>,
        count: fn() -> Option<usize>,
    ) -> Arc<Gate> {
        Arc::new(Gate::new(limits, Descriptors { most, count }))
    }

    fn limits(connections: usize, connections_per_source: usize) -> ConnectionLimits {
        ConnectionLimits { connections, connections_per_source, ..ConnectionLimits::default() }
    }

    #[test]
    fn as_many_come_in_as_may_and_one_more_for_each_that_leaves() {
        let gate = gate(limits(2, 2), None, || None);
        let (first, second) = (gate.enter(), gate.enter());
        assert_eq!(gate.check(), Err(Full::Connections(2)));
        drop(first);
        assert_eq!(gate.check(), Ok(()));
        drop(second);
    }

    #[test]
    fn one_address_has_its_share_and_a_network_of_ipv6_is_one_address() {
        let gate = gate(limits(10, 2), None, || None);
        let claim = |address: &str| {
            let mut place = gate.enter();
            place.claim(address.parse().unwrap()).map(|()| place)
        };
        let held = [claim("2001:db8::1").unwrap(), claim("2001:db8::2").unwrap()];
        assert!(claim("2001:db8::3").is_err());
        assert!(claim("2001:db8:0:1::3").is_ok());
        assert!(claim("192.0.2.1").is_ok() && claim("192.0.2.1").is_ok());
        drop(held);
        assert!(claim("2001:db8::3").is_ok());
        assert!(gate.inside.lock_or_stop().by_source.is_empty());
    }

    #[test]
    fn what_the_log_may_need_is_not_given_away() {
        let most = (DESCRIPTORS_RESERVED + 20) as u64;
        // Twelve are open from the beginning.
        let gate = gate(limits(100, 100), Some(most), || Some(12));
        let mut inside = Vec::new();
        while gate.check().is_ok() {
            inside.push(gate.enter());
        }
        assert_eq!(inside.len(), 8);
        assert_eq!(gate.check(), Err(Full::Descriptors(8)));
    }

    #[tokio::test]
    async fn whoever_waits_at_the_gate_is_told_why_and_comes_in_when_somebody_leaves() {
        let gate = gate(limits(1, 1), None, || None);
        let place = gate.enter();
        let mut told = None;
        let waiting = gate.room(|full| told = Some(full));
        let leaving = async {
            tokio::task::yield_now().await;
            drop(place);
        };
        tokio::join!(waiting, leaving);
        assert_eq!(told, Some(Full::Connections(1)));
    }
}

//! The half of a connection that others reach: what waits to be written to it, and its socket.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicU64, Ordering};
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};

use bytes::Buf;
use tokio::sync::Notify;
use warrener_broker::{ConnectionId, Input};
use warrener_endpoint::Endpoint;
use warrener_time::Time;

use crate::counters::Counters;
use crate::limits::{DRAINED_BYTES, WRITE_SLICES};
use crate::poison::LockOrStop;
use crate::stream::WriteHalf;

/// One connection, shared by its task, which reads, and by whoever has something for it.
#[derive(Debug)]
pub(crate) struct Link {
    id: ConnectionId,
    ends: Ends,
    received_bytes: AtomicU64,
    /// How many reads brought them.
    reads: AtomicU64,
    half: Mutex<Half>,
    wake: Notify,
    /// All that waited is written.
    caught_up: Notify,
    counters: Arc<Counters>,
}

/// What is behind the connection's own lock. The lock is never held while a task waits.
#[derive(Debug)]
pub(crate) struct Half {
    pub(crate) endpoint: Endpoint,
    /// Gone when the socket is broken, or was shut down for writing.
    stream: Option<WriteHalf>,
    /// Somebody will write soon.
    touched: bool,
    /// The socket did not take all that was there, and has not since.
    behind: bool,
    watch: Watch,
    sent_bytes: u64,
    /// How many writes took them.
    writes: u64,
}

/// The two ends of a stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ends {
    /// As in `10.0.0.7:4711 -> 10.0.0.1:5672`.
    pub(crate) name: String,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) tls: bool,
    pub(crate) since: Time,
}

/// What the connection's task waits for, so that it is woken for nothing less.
#[derive(Clone, Copy, Debug, Default)]
struct Watch {
    reading: bool,
    writing: bool,
    deadline: Option<Time>,
}

/// What the connection's task is to do next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Read the socket.
    pub(crate) read: bool,
    /// Wait until the socket takes more.
    pub(crate) write: bool,
    /// Wake up by then.
    pub(crate) deadline: Option<Time>,
    /// The broker is to hear how much has left.
    pub(crate) report: bool,
    /// Nothing waits to be written.
    pub(crate) written: bool,
    /// And nothing more is to be said or waited for: drop the socket.
    pub(crate) finished: bool,
}

impl Link {
    pub(crate) fn new(endpoint: Endpoint, stream: WriteHalf, counters: Arc<Counters>) -> Self {
        let half = Half {
            endpoint,
            stream: Some(stream),
            touched: false,
            behind: false,
            watch: Watch::default(),
            sent_bytes: 0,
            writes: 0,
        };
        Self {
            id: half.endpoint.id(),
            ends: Ends::default(),
            received_bytes: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            half: Mutex::new(half),
            wake: Notify::new(),
            caught_up: Notify::new(),
            counters,
        }
    }

    /// With what people see of it.
    pub(crate) fn between(self, ends: Ends) -> Self {
        Self { ends, ..self }
    }

    pub(crate) const fn ends(&self) -> &Ends {
        &self.ends
    }

    /// So many octets came.
    pub(crate) fn received(&self, count: usize) {
        self.counters.read();
        self.received_bytes.fetch_add(count as u64, Ordering::Relaxed);
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    /// How many octets came and went.
    pub(crate) fn octets(&self) -> (u64, u64) {
        (self.received_bytes.load(Ordering::Relaxed), self.half.lock_or_stop().sent_bytes)
    }

    /// How often something came and went.
    pub(crate) fn calls(&self) -> (u64, u64) {
        (self.reads.load(Ordering::Relaxed), self.half.lock_or_stop().writes)
    }

    pub(crate) const fn id(&self) -> ConnectionId {
        self.id
    }

    /// Calls `then` with the endpoint.
    pub(crate) fn with<R>(&self, then: impl FnOnce(&mut Endpoint) -> R) -> R {
        then(&mut self.half.lock_or_stop().endpoint)
    }

    /// The same within a turn; and whether this is the first time since somebody wrote.
    pub(crate) fn touch<R>(&self, then: impl FnOnce(&mut Endpoint) -> R) -> (R, bool) {
        let mut half = self.half.lock_or_stop();
        let first = !core::mem::replace(&mut half.touched, true);
        (then(&mut half.endpoint), first)
    }

    /// Writes what waits, as far as the socket takes it, and wakes the connection's task if there is something for it.
    /// Whether the socket took all. What the broker is to hear of it is put into `drained`, or else left to the task.
    pub(crate) fn write(&self, drained: Option<&mut Vec<Input>>) -> bool {
        let mut half = self.half.lock_or_stop();
        let full = self.write_half(&mut half);
        if let Some(drained) = drained
            && half.endpoint.drained_bytes() >= DRAINED_BYTES
        {
            drained.extend(half.endpoint.drained());
        }
        if half.concerns_task() {
            drop(half);
            self.counters.wake();
            self.wake.notify_one();
        }
        !full
    }

    /// Whether the socket has not taken yet what it was offered.
    pub(crate) fn is_behind(&self) -> bool {
        self.half.lock_or_stop().behind
    }

    /// As if its socket had not taken all that it was offered.
    #[cfg(test)]
    pub(crate) fn fall_behind(&self) {
        self.half.lock_or_stop().behind = true;
    }

    /// Waits until [`is_behind`](Self::is_behind) is no longer true.
    pub(crate) async fn caught_up(&self) {
        loop {
            let mut caught_up = core::pin::pin!(self.caught_up.notified());
            caught_up.as_mut().enable();
            if !self.is_behind() {
                return;
            }
            caught_up.await;
        }
    }

    /// Woken when the [`Plan`] has to be made again.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Wakes the connection's task.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Writes what waits, and says what the connection's task is to do. `deadline` is the task's own.
    pub(crate) fn plan(&self, deadline: Option<Time>) -> Plan {
        let mut half = self.half.lock_or_stop();
        let full = self.write_half(&mut half);
        let plan = half.plan(full, deadline);
        half.watch = Watch { reading: plan.read, writing: plan.write, deadline: plan.deadline };
        plan
    }

    /// Tells the peer that nothing more comes.
    pub(crate) fn shut_down(&self) {
        let mut half = self.half.lock_or_stop();
        // Dropping the half shuts the socket down for writing.
        half.stream = None;
        self.write_half(&mut half);
    }

    /// Writes until nothing waits or the socket is full, which is what it returns, and tells whoever waits for the first.
    fn write_half(&self, half: &mut Half) -> bool {
        let full = half.write(&self.counters);
        if core::mem::replace(&mut half.behind, full) && !full {
            self.caught_up.notify_waiters();
        }
        full
    }
}

impl Half {
    /// Writes until nothing waits or the socket is full, which is what it returns.
    fn write(&mut self, counters: &Counters) -> bool {
        self.touched = false;
        loop {
            let Some(stream) = &self.stream else { return false };
            let outcome = if !self.endpoint.outgoing().is_empty() {
                write_some(stream, &mut self.endpoint).map(|count| {
                    counters.write();
                    self.sent_bytes += count as u64;
                    self.writes += 1;
                    self.endpoint.advance(count);
                })
            } else if stream.is_unflushed() {
                stream.try_flush()
            } else {
                return false;
            };
            match outcome {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    // The reading side will find out as well, and say so.
                    self.endpoint.abandon();
                    self.stream = None;
                }
            }
        }
    }

    /// Whether something waits to be written.
    fn waits(&mut self) -> bool {
        self.stream.as_ref().is_some_and(WriteHalf::is_unflushed)
            || !self.endpoint.outgoing().is_empty()
    }

    fn plan(&mut self, full: bool, deadline: Option<Time>) -> Plan {
        let own = self.endpoint.poll_timeout().map(|(deadline, _)| deadline);
        let written = self.stream.is_none() || !self.waits();
        Plan {
            read: self.endpoint.wants_read(),
            write: full,
            deadline: own.into_iter().chain(deadline).min(),
            report: self.endpoint.drained_bytes() >= DRAINED_BYTES,
            written,
            finished: self.endpoint.is_finished() && written,
        }
    }

    /// Whether the connection's task would do something else now than what it waits for.
    fn concerns_task(&mut self) -> bool {
        let waits = self.waits();
        let plan = self.plan(waits, None);
        plan.finished
            || plan.report
            || plan.read != self.watch.reading
            || plan.write != self.watch.writing
            || plan.deadline.is_some_and(|deadline| {
                self.watch.deadline.is_none_or(|watched| deadline < watched)
            })
    }
}

fn write_some(stream: &WriteHalf, endpoint: &mut Endpoint) -> io::Result<usize> {
    let mut slices = [IoSlice::new(&[]); WRITE_SLICES];
    let outgoing = endpoint.outgoing();
    let count = outgoing.chunks_vectored(&mut slices);
    slices.get(..count).map_or(Ok(0), |slices| stream.try_write(slices))
}

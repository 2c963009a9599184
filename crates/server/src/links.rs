//! Every connection there is, by its number.

use std::sync::Arc;

use warrener_broker::ConnectionId;
use warrener_endpoint::Endpoint;
use warrener_node::Connections;

use crate::link::Link;

/// The links of a node's connections, and which of them a turn has touched.
#[derive(Debug, Default)]
pub(crate) struct Links {
    slots: Vec<Option<Arc<Link>>>,
    free: Vec<u32>,
    count: usize,
    /// How many connections there ever were.
    serial: u32,
    /// Links that may have something to write.
    pub(crate) touched: Vec<Arc<Link>>,
}

impl Links {
    /// Puts the link that `make` makes for a fresh number in its place.
    pub(crate) fn add(&mut self, make: impl FnOnce(ConnectionId) -> Link) -> Arc<Link> {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u32
        });
        self.serial = self.serial.wrapping_add(1);
        // A place is used again, a number is not: it carries the count as well.
        let id = ConnectionId(u64::from(self.serial) << 32 | u64::from(index));
        let link = Arc::new(make(id));
        self.slots[index as usize] = Some(Arc::clone(&link));
        self.count += 1;
        link
    }

    /// A number that no connection has or will have, for a client without a wire.
    pub(crate) const fn session_number(&mut self) -> ConnectionId {
        self.serial = self.serial.wrapping_add(1);
        // No place has this number: so many connections there cannot be.
        ConnectionId((self.serial as u64) << 32 | 0xFFFF_FFFF)
    }

    /// The link of this number.
    pub(crate) fn find(&self, id: ConnectionId) -> Option<Arc<Link>> {
        find(&self.slots, id).cloned()
    }

    /// Takes a link out.
    pub(crate) fn remove(&mut self, id: ConnectionId) {
        if find(&self.slots, id).is_some() {
            self.slots[index(id)] = None;
            self.free.push(index(id) as u32);
            self.count -= 1;
        }
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Link>> {
        self.slots.iter().flatten()
    }
}

impl Connections for Links {
    fn with<R>(
        &mut self,
        connection: ConnectionId,
        then: impl FnOnce(&mut Endpoint) -> R,
    ) -> Option<R> {
        let link = find(&self.slots, connection)?;
        let (outcome, first) = link.touch(then);
        if first {
            self.touched.push(Arc::clone(link));
        }
        Some(outcome)
    }
}

fn find(slots: &[Option<Arc<Link>>], id: ConnectionId) -> Option<&Arc<Link>> {
    slots.get(index(id))?.as_ref().filter(|link| link.id() == id)
}

const fn index(id: ConnectionId) -> usize {
    (id.0 & 0xFFFF_FFFF) as usize
}

//! How a turn reaches the connections.

use warrener_broker::ConnectionId;
use warrener_endpoint::Endpoint;

/// The endpoints of a node, wherever its host keeps them.
pub trait Connections {
    /// Calls `then` with an endpoint, and notes that it may have something to write; `None` when it is not there any more.
    fn with<R>(
        &mut self,
        connection: ConnectionId,
        then: impl FnOnce(&mut Endpoint) -> R,
    ) -> Option<R>;
}

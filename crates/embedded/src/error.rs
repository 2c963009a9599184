//! Why a broker does not start.

use std::io;

use warrener_node::NodeError;

/// Why a broker does not start, or did not stop in order.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The directory cannot be made, or a port not be had.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The log in the directory is in use, damaged, or of a newer version.
    #[error("{0}")]
    Node(NodeError),
    /// A user or virtual host with a name longer than 255 octets.
    #[error("a name is longer than 255 octets")]
    Name,
    /// The broker was dropped meanwhile.
    #[error("the broker is gone")]
    Gone,
}

//! Why a server cannot start or go on: one line each, saying what and what to do.

use core::net::SocketAddr;
use std::io;
use std::path::{Path, PathBuf};

use warrener_node::NodeError;
use warrener_store::LogError;

use crate::config::Storage;
use crate::tls::TlsError;
use crate::turns::Status;

/// Why a server did not start, or had to stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {}", listen_advice(.source))]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The definitions to start with cannot be taken.
    #[error("cannot take the definitions in {}: {reason}; see --definitions", .file.display())]
    Definitions {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The control socket cannot be made.
    #[error("cannot listen on the control socket {}: {source}; name another place with --control-socket PATH, or `off`",
            .path.display())]
    ControlSocket {
        /// Where it should be.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The files of the TLS settings cannot be used.
    #[error("cannot use TLS: {0}; see --tls-cert, --tls-key and --tls-client-ca")]
    Tls(#[from] TlsError),
    /// The data directory cannot be used.
    #[error("cannot use data directory {}: {source}; let this user create and write it, name another with --data-dir DIR, \
             or keep nothing with --memory-only", .directory.display())]
    DataDir {
        /// Which one.
        directory: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process holds the data directory.
    #[error("data directory {} is in use by another broker; stop that one, or name another with --data-dir DIR",
            .directory.display())]
    DataDirLocked {
        /// Which one.
        directory: PathBuf,
    },
    /// Signals cannot be waited for.
    #[error("cannot wait for signals: {0}")]
    Signals(#[source] io::Error),
    /// No threads can be started.
    #[error("cannot start a thread: {0}; raise the limit of processes (ulimit -u)")]
    Threads(#[source] io::Error),
    /// The log cannot be read back, or has stopped.
    #[error("{}the log has failed: {error}; what was confirmed is on disk; {}",
            in_directory(.directory.as_deref()), log_advice(.error))]
    Log {
        /// Where it is, unless in memory.
        directory: Option<PathBuf>,
        /// What is wrong with it.
        error: Box<NodeError>,
    },
    /// The operating system gives no random numbers to begin from.
    #[error("the operating system gives no random numbers: {0}")]
    Random(String),
    /// A task that no broker can do without ended by a panic.
    #[error("internal error: a task of the broker panicked; what was confirmed is safe in the log")]
    Panicked,
}

impl ServeError {
    /// Why a node with this storage runs no more.
    pub(crate) fn stopped(status: Status, storage: &Storage) -> Self {
        let directory = match storage {
            Storage::Memory => None,
            Storage::Directory(directory) => Some(directory.clone()),
        };
        match (status, directory) {
            (Status::Failed(NodeError::Log(LogError::Locked)), Some(directory)) => {
                Self::DataDirLocked { directory }
            }
            (
                Status::Failed(NodeError::Log(LogError::Io {
                    kind: kind @ io::ErrorKind::PermissionDenied,
                    ..
                })),
                Some(directory),
            ) => Self::DataDir { directory, source: kind.into() },
            (Status::Failed(error), directory) => Self::Log { directory, error: error.into() },
            (Status::Panicked | Status::Closed | Status::Recovering | Status::Ready { .. }, _) => {
                Self::Panicked
            }
        }
    }
}

fn in_directory(directory: Option<&Path>) -> String {
    directory.map(|directory| format!("{}: ", directory.display())).unwrap_or_default()
}

fn log_advice(error: &NodeError) -> &'static str {
    match error {
        NodeError::Log(LogError::Full { .. }) => "free some space and start again",
        NodeError::Log(LogError::TooNew { .. }) => "start the newer version of this program",
        NodeError::Log(LogError::Corrupt(_))
        | NodeError::Load { .. }
        | NodeError::Record { .. }
        | NodeError::Recovery { .. } => {
            "restore the directory from a backup, or name another with --data-dir DIR"
        }
        _ => "check the disk, then start again",
    }
}

fn listen_advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there; stop it, or choose another port with --listen ADDR:PORT".into()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address; choose another with --listen ADDR:PORT".into()
        }
        io::ErrorKind::PermissionDenied => {
            "not permitted (ports below 1024 need a privilege); choose another with --listen ADDR:PORT".into()
        }
        _ => format!("{error}; choose another address with --listen ADDR:PORT"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_one_line_with_what_to_do() {
        let address = SocketAddr::new(core::net::Ipv4Addr::UNSPECIFIED.into(), 5672);
        for kind in
            [io::ErrorKind::AddrInUse, io::ErrorKind::AddrNotAvailable, io::ErrorKind::Other]
        {
            let text = ServeError::Listen { address, source: kind.into() }.to_string();
            assert!(text.contains("0.0.0.0:5672") && text.contains("--listen"), "{text}");
            assert_eq!(text.lines().count(), 1);
        }
        let directory = PathBuf::from("/d");
        let (kind, doing) = (io::ErrorKind::PermissionDenied, "locking the directory".to_owned());
        let denied = Status::Failed(NodeError::Log(LogError::Io { kind, doing }));
        let text = ServeError::stopped(denied, &Storage::Directory(directory.clone())).to_string();
        assert!(text.contains("/d") && text.contains("let this user"), "{text}");
        let text = ServeError::DataDirLocked { directory }.to_string();
        assert!(text.contains("/d") && text.contains("--data-dir"), "{text}");
    }
}

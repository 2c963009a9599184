//! Log lines for what a node notices.

use warrener_broker::Warning;
use warrener_node::Notice;

use crate::logging::Plain;

/// One line for each notice that people should know.
pub(crate) fn log(notice: &Notice) {
    match notice {
        Notice::TornEnd(cut) => tracing::warn!(
            "the last write before a crash was torn: {} bytes cut off {} at offset {}; nothing in them was confirmed",
            cut.bytes,
            cut.file,
            cut.offset,
        ),
        Notice::DiskFull => tracing::error!(
            "the disk is full: durable messages and definitions wait until there is room; free some space"
        ),
        Notice::DiskLow { free_bytes, limit_bytes } => tracing::warn!(
            "low on disk: {} MiB are free, and there should be {} MiB: publishers wait; free some space or let \
             consumers work",
            free_bytes >> 20,
            limit_bytes >> 20,
        ),
        Notice::DiskEnough { free_bytes } => {
            tracing::info!(
                "enough room on the disk again: {} MiB; publishers go on",
                free_bytes >> 20
            );
        }
        Notice::DiskRelieved => tracing::info!("the disk has room again"),
        Notice::Damaged(damage) => tracing::error!(
            "damaged log: {damage}; its records are kept where they are, so its space does not come back; \
             restore the data directory from a backup"
        ),
        Notice::Unsayable(connection, misuse) => {
            tracing::warn!("connection {connection} is closed with 506: {misuse}");
        }
        Notice::Warning(warning @ Warning::MemoryEnough { .. }) => tracing::info!("{warning}"),
        // It quotes names that clients have chosen.
        Notice::Warning(warning) => tracing::warn!("{}", Plain(&warning.to_string())),
        // Whoever gave the command says it.
        Notice::Done(..) | Notice::Session(..) => {}
        // The server says it in its own words.
        Notice::Ready { .. } | Notice::Closed | Notice::Failed(_) => {}
    }
}

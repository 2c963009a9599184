//! Every bound the node keeps, in one place.

use core::time::Duration;

/// With this many effects gathered, they are applied before the next input is handled: one publish can have many.
pub(crate) const EFFECTS_AT_ONCE: usize = 1024;

/// How many bodies recovery asks the log for ahead of the one it needs.
pub(crate) const LOADS_AHEAD: usize = 4096;

/// And how many octets of them.
pub(crate) const LOAD_BYTES_AHEAD: u64 = 16 << 20;

/// How long releases may wait for a sync that somebody else needs: till then their space does not come back, and a loss of
/// power brings back what was acknowledged.
pub(crate) const RELEASES_UNSYNCED: Duration = Duration::from_secs(1);

/// How long a disk with too little room is left alone before it is looked at again.
pub(crate) const DISK_LOOK: Duration = Duration::from_secs(1);

/// A log that has begun no segment for so long gives up what it keeps for the next one, and has little waste left behind.
pub(crate) const REST: Duration = Duration::from_secs(10);

/// So many looks at the disk, [`REST`] apart, after something was written: the first of them may find that it was not long
/// ago, the second lets go of what is kept.
pub(crate) const REST_LOOKS: u32 = 2;

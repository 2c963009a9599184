//! The log's settings and limits, all in one place.

/// Settings of a [`SegmentLog`](crate::SegmentLog). Start from [`Config::new`] and change what matters.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The host's secret: checksums start from it, so that no message can contain bytes that pass for a batch of the
    /// log. From the operating system's generator in a server, from the seed in a simulation.
    pub seed: u64,
    /// The version of what the host writes into digests and bodies. A log with a greater one is refused before anything is
    /// changed in it. 0.
    pub records_version: u16,
    /// A segment is closed when the next batch would make it longer than this. 64 MiB.
    pub segment_bytes: u32,
    /// A batch is closed when it holds this much: a bound on the time of one sync. 4 MiB.
    pub batch_bytes: u32,
    /// A longer record is written in fragments of this size, one a batch, so that small ones do not wait for it. 1 MiB.
    pub fragment_bytes: u32,
    /// Longer parts of a body are written from where they lie, shorter ones are copied. 512 B.
    pub copy_bytes: usize,
    /// Records that nobody waits for are synced when this much of them is not yet. 1 MiB.
    pub unsynced_bytes: u64,
    /// Set aside for the day when the disk is full: room for acknowledgements and for giving space back. 8 MiB.
    pub reserve_bytes: u64,
    /// How many records one work of the lane of reads may load. 1,024.
    pub loads: usize,
    /// How many bytes one work of the lane of reads may load, unless a single record is longer. 4 MiB.
    pub load_bytes: u64,
}

impl Config {
    /// The defaults, with the host's secret.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            records_version: 0,
            segment_bytes: 64 << 20,
            batch_bytes: 4 << 20,
            fragment_bytes: 1 << 20,
            copy_bytes: 512,
            unsynced_bytes: 1 << 20,
            reserve_bytes: 8 << 20,
            loads: 1024,
            load_bytes: 4 << 20,
        }
    }
}

/// The longest digest of a record.
pub(crate) const DIGEST_BYTES_MAX: usize = 16 << 20;
/// The most records that one record may refer to.
pub(crate) const REFERENCES_MAX: usize = u16::MAX as usize;
/// The longest body within a group, whose batch is one write.
pub(crate) const GROUP_BYTES_MAX: u64 = 2 << 30;

#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod config;
mod disk;
mod error;
mod format;
#[doc(hidden)]
pub mod fuzzing;
pub mod log;
mod memory_log;
mod real_disk;
mod segment_log;
pub mod simulated_disk;

pub use config::Config;
pub use disk::Disk;
pub use error::{Damage, LoadError, LogError, Refused};
pub use log::{
    After, Append, Appended, Backlog, Cut, Epoch, Lane, Loaded, Location, Log, LogEvent, Opened,
    RecordId, Replayed, Space, Work,
};
pub use memory_log::{MemoryLog, MemoryWork};
pub use real_disk::{BackedUp, BackupError, RealDisk, backup};
pub use segment_log::{Salvaged, SegmentDone, SegmentLog, SegmentWork, Verified, salvage, verify};
pub use simulated_disk::SimulatedDisk;

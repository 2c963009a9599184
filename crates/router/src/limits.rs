//! Every limit of this crate, in one place.

/// Longest binding key, in bytes. AMQP 0-9-1 carries keys as short strings of at most 255 bytes; the limit is wider
/// for embedders whose topics are longer.
pub const KEY_BYTES_MAX: usize = u16::MAX as usize;

/// Largest canonical form of a binding's arguments, in bytes.
pub const ARGUMENTS_BYTES_MAX: usize = 1 << 24;

/// Heaviest binding of a consistent-hash exchange.
pub const WEIGHT_MAX: u32 = 1_000_000;

/// Most bindings one router holds, and most different targets.
pub const BINDINGS_MAX: usize = (1 << 31) - 2;

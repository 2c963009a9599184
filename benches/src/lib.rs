//! The benchmarks of this package are in `benches/`, one file each; this library is empty.

//! The comparisons are in `benches/`; this library is empty.

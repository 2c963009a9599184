//! The examples of this package are in `examples/`, one program a file; this library is empty.

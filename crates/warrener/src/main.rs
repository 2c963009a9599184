//! The `warrener` binary.

fn main() {}

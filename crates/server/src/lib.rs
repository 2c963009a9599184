//! The Warrener broker as a library: sockets, threads, a clock and a disk around the node.

#![forbid(unsafe_code)]

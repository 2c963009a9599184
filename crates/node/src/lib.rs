//! One broker, its endpoints and one log joined: the turn, without threads, clock or sockets.

#![forbid(unsafe_code)]

//! What the broker does, feature by feature: one file each, one program for all, so that they link once.

mod hello;
mod script;

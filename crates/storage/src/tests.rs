//! Logs from the outside, on a disk in memory.

mod basics;
mod support;

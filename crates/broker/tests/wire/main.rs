//! A broker in this process, asked over the wire.

#![expect(clippy::expect_used, reason = "what is missing fails the test")]

mod configs;
mod data_path;
mod decisions;
mod directories;
mod limits;
mod names;
mod order;
mod raw;
mod transactions;
mod versions;

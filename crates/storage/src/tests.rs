//! Logs from the outside, on a disk in memory.

mod basics;
mod compaction;
mod crash_points;
mod damage;
mod faults;
mod indexes;
mod oddities;
mod recovery_cost;
mod support;
mod transactions;
mod wal;

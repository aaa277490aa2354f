//! Tests of the machine: tables, properties, scripts, and a small cluster from a seed.

mod cluster;
mod controls;
mod leading;
mod lineage;
mod scenarios;
mod script;

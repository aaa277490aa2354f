//! Replication of one partition as a pure machine.

//! The data path: partitions, their flushes, and the requests that wait for them.

mod announcer;
mod committer;
mod fetch_session;
mod flush_phase;
mod flusher;
mod group_commit;
mod partition;
mod partitions;
mod waits;

pub(crate) use fetch_session::{
    FINAL_EPOCH, FetchSession, FetchSessions, INITIAL_EPOCH, SessionPartition, SessionStep, Told,
    TopicKey, TopicsBy,
};
pub(crate) use flusher::{FlushState, Flusher};
pub(crate) use partition::{LogRange, Partition, PartitionError, Reader};
pub(crate) use partitions::{LocalTopic, Partitions};
pub(crate) use waits::{AckWait, AllAcked, FetchWait, Woken};

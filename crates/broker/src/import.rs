//! Taking over a data directory that Apache Kafka has left, while neither broker runs.
//!
//! ```text
//! plan       source  meta.properties, metadata log, directories of partitions   (read only)
//!            target  meta.properties, metadata log                              (read only)
//!            ──► what would be taken over, what would be left out, or why nothing can be
//! carry out  1. every batch is verified and copied into TARGET/highwater-import/, then synced
//!            2. the copies are renamed to their places, opened, and compared with the source
//!            3. one decision of the metadata log makes the topics: from here on they exist
//! ```
//!
//! The source is never written to. Until the third step the target has none of the topics, and
//! after it all of them; what an interrupted import has left is removed by the next one, which a
//! manifest in the directory of the first step allows it to recognise.

mod copy;
mod error;
mod overlap;
mod plan;
mod source;
mod source_lock;
mod target;
#[cfg(test)]
mod tests;

pub use error::ImportError;
pub use plan::{ImportPlan, ImportRequest, LeftOut, PlannedPartition, PlannedTopic, plan};
pub use source_lock::{SourceLocks, check_target, lock_source};
pub use target::{Imported, ImportedLog, carry_out};

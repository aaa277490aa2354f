//! Back to nothing: everything is flushed and closed, and marked as such.

use std::sync::Arc;

use crate::background::high_watermarks;
use crate::broker::Broker;

/// Flushes and closes everything; true if the next start may take it as clean.
pub(super) fn close(broker: &Arc<Broker>) -> bool {
    let mut clean = true;
    // No topic is made any more, so the partitions that are here now are all.
    if let Err(error) = broker.metadata.close() {
        tracing::error!(%error, "the metadata log could not be closed");
        clean = false;
    }
    broker.flusher.close();
    for partition in broker.partitions.all() {
        if partition.log.log_dir().is_offline() {
            clean = false;
            continue;
        }
        if let Err(error) = partition.log.close() {
            tracing::error!(partition = %partition.name, %error, "a log could not be closed");
            clean = false;
        }
    }
    for dir in &broker.log_dirs {
        if let Err(error) = dir.close_clean(&high_watermarks(broker, dir)) {
            tracing::error!(dir = %dir.path().display(), %error, "cannot mark a clean stop");
            clean = false;
        }
    }
    clean
}

//! What a start reads after a kill: the tail, however long the log is.

use std::sync::Arc;

use highwater_disk::{CrashImage, Disk, FaultyDisk};
use highwater_types::Offset;

use super::support::*;
use crate::{LogConfig, LogDir, StorageOptions};

const SNAPSHOT_EVERY_BYTES: u64 = 64 << 10;

fn directory(disk: &FaultyDisk) -> Arc<LogDir> {
    let options = StorageOptions {
        snapshot_every_bytes: SNAPSHOT_EVERY_BYTES,
        ..StorageOptions::default()
    };
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    LogDir::open(disk, &dir_path(), &identity(), Arc::new(options)).unwrap()
}

/// Bytes that a start reads of a log of so many flushed records and 20 unflushed ones.
fn read_by_a_start(flushed: i64) -> u64 {
    let disk = FaultyDisk::new();
    let dir = directory(&disk);
    let config = Arc::new(LogConfig {
        // An entry for each batch; they reach the file 512 at a time.
        index_interval_bytes: 0,
        preallocate: false,
        ..LogConfig::default()
    });
    let log = dir
        .create_partition(&tp("t-0"), TOPIC_ID, Arc::clone(&config))
        .unwrap();
    let value = "v".repeat(1000);
    for nth in 0..flushed {
        append(&log, &[&value], nth);
        if nth % 16 == 15 {
            log.flush().unwrap();
        }
    }
    log.flush().unwrap();
    dir.persist_flushed_ends().unwrap();
    let before = log.size_bytes();
    for nth in 0..20 {
        append(&log, &[&value], flushed + nth);
    }
    let tail = log.size_bytes() - before;
    drop((log, dir));
    let disk = disk.crash(CrashImage::All);
    let dir = directory(&disk);
    let (log, report) = dir.open_partition(&tp("t-0"), config, at(0)).unwrap();
    let read = disk.read_bytes();
    assert_eq!(log.log_end(), Offset(flushed + 20));
    assert_eq!(
        report.bytes_checked, tail,
        "only what was not flushed is verified"
    );
    read
}

#[test]
fn a_start_after_a_kill_reads_the_tail_and_not_the_log() {
    // Headers behind the last index entry on disk and the last snapshot, the tail twice, the
    // index itself and the small files.
    let bound = 512 * 1100 + 2 * SNAPSHOT_EVERY_BYTES + 200_000;
    for flushed in [4000, 8000] {
        let read = read_by_a_start(flushed);
        assert!(read < bound, "{read} bytes read of {flushed} records");
    }
}

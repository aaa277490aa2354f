//! Every file format of a data directory, as `highwater log dump` reads it.

use std::io;
use std::path::{Path, PathBuf};

use highwater_disk::{Disk, FaultyDisk, OpenMode};
use highwater_storage::dump::{Records, dump_file, write_text};

use crate::directories;

/// Names from which the kind of a file follows.
pub(crate) const NAMES: [&str; 10] = [
    "00000000000000000000.log",
    "00000000000000000000.index",
    "00000000000000000000.timeindex",
    "00000000000000000000.snapshot",
    "leader-epoch-checkpoint",
    "partition.metadata",
    "recovery-point-offset-checkpoint",
    "meta.properties",
    "highwater-flushed-ends",
    "highwater-wal-0",
];

/// Reads the first byte as the kind of a file, and the rest as the file.
pub fn run(data: &[u8]) {
    let Some((kind, content)) = data.split_first() else {
        return;
    };
    let disk = FaultyDisk::new();
    let path = Path::new("/").join(NAMES[usize::from(*kind) % NAMES.len()]);
    let file = disk
        .open(&path, OpenMode::Create)
        .expect("a disk in memory opens a file");
    file.write_all_at(content, 0)
        .expect("a disk in memory takes a file");
    let Ok(dump) = dump_file(&disk, &path, Records::Include) else {
        return;
    };
    let mut end = 0;
    write_text(dump, &mut io::sink(), &mut |batch| {
        assert_eq!(batch.position, end, "a batch was left out or shown twice");
        end = batch.position + batch.header.total_len() as u64;
    })
    .expect("a file that does not change is read to its end");
    assert!(end <= content.len() as u64);
}

/// One file of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let files: Vec<(PathBuf, Vec<u8>)> = directories::made();
    let kinds = NAMES.iter().enumerate();
    let seeds = kinds.filter_map(|(kind, name)| {
        let (_, bytes) = files.iter().find(|(path, _)| path.ends_with(name))?;
        Some([&[kind as u8], bytes.as_slice()].concat())
    });
    seeds.collect()
}

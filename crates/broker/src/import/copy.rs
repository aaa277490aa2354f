//! Copying one log, batch by batch, none of which is believed before its checksum.
//!
//! A segment is on disk before the next is begun, so that the end does not wait for all of them;
//! the small files beside it, and all names, are synced with the file system at the end.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use highwater_disk::{Disk, File, OpenMode};
use highwater_records::BatchHeader;
use highwater_types::{LeaderEpoch, Offset, ProducerId};

use super::ImportError;
use super::source::{self, SourceLog};
use crate::batch_file::BatchFile;

/// Bytes written at a time.
const WRITE_BYTES: usize = 1024 * 1024;
/// Files of a log that are taken over beside its segments and what belongs to them.
const LOG_FILES: [&str; 2] = ["leader-epoch-checkpoint", "partition.metadata"];
/// Files of a segment that are taken over beside its batches.
const SEGMENT_KINDS: [&str; 3] = ["index", "timeindex", "txnindex"];

/// What is known of a log once all of it has been read.
#[derive(Clone, Debug, Default)]
pub(super) struct Copied {
    /// The base of its first segment.
    pub(super) first_base: Offset,
    pub(super) log_end: Offset,
    /// The largest leader epoch of a batch.
    pub(super) leader_epoch: LeaderEpoch,
    /// Where each transaction begins that had not ended.
    pub(super) open: HashMap<ProducerId, Offset>,
    pub(super) bytes: u64,
}

/// The files of a log that are taken over, and their bytes.
pub(super) fn files(disk: &dyn Disk, log: &SourceLog) -> Result<Vec<(String, u64)>, ImportError> {
    let entries = disk.list(&log.dir).map_err(ImportError::io(&log.dir))?;
    let mut files = Vec::new();
    for entry in entries.into_iter().filter(|entry| !entry.is_dir) {
        let path = log.dir.join(&entry.name);
        if entry.name.ends_with(".swap") {
            return Err(ImportError::Swap(path));
        }
        let kind = match entry.name.split_once('.') {
            Some((digits, kind)) if digits.len() == 20 => kind,
            _ => "",
        };
        let is_of_segment = kind == "log" || kind == "snapshot" || SEGMENT_KINDS.contains(&kind);
        if is_of_segment || LOG_FILES.contains(&entry.name.as_str()) {
            let found = disk.metadata(&path).map_err(ImportError::io(&path))?;
            files.push((entry.name, found.len));
        }
    }
    Ok(files)
}

/// Copies a log into a new directory; what is written is in the page cache when it returns.
pub(super) fn copy_log(
    disk: &dyn Disk,
    log: &SourceLog,
    to: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<Copied, ImportError> {
    disk.create_dir(to).map_err(ImportError::io(to))?;
    let mut copied = Copied::default();
    let segments = source::segments(disk, &log.dir)?;
    copied.first_base = segments.first().copied().unwrap_or(Offset::ZERO);
    copied.log_end = copied.first_base;
    for base in &segments {
        let name = format!("{:020}.log", base.get());
        copy_segment(
            disk,
            *base,
            &log.dir.join(&name),
            &to.join(&name),
            &mut copied,
            progress,
        )?;
    }
    check_end(log, &segments, copied.log_end)?;
    for (name, _) in files(disk, log)? {
        let is_behind_the_end = name
            .strip_suffix(".snapshot")
            .and_then(|digits| digits.parse().ok())
            .is_some_and(|at| Offset(at) > copied.log_end);
        if !name.ends_with(".log") && !is_behind_the_end {
            copied.bytes += copy_file(disk, &log.dir.join(&name), &to.join(&name), progress)?;
        }
    }
    Ok(copied)
}

/// Compares the end of a log with what Kafka noted when it stopped.
fn check_end(log: &SourceLog, segments: &[Offset], end: Offset) -> Result<(), ImportError> {
    match log.log_end {
        Some(noted) if noted != end => {
            let last = segments.last().copied().unwrap_or(Offset::ZERO);
            Err(ImportError::Damaged {
                path: log.dir.join(format!("{:020}.log", last.get())),
                reason: format!("at its end: it ends at offset {end}, and ended at {noted}"),
            })
        }
        _ => Ok(()),
    }
}

fn copy_segment(
    disk: &dyn Disk,
    base: Offset,
    from: &Path,
    to: &Path,
    copied: &mut Copied,
    progress: &mut dyn FnMut(u64),
) -> Result<(), ImportError> {
    let mut source = BatchFile::open(disk, from).map_err(ImportError::io(from))?;
    let mut target = Output::create(disk, to)?;
    copied.log_end = copied.log_end.max(base);
    while let Some((position, batch)) = source.next().map_err(ImportError::batches(from))? {
        let header = &batch.header;
        if header.base_offset < copied.log_end {
            let (found, end) = (header.base_offset, copied.log_end);
            return Err(ImportError::Damaged {
                path: from.to_path_buf(),
                reason: format!("at byte {position}: offset {found} follows offset {end}"),
            });
        }
        copied.log_end = header.next_offset();
        copied.leader_epoch = copied.leader_epoch.max(header.partition_leader_epoch);
        note_transactions(copied, header);
        target.write(batch.bytes)?;
        copied.bytes += batch.bytes.len() as u64;
        progress(batch.bytes.len() as u64);
    }
    target.finish()?;
    // Retention goes by it where records have no time.
    let modified = disk.metadata(from).map_err(ImportError::io(from))?;
    target.set_modified_ms(modified.modified_ms)
}

fn note_transactions(copied: &mut Copied, header: &BatchHeader) {
    let attributes = header.attributes;
    if !attributes.is_transactional() {
        return;
    }
    if !attributes.is_control() {
        let begins = copied.open.entry(header.producer_id);
        begins.or_insert(header.base_offset);
        return;
    }
    copied.open.remove(&header.producer_id);
}

fn copy_file(
    disk: &dyn Disk,
    from: &Path,
    to: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, ImportError> {
    let source = disk.open(from, OpenMode::Read);
    let source = source.map_err(ImportError::io(from))?;
    let mut target = Output::create(disk, to)?;
    let mut buffer = vec![0; 64 * 1024];
    let mut position = 0;
    loop {
        let read = source
            .read_full_at(&mut buffer, position)
            .map_err(ImportError::io(from))?;
        target.write(&buffer[..read])?;
        position += read as u64;
        progress(read as u64);
        if read < buffer.len() {
            target.pass_on().map_err(ImportError::io(to))?;
            return Ok(position);
        }
    }
}

/// A file that is written from front to back.
struct Output {
    path: PathBuf,
    file: Arc<dyn File>,
    position: u64,
    waiting: Vec<u8>,
}

impl Output {
    fn create(disk: &dyn Disk, path: &Path) -> Result<Self, ImportError> {
        let file = disk.open(path, OpenMode::CreateNew);
        Ok(Self {
            path: path.to_path_buf(),
            file: file.map_err(ImportError::io(path))?,
            position: 0,
            waiting: Vec::new(),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ImportError> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= WRITE_BYTES {
            self.pass_on().map_err(ImportError::io(&self.path))?;
        }
        Ok(())
    }

    fn pass_on(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.waiting, self.position)?;
        self.position += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }

    /// DURABILITY: content and length are on disk when it returns; the name is not.
    fn finish(&mut self) -> Result<(), ImportError> {
        self.pass_on()
            .and_then(|()| self.file.sync_data())
            .map_err(ImportError::io(&self.path))
    }

    fn set_modified_ms(&self, modified_ms: i64) -> Result<(), ImportError> {
        let set = self.file.set_modified_ms(modified_ms);
        set.map_err(ImportError::io(&self.path))
    }
}

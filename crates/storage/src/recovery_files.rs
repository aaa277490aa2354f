//! What lies in the directory of a log: leftovers go, an interrupted swap is carried out.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use highwater_types::{Offset, TopicPartition};

use crate::checkpoint;
use crate::config::LogConfig;
use crate::error::StorageError;
use crate::log::DueFile;
use crate::paths;
use crate::scan::{Found, Scanner};
use crate::segment::{Place, Segment};

/// The files of a log that count.
#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) snapshots: BTreeSet<Offset>,
    pub(crate) due: Vec<DueFile>,
    /// Offsets of segments that are not there although their indexes are, or a directory that
    /// has their name.
    pub(crate) missing: Vec<Range<Offset>>,
}

/// What a name in the directory of a log stands for.
enum Kind {
    Segment(Offset),
    Snapshot(Offset),
    /// An index of the segment with this base.
    Index(Offset),
    /// A file that was renamed to be removed later.
    Due,
    /// Work that was under way at the last stop.
    Leftover,
    /// Something that others in the directory read and write.
    Beside,
    /// Nothing that Kafka or this crate has written.
    Odd,
}

fn kind_of(name: &str) -> Kind {
    let Some((base, kind)) = paths::parse_segment_file(name) else {
        let of_a_checkpoint = name.strip_suffix(paths::TEMPORARY).unwrap_or(name);
        return match of_a_checkpoint {
            checkpoint::LEADER_EPOCHS | checkpoint::PARTITION_METADATA => {
                if of_a_checkpoint == name {
                    Kind::Beside
                } else {
                    Kind::Leftover
                }
            }
            // Snapshots of the metadata log, whole and half written.
            _ if name.ends_with(".checkpoint") => Kind::Beside,
            _ if of_a_checkpoint.ends_with(".checkpoint") => Kind::Leftover,
            _ => Kind::Odd,
        };
    };
    let ends_with = |suffixes: &[&str]| suffixes.iter().any(|suffix| kind.ends_with(suffix));
    match kind {
        paths::LOG => Kind::Segment(base),
        paths::SNAPSHOT => Kind::Snapshot(base),
        paths::INDEX | paths::TIME_INDEX | paths::TXN_INDEX => Kind::Index(base),
        _ if ends_with(&[paths::DELETED]) => Kind::Due,
        _ if ends_with(&[paths::CLEANED, paths::TEMPORARY, paths::SWAP]) => Kind::Leftover,
        _ => Kind::Odd,
    }
}

/// The names in the directory of a log. Directories are nobody's.
#[derive(Default)]
struct Names {
    files: Vec<String>,
    directories: Vec<String>,
}

fn list(place: Place<'_>) -> std::io::Result<Names> {
    let mut names = Names::default();
    for entry in place.disk.list(place.dir)? {
        match entry.is_dir {
            true => names.directories.push(entry.name),
            false => names.files.push(entry.name),
        }
    }
    Ok(names)
}

fn warn_of(place: Place<'_>, name: &str) {
    tracing::warn!(dir = %place.dir.display(), name, "this is no part of a log, leaving it alone");
}

/// Lists the files, after putting the directory in order. What is not of a log is left alone.
pub(crate) fn take_stock(
    place: Place<'_>,
    tp: &TopicPartition,
    config: &LogConfig,
) -> Result<Files, StorageError> {
    let io = |source| StorageError::io(place.dir, source);
    let mut names = match list(place) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StorageError::Missing(tp.clone()));
        }
        Err(source) => return Err(io(source)),
    };
    let is_swap = |name: &&String| {
        paths::parse_segment_file(name).is_some_and(|(_, kind)| kind.ends_with(paths::SWAP))
    };
    if names.files.iter().any(|name| is_swap(&name)) {
        finish_swaps(place, &names.files)?;
        names = list(place).map_err(io)?;
    }
    for name in &names.directories {
        warn_of(place, name);
    }
    let mut files = Files::default();
    let mut aborted = BTreeSet::new();
    let bases = bases_in(&names.files);
    let mut orphans = Vec::new();
    for name in &names.files {
        let path = place.dir.join(name);
        match kind_of(name) {
            Kind::Segment(base) => {
                let found = place.disk.metadata(&path);
                let size = found.map_err(|source| StorageError::io(&path, source))?.len;
                files
                    .segments
                    .push(Arc::new(Segment::new(base, size, size)));
            }
            Kind::Snapshot(at) => drop(files.snapshots.insert(at)),
            Kind::Index(base) if bases.contains(&base) => {
                if name.ends_with(paths::TXN_INDEX) {
                    aborted.insert(base);
                }
            }
            Kind::Index(base) => orphans.push((base, path)),
            Kind::Leftover => place.disk.remove(&path).map_err(io)?,
            Kind::Due => files.due.push(DueFile {
                at_mono_ms: 0,
                path,
            }),
            Kind::Beside => {}
            Kind::Odd => warn_of(place, name),
        }
    }
    files.segments.sort_unstable_by_key(|segment| segment.base);
    for segment in files.segments.iter().filter(|s| aborted.contains(&s.base)) {
        segment.read_aborted_from_file();
    }
    // Compaction leaves gaps between segments, and may leave an index of one that it has taken.
    if !config.compact {
        let of_indexes = orphans.iter().map(|(base, _)| *base);
        let hints = of_indexes.chain(bases_in(&names.directories)).collect();
        files.missing = missing_at(place, &files.segments, &hints)?;
    }
    for (base, path) in orphans {
        // What tells of a loss stays, so that the next start tells of it too.
        if !files.missing.iter().any(|range| range.contains(&base)) {
            place.disk.remove(&path).map_err(io)?;
        }
    }
    Ok(files)
}

fn bases_in(names: &[String]) -> BTreeSet<Offset> {
    let base = |name: &String| match kind_of(name) {
        Kind::Segment(base) => Some(base),
        _ => None,
    };
    names.iter().filter_map(base).collect()
}

/// The gaps between segments at offsets where a segment seems to have been. Without such a hint
/// nobody looks where a segment ends: that would read every file of every log at each start.
fn missing_at(
    place: Place<'_>,
    segments: &[Arc<Segment>],
    hints: &BTreeSet<Offset>,
) -> Result<Vec<Range<Offset>>, StorageError> {
    let mut missing: Vec<Range<Offset>> = Vec::new();
    for hint in hints {
        let at = segments.partition_point(|segment| segment.base <= *hint);
        let Some((before, behind)) = at
            .checked_sub(1)
            .map(|at| &segments[at])
            .zip(segments.get(at))
        else {
            continue;
        };
        if missing.last().is_some_and(|range| range.end == behind.base) {
            continue;
        }
        let path = paths::segment_file(place.dir, before.base, paths::LOG);
        let end = end_of(place, &path, before.base)?;
        if end <= *hint && end < behind.base {
            missing.push(end..behind.base);
        }
    }
    Ok(missing)
}

/// Carries out a replacement that a crash has interrupted. A `.log.swap` file is whole and on
/// disk before it gets its name, so it takes the place of all segments whose base it covers.
fn finish_swaps(place: Place<'_>, names: &[String]) -> Result<(), StorageError> {
    let io = |source| StorageError::io(place.dir, source);
    let swap_kind = format!("{}{}", paths::LOG, paths::SWAP);
    for name in names {
        let Some((base, kind)) = paths::parse_segment_file(name) else {
            continue;
        };
        if kind != swap_kind {
            continue;
        }
        let end = end_of(place, &place.dir.join(name), base)?;
        for other in names {
            let Some((at, kind)) = paths::parse_segment_file(other) else {
                continue;
            };
            let is_covered = at > base && at < end;
            if is_covered && paths::SEGMENT_FILES.contains(&kind) {
                place.disk.remove(&place.dir.join(other)).map_err(io)?;
            }
        }
        // The old indexes must not be taken for those of the new segment. That of the aborted
        // transactions is the new one already.
        for kind in [paths::INDEX, paths::TIME_INDEX] {
            let old = paths::segment_file(place.dir, base, kind);
            if place.disk.exists(&old).map_err(io)? {
                place.disk.remove(&old).map_err(io)?;
            }
        }
        let target = paths::segment_file(place.dir, base, paths::LOG);
        place
            .disk
            .rename(&place.dir.join(name), &target)
            .map_err(io)?;
    }
    place.disk.sync_dir(place.dir).map_err(io)
}

/// The offset behind the last batch of a segment file.
fn end_of(place: Place<'_>, path: &std::path::Path, base: Offset) -> Result<Offset, StorageError> {
    let io = |source| StorageError::io(path, source);
    let file = place
        .disk
        .open(path, highwater_disk::OpenMode::Read)
        .map_err(io)?;
    let len = file.len().map_err(io)?;
    let mut scanner = Scanner::new(file, len);
    let (mut position, mut end) = (0, base);
    while let Found::Batch(header) = scanner.header(position, end).map_err(io)? {
        position += header.total_len() as u64;
        end = header.next_offset();
    }
    Ok(end)
}

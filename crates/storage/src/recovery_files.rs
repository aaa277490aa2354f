//! What lies in the directory of a log: leftovers go, an interrupted swap is carried out.

use std::collections::BTreeSet;
use std::sync::Arc;

use highwater_types::{Offset, TopicPartition};

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
}

/// Lists the files, after putting the directory in order.
pub(crate) fn take_stock(place: Place<'_>, tp: &TopicPartition) -> Result<Files, StorageError> {
    let io = |source| StorageError::io(place.dir, source);
    let mut names = match place.disk.list(place.dir) {
        Ok(entries) => entries
            .into_iter()
            .map(|entry| entry.name)
            .collect::<Vec<_>>(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StorageError::Missing(tp.clone()));
        }
        Err(source) => return Err(io(source)),
    };
    if names.iter().any(|name| name.ends_with(paths::SWAP)) {
        finish_swaps(place, &names)?;
        let entries = place.disk.list(place.dir).map_err(io)?;
        names = entries.into_iter().map(|entry| entry.name).collect();
    }
    let mut files = Files::default();
    let bases: BTreeSet<Offset> = names
        .iter()
        .filter_map(|name| paths::parse_segment_file(name))
        .filter(|(_, kind)| *kind == paths::LOG)
        .map(|(base, _)| base)
        .collect();
    for name in &names {
        let path = place.dir.join(name);
        let is_leftover = [paths::CLEANED, paths::TEMPORARY]
            .iter()
            .any(|suffix| name.ends_with(suffix));
        match paths::parse_segment_file(name) {
            _ if name.ends_with(paths::DELETED) => files.due.push(DueFile {
                at_mono_ms: 0,
                path,
            }),
            _ if is_leftover => place.disk.remove(&path).map_err(io)?,
            Some((base, paths::SNAPSHOT)) => drop(files.snapshots.insert(base)),
            Some((base, paths::LOG)) => {
                let found = place.disk.metadata(&path);
                let size = found.map_err(|source| StorageError::io(&path, source))?.len;
                files
                    .segments
                    .push(Arc::new(Segment::new(base, size, size)));
            }
            Some((base, paths::INDEX | paths::TIME_INDEX | paths::TXN_INDEX))
                if !bases.contains(&base) =>
            {
                place.disk.remove(&path).map_err(io)?;
            }
            _ => {}
        }
    }
    files.segments.sort_unstable_by_key(|segment| segment.base);
    Ok(files)
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
        // The old indexes must not be taken for those of the new segment.
        for kind in [paths::INDEX, paths::TIME_INDEX, paths::TXN_INDEX] {
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
    for name in names.iter().filter(|name| name.ends_with(paths::SWAP)) {
        let path = place.dir.join(name);
        if place.disk.exists(&path).map_err(io)? {
            // An index that was to be swapped in: it is rebuilt.
            place.disk.remove(&path).map_err(io)?;
        }
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

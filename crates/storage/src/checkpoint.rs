//! The small text files beside the logs, all replaced by writing a new one and renaming it.
//!
//! A checkpoint is a hint that saves work at start; each can be rebuilt. One that cannot be
//! read is therefore reported and passed over, never a reason not to start.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use highwater_disk::{Disk, OpenMode};
use highwater_types::{LeaderEpoch, Offset, TopicId, TopicPartition};

use crate::error::StorageError;
use crate::paths;

pub(crate) const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
pub(crate) const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
pub(crate) const LOG_STARTS: &str = "log-start-offset-checkpoint";
pub(crate) const CLEANER_OFFSETS: &str = "cleaner-offset-checkpoint";
pub(crate) const LEADER_EPOCHS: &str = "leader-epoch-checkpoint";
pub(crate) const PARTITION_METADATA: &str = "partition.metadata";

/// Longest checkpoint that is read.
pub(crate) const FILE_BYTES_MAX: u64 = 256 << 20;

/// Whether a replacement must survive a crash before the call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durable {
    /// Content and name are synced.
    Yes,
    /// It may be lost or empty after a crash; whoever reads it can do without.
    No,
}

/// Replaces a file atomically.
pub(crate) fn replace_file(
    disk: &dyn Disk,
    path: &Path,
    bytes: &[u8],
    durable: Durable,
) -> Result<(), StorageError> {
    let temporary = paths::with_suffix(path, paths::TEMPORARY);
    let write = || -> io::Result<()> {
        let file = disk.open(&temporary, OpenMode::Truncate)?;
        file.write_all_at(bytes, 0)?;
        if durable == Durable::Yes {
            // DURABILITY: the content must be on disk before the name points to it, and the
            // name before anybody relies on it.
            file.sync_data()?;
        }
        disk.rename(&temporary, path)?;
        match (durable, path.parent()) {
            (Durable::Yes, Some(dir)) => disk.sync_dir(dir),
            _ => Ok(()),
        }
    };
    write().map_err(|source| StorageError::io(path, source))
}

/// The lines behind version and count, or why the text is no checkpoint.
fn lines(text: &str) -> Result<Vec<&str>, &'static str> {
    if !text.ends_with('\n') {
        // A file that lost its end could otherwise pass with its last number cut short.
        return Err("the last line has no end");
    }
    let mut lines = text.lines();
    match lines.next() {
        Some("0") => {}
        Some(_) => return Err("the version is not 0"),
        None => return Err("the file is empty"),
    }
    let count: usize = lines
        .next()
        .and_then(|line| line.parse().ok())
        .ok_or("the count is missing")?;
    let entries: Vec<&str> = lines.collect();
    if entries.len() == count {
        Ok(entries)
    } else {
        Err("the count is not that of the lines")
    }
}

/// Reads a file of `topic partition offset` lines.
pub fn parse_offsets(text: &str) -> Result<HashMap<TopicPartition, Offset>, &'static str> {
    lines(text)?
        .into_iter()
        .map(|line| {
            let mut words = line.split_ascii_whitespace();
            let (topic, partition, offset) = (
                words.next(),
                words.next(),
                words.next().and_then(|word| word.parse().ok()),
            );
            let name = format!(
                "{}-{}",
                topic.unwrap_or_default(),
                partition.unwrap_or_default()
            );
            match (TopicPartition::from_dir_name(&name), offset, words.next()) {
                (Some(tp), Some(offset), None) => Ok((tp, Offset(offset))),
                _ => Err("a line is not topic, partition and offset"),
            }
        })
        .collect()
}

/// Writes what [`parse_offsets`] reads.
pub(crate) fn format_offsets<'a>(
    offsets: impl ExactSizeIterator<Item = (&'a TopicPartition, Offset)>,
) -> String {
    let mut text = format!("0\n{}\n", offsets.len());
    for (tp, offset) in offsets {
        let _ = writeln!(text, "{} {} {offset}", tp.topic, tp.partition);
    }
    text
}

/// Reads a file of `leader-epoch start-offset` lines.
pub fn parse_leader_epochs(text: &str) -> Result<Vec<(LeaderEpoch, Offset)>, &'static str> {
    lines(text)?
        .into_iter()
        .map(|line| {
            let (epoch, offset) = line
                .split_once(' ')
                .ok_or("a line is not epoch and offset")?;
            match (epoch.parse(), offset.trim().parse()) {
                (Ok(epoch), Ok(offset)) => Ok((LeaderEpoch(epoch), Offset(offset))),
                _ => Err("a line is not epoch and offset"),
            }
        })
        .collect()
}

/// Writes what [`parse_leader_epochs`] reads.
pub(crate) fn format_leader_epochs(epochs: &[(LeaderEpoch, Offset)]) -> String {
    let mut text = format!("0\n{}\n", epochs.len());
    for (epoch, start) in epochs {
        let _ = writeln!(text, "{epoch} {start}");
    }
    text
}

/// Reads `partition.metadata`.
pub fn parse_partition_metadata(text: &str) -> Result<TopicId, &'static str> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    if field("version: ") != Some("0") {
        return Err("the version is not 0");
    }
    let id = field("topic_id: ").ok_or("topic_id is missing")?;
    id.trim().parse().map_err(|_| "topic_id is not an id")
}

/// Writes what [`parse_partition_metadata`] reads.
pub(crate) fn format_partition_metadata(topic_id: TopicId) -> String {
    format!("version: 0\ntopic_id: {topic_id}")
}

/// Reads a Java properties file as far as Kafka's own need it: `key=value` lines.
pub fn parse_properties(text: &str) -> HashMap<String, String> {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with(['#', '!']));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

/// The topic id that the directory of a log names; `None` if that cannot be read.
pub(crate) fn read_topic_id(disk: &dyn Disk, dir: &Path) -> Option<TopicId> {
    read_or_warn(
        disk,
        &dir.join(PARTITION_METADATA),
        parse_partition_metadata,
    )
}

/// Reads a checkpoint if it is there; a damaged one is reported and counts as missing.
pub(crate) fn read_or_warn<T>(
    disk: &dyn Disk,
    path: &Path,
    parse: impl Fn(&str) -> Result<T, &'static str>,
) -> Option<T> {
    let bytes = match disk.read_file(path, FILE_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cannot read a checkpoint, rebuilding it");
            return None;
        }
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| "it is not text");
    match text.and_then(&parse) {
        Ok(value) => Some(value),
        Err(why) => {
            tracing::warn!(path = %path.display(), why, "a checkpoint is damaged, rebuilding it");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tp(text: &str) -> TopicPartition {
        TopicPartition::from_dir_name(text).unwrap()
    }

    #[test]
    fn offsets_are_written_as_kafka_does() {
        let offsets = [(tp("a.b-1"), Offset(7)), (tp("c-0"), Offset(0))];
        let text = format_offsets(offsets.iter().map(|(tp, offset)| (tp, *offset)));
        assert_eq!(text, "0\n2\na.b 1 7\nc 0 0\n");
        assert_eq!(parse_offsets(&text), Ok(offsets.into_iter().collect()));
    }

    #[test]
    fn leader_epochs_are_written_as_kafka_does() {
        let epochs = vec![(LeaderEpoch(0), Offset(0)), (LeaderEpoch(3), Offset(120))];
        let text = format_leader_epochs(&epochs);
        assert_eq!(text, "0\n2\n0 0\n3 120\n");
        assert_eq!(parse_leader_epochs(&text), Ok(epochs));
    }

    #[test]
    fn partition_metadata_is_written_as_kafka_does() {
        let text = format_partition_metadata(TopicId([0; 16]));
        assert_eq!(text, "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(parse_partition_metadata(&text), Ok(TopicId::ZERO));
    }

    #[test]
    fn damaged_checkpoints_are_told_apart_from_short_ones() {
        for bad in [
            "",
            "1\n0\n",
            "0\n",
            "0\n2\na 0 1\n",
            "0\n1\na 0\n",
            "0\n1\na x 1\n",
            "\0\0\0",
        ] {
            assert!(parse_offsets(bad).is_err(), "{bad:?}");
        }
        assert_eq!(parse_offsets("0\n0\n"), Ok(HashMap::new()));
        for bad in ["", "0\n1\n5\n", "0\n1\na b\n", "0\n1\n2 1"] {
            assert!(parse_leader_epochs(bad).is_err(), "{bad:?}");
        }
        for bad in [
            "",
            "version: 1\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA",
            "version: 0\n",
        ] {
            assert!(parse_partition_metadata(bad).is_err(), "{bad:?}");
        }
    }
}

//! Names of files and directories, as Kafka gives them.

use std::path::{Path, PathBuf};

use highwater_types::{Offset, TopicId, TopicPartition};

pub(crate) const LOG: &str = "log";
pub(crate) const INDEX: &str = "index";
pub(crate) const TIME_INDEX: &str = "timeindex";
pub(crate) const TXN_INDEX: &str = "txnindex";
pub(crate) const SNAPSHOT: &str = "snapshot";
pub(crate) const DELETED: &str = ".deleted";
pub(crate) const CLEANED: &str = ".cleaned";
pub(crate) const SWAP: &str = ".swap";
pub(crate) const DELETE_DIR: &str = "-delete";
pub(crate) const STRAY_DIR: &str = "-stray";
pub(crate) const TEMPORARY: &str = ".tmp";

/// The files of a segment that share its fate.
pub(crate) const SEGMENT_FILES: [&str; 4] = [LOG, INDEX, TIME_INDEX, TXN_INDEX];

/// The file of a segment: `00000000000000000042.log`.
pub(crate) fn segment_file(dir: &Path, base: Offset, kind: &str) -> PathBuf {
    dir.join(format!("{:020}.{kind}", base.0))
}

/// Reads `<20 digits>.<kind><suffix>`; the rest behind the first dot is returned as it is.
pub(crate) fn parse_segment_file(name: &str) -> Option<(Offset, &str)> {
    let (digits, kind) = name.split_once('.')?;
    if digits.len() != 20 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((Offset(digits.parse().ok()?), kind))
}

/// The same path with a suffix.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The name of a partition directory whose removal is due: `orders-3.<32 hex digits>-delete`,
/// with the topic cut so that the name fits into a directory entry.
pub(crate) fn delete_dir_name(tp: &TopicPartition, unique: TopicId) -> String {
    let hex: String = unique.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let suffix = format!("-{}.{hex}{DELETE_DIR}", tp.partition);
    let topic = tp.topic.as_str();
    let kept = topic.len().min(255 - suffix.len());
    format!("{}{suffix}", &topic[..kept])
}

/// Whether a directory has a name that [`delete_dir_name`], or Kafka, gives.
pub(crate) fn is_delete_dir(name: &str) -> bool {
    let parts = name
        .strip_suffix(DELETE_DIR)
        .and_then(|rest| rest.rsplit_once('.'));
    parts.is_some_and(|(log, unique)| {
        let is_hex = unique.len() == 32 && unique.bytes().all(|b| b.is_ascii_hexdigit());
        let index = log.rsplit_once('-').map_or("", |(_, index)| index);
        is_hex && !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use highwater_types::{PartitionIndex, TopicName};

    #[test]
    fn segment_files_are_named_by_twenty_digits() {
        let path = segment_file(Path::new("/d"), Offset(42), LOG);
        assert_eq!(path, Path::new("/d/00000000000000000042.log"));
        assert_eq!(
            parse_segment_file("00000000000000000042.log.deleted"),
            Some((Offset(42), "log.deleted"))
        );
        for bad in [
            "42.log",
            "00000000000000000042",
            "0000000000000000004x.log",
            "partition.metadata",
        ] {
            assert_eq!(parse_segment_file(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_directory_due_for_removal_fits_into_an_entry() {
        let topic = TopicName::new(&"t".repeat(249)).unwrap();
        let tp = TopicPartition::new(topic, PartitionIndex(99_999));
        let name = delete_dir_name(&tp, TopicId([0xab; 16]));
        assert_eq!(name.len(), 255);
        assert!(name.ends_with("-99999.abababababababababababababababab-delete"));
        assert!(is_delete_dir(&name));
        for other in [
            "to-delete",
            "t-0-delete",
            "t-0.x-delete",
            "t-x.abababababababababababababababab-delete",
        ] {
            assert!(!is_delete_dir(other), "{other}");
        }
    }
}

//! Which transactions of a segment were aborted, and the `.txnindex` file that says so.
//!
//! An entry belongs to the segment in which the transaction's marker lies. 34 bytes each, in the
//! order of the markers:
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 2 | version, always 0 |
//! | 2 | 8 | producer id |
//! | 10 | 8 | first offset of the transaction |
//! | 18 | 8 | offset of its marker |
//! | 26 | 8 | the last stable offset once the marker counts |
//!
//! Entries are written with the flush of the segment and before it counts, so the file holds all
//! that lie below the flushed end. What it holds of later ones is made anew by a recovery.

use highwater_disk::{File, OpenMode};
use highwater_types::{Offset, ProducerId};

use crate::error::StorageError;
use crate::handles::Slot;
use crate::paths;
use crate::segment::{Place, Segment};

/// Bytes of an entry.
pub(crate) const ABORTED_ENTRY_LEN: usize = 34;

/// Longest file that is read: more aborted transactions than fit into a segment of any size.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// A transaction that was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Whose transaction.
    pub producer_id: ProducerId,
    /// Its first record on the partition.
    pub first_offset: Offset,
    /// Its marker.
    pub last_offset: Offset,
    /// Behind which every transaction was open when this one ended: none that ends later has
    /// records below.
    pub last_stable_offset: Offset,
}

impl AbortedTransaction {
    fn to_bytes(self) -> [u8; ABORTED_ENTRY_LEN] {
        let mut out = [0; ABORTED_ENTRY_LEN];
        let fields = [
            self.producer_id.0,
            self.first_offset.0,
            self.last_offset.0,
            self.last_stable_offset.0,
        ];
        for (field, place) in fields.iter().zip(out[2..].chunks_exact_mut(8)) {
            place.copy_from_slice(&field.to_be_bytes());
        }
        out
    }

    fn from_bytes(bytes: &[u8; ABORTED_ENTRY_LEN]) -> Option<Self> {
        let (version, fields) = bytes.split_first_chunk::<2>()?;
        let (fields, _) = fields.as_chunks::<8>();
        let [producer_id, first_offset, last_offset, last_stable_offset] = fields else {
            return None;
        };
        let entry = Self {
            producer_id: ProducerId(i64::from_be_bytes(*producer_id)),
            first_offset: Offset(i64::from_be_bytes(*first_offset)),
            last_offset: Offset(i64::from_be_bytes(*last_offset)),
            last_stable_offset: Offset(i64::from_be_bytes(*last_stable_offset)),
        };
        let is_sound = *version == [0, 0]
            && Offset::ZERO <= entry.first_offset
            && entry.first_offset < entry.last_offset;
        is_sound.then_some(entry)
    }
}

/// The entries of a file up to the first that makes no sense.
pub(crate) fn parse_front(bytes: &[u8]) -> Vec<AbortedTransaction> {
    let (entries, _) = bytes.as_chunks::<ABORTED_ENTRY_LEN>();
    let mut front: Vec<AbortedTransaction> = Vec::with_capacity(entries.len());
    for entry in entries.iter().map_while(AbortedTransaction::from_bytes) {
        if front
            .last()
            .is_some_and(|last| last.last_offset >= entry.last_offset)
        {
            break;
        }
        front.push(entry);
    }
    front
}

/// The entries of a file, or `None` if not all of it makes sense.
pub fn parse_aborted(bytes: &[u8]) -> Option<Vec<AbortedTransaction>> {
    let entries = parse_front(bytes);
    (entries.len() * ABORTED_ENTRY_LEN == bytes.len()).then_some(entries)
}

/// The bytes of a file.
pub(crate) fn to_bytes(entries: &[AbortedTransaction]) -> Vec<u8> {
    entries.iter().flat_map(|entry| entry.to_bytes()).collect()
}

/// What a segment knows of its aborted transactions.
#[derive(Debug)]
pub(crate) enum AbortedIndex {
    /// The file says it, and is read when somebody asks.
    InFile(Slot<Vec<AbortedTransaction>>),
    /// All of it is here.
    Held {
        list: Vec<AbortedTransaction>,
        /// How many of them the file has right, unless it says the same as the list.
        unsaved_from: Option<usize>,
    },
}

impl Default for AbortedIndex {
    fn default() -> Self {
        Self::Held {
            list: Vec::new(),
            unsaved_from: None,
        }
    }
}

/// Entries that are yet to be written.
#[derive(Debug)]
pub(crate) struct Unsaved {
    /// The entries in front of them, which the file has.
    pub(crate) from: usize,
    entries: Vec<AbortedTransaction>,
}

impl Segment {
    /// Whether any transaction of the segment may have been aborted.
    pub(crate) fn may_have_aborted(&self) -> bool {
        match &self.state.lock().aborted {
            AbortedIndex::InFile(_) => true,
            AbortedIndex::Held { list, .. } => !list.is_empty(),
        }
    }

    /// Takes over an entry of a marker that is being appended.
    pub(crate) fn note_aborted(&self, entry: AbortedTransaction) {
        if let AbortedIndex::Held { list, unsaved_from } = &mut self.state.lock().aborted {
            unsaved_from.get_or_insert(list.len());
            list.push(entry);
        }
    }

    /// Keeps the entries in memory from here on: those that the file has and what follows.
    pub(crate) fn hold_aborted(&self, saved: Saved, behind: &[AbortedTransaction]) {
        let is_whole = !saved.has_more && behind.is_empty();
        let unsaved_from = (!is_whole).then_some(saved.entries.len());
        let mut list = saved.entries;
        list.extend_from_slice(behind);
        self.state.lock().aborted = AbortedIndex::Held { list, unsaved_from };
    }

    /// What a flush has to write.
    pub(crate) fn unsaved_aborted(&self) -> Option<Unsaved> {
        match &self.state.lock().aborted {
            AbortedIndex::Held {
                list,
                unsaved_from: Some(from),
            } => Some(Unsaved {
                from: *from,
                entries: list.get(*from..).unwrap_or_default().to_vec(),
            }),
            _ => None,
        }
    }

    /// Writes the entries and syncs them. A file that was not there is not yet durable by name.
    pub(crate) fn save_aborted(
        &self,
        place: Place<'_>,
        unsaved: &Unsaved,
    ) -> Result<(), StorageError> {
        let path = paths::segment_file(place.dir, self.base, paths::TXN_INDEX);
        let io = |source| StorageError::io(&path, source);
        let is_needed = unsaved.from + unsaved.entries.len() > 0;
        if !is_needed && !place.disk.exists(&path).map_err(io)? {
            return Ok(());
        }
        let bytes = to_bytes(&unsaved.entries);
        let at = (unsaved.from * ABORTED_ENTRY_LEN) as u64;
        let write = |file: &dyn File| {
            file.write_all_at(&bytes, at)?;
            file.set_len(at + bytes.len() as u64)?;
            file.sync_data()
        };
        let file = place.disk.open(&path, OpenMode::Create).map_err(io)?;
        write(&*file).map_err(io)
    }

    /// The file has these entries now.
    pub(crate) fn aborted_saved(&self, saved: &Unsaved) {
        if let AbortedIndex::Held { list, unsaved_from } = &mut self.state.lock().aborted {
            let count = saved.from + saved.entries.len();
            *unsaved_from = (list.len() > count).then_some(count);
        }
    }

    /// Lets the file speak for the segment.
    pub(crate) fn read_aborted_from_file(&self) {
        self.state.lock().aborted = AbortedIndex::InFile(Slot::default());
    }

    /// Lets the file speak for a closed segment, if all is in it.
    pub(crate) fn release_aborted(&self) {
        let index = &mut self.state.lock().aborted;
        let is_saved =
            matches!(index, AbortedIndex::Held { list, unsaved_from: None } if !list.is_empty());
        if is_saved {
            *index = AbortedIndex::InFile(Slot::default());
        }
    }

    /// The transactions that were aborted in this segment and end at `from` or behind; `None` if
    /// the file makes no sense.
    pub(crate) fn aborted_from(
        &self,
        place: Place<'_>,
        from: Offset,
    ) -> Result<Option<Vec<AbortedTransaction>>, StorageError> {
        let behind = |list: &[AbortedTransaction]| {
            let first = list.partition_point(|entry| entry.last_offset < from);
            list[first..].to_vec()
        };
        let mut state = self.state.lock();
        let slot = match &mut state.aborted {
            AbortedIndex::Held { list, .. } => return Ok(Some(behind(list))),
            AbortedIndex::InFile(slot) => slot,
        };
        let path = paths::segment_file(place.dir, self.base, paths::TXN_INDEX);
        let opened = place.handles.get(slot, || {
            let bytes = place.disk.read_file(&path, FILE_BYTES_MAX)?;
            parse_aborted(&bytes)
                .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::InvalidData))
        });
        match opened {
            Ok(cached) => Ok(Some(behind(&cached.value))),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Ok(None),
            Err(source) => Err(StorageError::io(&path, source)),
        }
    }
}

/// The front of a file.
#[derive(Debug, Default)]
pub(crate) struct Saved {
    pub(crate) entries: Vec<AbortedTransaction>,
    /// Whether anything follows, be it of use or not.
    has_more: bool,
}

impl Saved {
    /// Nothing of a file that may be there is right.
    pub(crate) fn unknown() -> Self {
        Self {
            entries: Vec::new(),
            has_more: true,
        }
    }
}

/// The entries in the file of a segment whose markers lie below an offset, up to the first that
/// makes no sense.
pub(crate) fn saved_below(place: Place<'_>, base: Offset, until: Offset) -> Saved {
    let path = paths::segment_file(place.dir, base, paths::TXN_INDEX);
    let bytes = place.disk.read_file(&path, FILE_BYTES_MAX);
    let bytes = bytes.unwrap_or_default();
    let mut entries = parse_front(&bytes);
    entries.retain(|entry| entry.last_offset < until);
    Saved {
        has_more: entries.len() * ABORTED_ENTRY_LEN < bytes.len(),
        entries,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(first: i64, last: i64) -> AbortedTransaction {
        AbortedTransaction {
            producer_id: ProducerId(9),
            first_offset: Offset(first),
            last_offset: Offset(last),
            last_stable_offset: Offset(last + 1),
        }
    }

    #[test]
    fn an_entry_is_laid_out_as_kafka_does() {
        let entry = AbortedTransaction {
            producer_id: ProducerId(0x0102),
            first_offset: Offset(3),
            last_offset: Offset(4),
            last_stable_offset: Offset(5),
        };
        let expected = [
            [0, 0].as_slice(),
            &[0, 0, 0, 0, 0, 0, 1, 2],
            &[0, 0, 0, 0, 0, 0, 0, 3],
            &[0, 0, 0, 0, 0, 0, 0, 4],
            &[0, 0, 0, 0, 0, 0, 0, 5],
        ];
        assert_eq!(entry.to_bytes().as_slice(), expected.concat());
        assert_eq!(parse_aborted(&entry.to_bytes()), Some(vec![entry]));
    }

    #[test]
    fn what_makes_no_sense_ends_the_front() {
        let good = [entry(1, 5), entry(3, 9)];
        let bytes = to_bytes(&good);
        assert_eq!(parse_front(&bytes[..bytes.len() - 1]), [good[0]]);
        assert_eq!(parse_aborted(&bytes[..bytes.len() - 1]), None);
        for bad in [
            // The marker is in front of its transaction, or of the marker before; no version 1.
            to_bytes(&[entry(1, 5), entry(9, 9)]),
            to_bytes(&[entry(1, 5), entry(2, 5)]),
            to_bytes(&[entry(1, 5), entry(-1, 9)]),
            [to_bytes(&[entry(1, 5)]), vec![0, 1], vec![0; 32]].concat(),
        ] {
            assert_eq!(parse_front(&bad), [entry(1, 5)]);
            assert_eq!(parse_aborted(&bad), None);
        }
    }
}

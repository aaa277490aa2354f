//! The last offset of each key, within a bound of memory.
//!
//! Keys are kept as 128 bits of a hash keyed with fresh randomness, so that nobody can prepare
//! two keys that meet: records of one would then be taken for those of the other.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use highwater_types::Offset;

/// What an entry takes, with the slack of a hash table.
const BYTES_PER_ENTRY: usize = 48;

/// Whether a key found room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// It is in the map.
    Done,
    /// The map is full.
    Full,
}

pub(super) struct OffsetMap {
    first: RandomState,
    second: RandomState,
    offsets: HashMap<(u64, u64), Offset>,
    entries_max: usize,
}

impl OffsetMap {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            first: RandomState::new(),
            second: RandomState::new(),
            offsets: HashMap::new(),
            entries_max: (bytes_max / BYTES_PER_ENTRY).max(1),
        }
    }

    fn hash(&self, key: &[u8]) -> (u64, u64) {
        let of = |state: &RandomState| {
            let mut hasher = state.build_hasher();
            hasher.write(key);
            hasher.finish()
        };
        (of(&self.first), of(&self.second))
    }

    pub(super) fn put(&mut self, key: &[u8], offset: Offset) -> Put {
        let hash = self.hash(key);
        if self.offsets.len() >= self.entries_max && !self.offsets.contains_key(&hash) {
            return Put::Full;
        }
        self.offsets.insert(hash, offset);
        Put::Done
    }

    /// Whether a later record of this key is known.
    pub(super) fn has_later(&self, key: &[u8], offset: Offset) -> bool {
        self.offsets
            .get(&self.hash(key))
            .is_some_and(|last| *last > offset)
    }

    /// Lets the map hold more, because a single batch has more keys than it may.
    pub(super) fn grow(&mut self) {
        self.entries_max = self.entries_max.saturating_mul(2);
    }
}

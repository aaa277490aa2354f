//! What is on the medium, what a process sees of it, and what a crash makes of the difference.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{CrashImage, SECTOR_BYTES};

pub(super) type Inode = u64;

#[derive(Clone, Debug, Default)]
pub(super) struct FileNode {
    pub(super) seen: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) dirty: BTreeSet<usize>,
    pub(super) length_is_dirty: bool,
    pub(super) modified_ms: i64,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    File(FileNode),
    Dir,
}

/// One unsynced change of a directory entry.
#[derive(Clone, Debug)]
pub(super) struct EntryChange {
    pub(super) removed: Option<PathBuf>,
    pub(super) added: Option<(PathBuf, Inode)>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) nodes: HashMap<Inode, Node>,
    pub(super) next_inode: Inode,
    /// Paths as a process sees them, and as they are on the medium.
    pub(super) seen: BTreeMap<PathBuf, Inode>,
    pub(super) durable: BTreeMap<PathBuf, Inode>,
    pub(super) pending: Vec<EntryChange>,
    pub(super) locked: BTreeSet<PathBuf>,
    pub(super) operations: u64,
    pub(super) crash_at: Option<u64>,
    pub(super) dead: bool,
    pub(super) ignore_syncs: bool,
    pub(super) failing_syncs: Option<String>,
    pub(super) failing_write_backs: Option<String>,
    pub(super) failing_writes: Option<String>,
    pub(super) failing_entries: Option<String>,
    pub(super) failing_reads: Option<String>,
    pub(super) before_open: Option<BeforeOpen>,
    pub(super) capacity_bytes: Option<u64>,
    pub(super) full_directories: bool,
    pub(super) short_writes: bool,
    pub(super) refuses_direct: bool,
    pub(super) direct_writes: u64,
    /// Files that were opened so far, and how many of those are open.
    pub(super) opened: u64,
    pub(super) open: u64,
    /// Reads so far, and their bytes.
    pub(super) reads: u64,
    pub(super) read_bytes: u64,
    /// Files and lengths of the maps that live, and how often one lost bytes.
    pub(super) maps: Vec<(Inode, usize)>,
    pub(super) maps_cut: u64,
}

/// What happens before a file is opened whose path contains a text.
#[derive(Clone)]
pub(super) struct BeforeOpen {
    pub(super) path_contains: String,
    pub(super) act: Arc<dyn Fn() + Send + Sync>,
}

impl BeforeOpen {
    pub(super) fn is_of(&self, path: &Path) -> bool {
        path.to_string_lossy().contains(&self.path_contains)
    }
}

impl fmt::Debug for BeforeOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BeforeOpen")
            .field(&self.path_contains)
            .finish()
    }
}

/// A small generator, so that a crash depends on its seed alone (splitmix64).
pub(super) struct Seeded(pub(super) u64);

impl Seeded {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }
}

pub(super) fn dead() -> io::Error {
    io::Error::other("the disk has crashed")
}

pub(super) fn injected() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error())
}

impl State {
    /// Counts one operation that changes something, and dies if it is its turn.
    pub(super) fn step(&mut self) -> io::Result<()> {
        self.alive()?;
        if self.crash_at.is_some_and(|at| self.operations >= at) {
            self.dead = true;
            return Err(dead());
        }
        self.operations += 1;
        Ok(())
    }

    pub(super) fn alive(&self) -> io::Result<()> {
        if self.dead { Err(dead()) } else { Ok(()) }
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<Inode> {
        self.seen
            .get(path)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn file(&mut self, inode: Inode) -> io::Result<&mut FileNode> {
        match self.nodes.get_mut(&inode) {
            Some(Node::File(file)) => Ok(file),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    /// Refuses to rename or remove what was ordered to stay.
    pub(super) fn may_move(&self, path: &Path) -> io::Result<()> {
        let named = path.to_string_lossy();
        let stays = self.failing_entries.as_ref();
        match stays.is_some_and(|part| named.contains(part.as_str())) {
            true => Err(injected()),
            false => Ok(()),
        }
    }

    /// Notes that a file has become shorter.
    pub(super) fn was_cut(&mut self, inode: Inode, len: usize) {
        let cut = self
            .maps
            .iter()
            .filter(|(of, mapped)| *of == inode && *mapped > len);
        self.maps_cut += cut.count() as u64;
    }

    pub(super) fn parent_exists(&self, path: &Path) -> io::Result<()> {
        let parent = path.parent().unwrap_or(Path::new("/"));
        self.find(parent).map(drop)
    }

    pub(super) fn add(&mut self, path: PathBuf, node: Node) -> Inode {
        let inode = self.next_inode;
        self.next_inode += 1;
        self.nodes.insert(inode, node);
        self.seen.insert(path.clone(), inode);
        self.pending.push(EntryChange {
            removed: None,
            added: Some((path, inode)),
        });
        inode
    }

    pub(super) fn used_bytes(&self) -> u64 {
        let files = self.seen.values().filter_map(|inode| self.nodes.get(inode));
        files
            .map(|node| {
                if let Node::File(file) = node {
                    file.seen.len() as u64
                } else {
                    0
                }
            })
            .sum()
    }

    pub(super) fn matches(pattern: Option<&String>, state: &Self, inode: Inode) -> bool {
        let Some(pattern) = pattern else { return false };
        let mut paths = state.seen.iter().filter(|(_, at)| **at == inode);
        paths.any(|(path, _)| path.to_string_lossy().contains(pattern.as_str()))
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) {
        let concerns = |path: Option<&Path>| path.and_then(Path::parent) == Some(dir);
        let mut waiting = Vec::new();
        for change in std::mem::take(&mut self.pending) {
            let added = change.added.as_ref().map(|(path, _)| path.as_path());
            if concerns(added) || concerns(change.removed.as_deref()) {
                self.make_durable(&change);
            } else {
                waiting.push(change);
            }
        }
        self.pending = waiting;
    }

    pub(super) fn make_durable(&mut self, change: &EntryChange) {
        if let Some(removed) = &change.removed {
            let moved_to = change.added.as_ref().map(|(path, _)| path);
            self.durable = move_below(&self.durable, removed, moved_to.map(PathBuf::as_path));
        }
        if let Some((path, inode)) = &change.added {
            self.durable.insert(path.clone(), *inode);
        }
    }
}

/// The paths with `from` and all below it moved to `to`, or removed.
pub(super) fn move_below(
    paths: &BTreeMap<PathBuf, Inode>,
    from: &Path,
    to: Option<&Path>,
) -> BTreeMap<PathBuf, Inode> {
    let mut out: BTreeMap<PathBuf, Inode> = BTreeMap::new();
    for (path, inode) in paths {
        match (path.strip_prefix(from), to) {
            (Err(_), _) => drop(out.entry(path.clone()).or_insert(*inode)),
            (Ok(rest), Some(to)) if rest.as_os_str().is_empty() => {
                out.insert(to.to_path_buf(), *inode);
            }
            (Ok(rest), Some(to)) => drop(out.insert(to.join(rest), *inode)),
            (Ok(_), None) => {}
        }
    }
    out
}

impl FileNode {
    pub(super) fn write(&mut self, bytes: &[u8], position: usize) {
        let end = position + bytes.len();
        let from = position.min(self.seen.len());
        if end > self.seen.len() {
            self.seen.resize(end, 0);
            self.length_is_dirty = true;
        }
        self.seen[position..end].copy_from_slice(bytes);
        self.dirty
            .extend(from / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES));
    }

    pub(super) fn sync(&mut self) {
        self.durable.resize(self.seen.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            copy_sector(&self.seen, &mut self.durable, sector);
        }
        self.length_is_dirty = false;
    }

    /// What is left after a power cut.
    pub(super) fn after_crash(&self, image: CrashImage, seeded: &mut Seeded) -> Vec<u8> {
        let mut left = self.durable.clone();
        match image {
            CrashImage::Synced => {}
            CrashImage::All => left.clone_from(&self.seen),
            CrashImage::Torn(_) => {
                if self.length_is_dirty && self.seen.len() != left.len() {
                    let (low, high) = (
                        left.len().min(self.seen.len()),
                        left.len().max(self.seen.len()),
                    );
                    let len = match seeded.next() % 3 {
                        0 => left.len(),
                        1 => self.seen.len(),
                        _ => low + (seeded.next() as usize) % (high - low + 1),
                    };
                    left.resize(len, 0);
                }
                for sector in &self.dirty {
                    if seeded.coin() {
                        copy_sector(&self.seen, &mut left, *sector);
                    }
                }
            }
        }
        left
    }
}

/// Copies one sector as far as both sides have it.
pub(super) fn copy_sector(from: &[u8], to: &mut [u8], sector: usize) {
    let start = sector * SECTOR_BYTES;
    let end = (start + SECTOR_BYTES).min(from.len()).min(to.len());
    if start < end {
        to[start..end].copy_from_slice(&from[start..end]);
    }
}

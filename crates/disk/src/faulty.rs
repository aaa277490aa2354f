//! A disk in memory that loses what was not synced, as a power cut does.
//!
//! Each file has the bytes that a reader sees and the bytes that are on the medium; a write
//! marks its sectors dirty, a sync carries dirty sectors over. Directory entries live the same
//! way: each change waits in a list until its directory is synced. [`FaultyDisk::crash`] makes
//! the disk that a restart would find: the durable state, and of the rest nothing, all, or a
//! seeded choice per sector and per entry.
//!
//! A failed sync behaves as Linux does: the dirty sectors count as clean although they never
//! reached the medium, readers still see them, and the next sync succeeds. Whoever retries a
//! sync therefore loses data, and a test can show it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, IoSlice};
use std::ops::Deref;
use std::os::fd::BorrowedFd;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::{Allocation, DirEntry, Disk, File, Lock, Mapping, Metadata, OpenMode};

/// What a medium writes whole or not at all.
pub const SECTOR_BYTES: usize = 512;

/// What of the unsynced state a crash leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashImage {
    /// Nothing: the machine lost power and nothing had trickled out.
    Synced,
    /// Everything: only the process died.
    All,
    /// A choice from this seed, per sector, per file length and per directory entry.
    Torn(u64),
}

type Inode = u64;

#[derive(Clone, Debug, Default)]
struct FileNode {
    seen: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
    length_is_dirty: bool,
    modified_ms: i64,
}

#[derive(Clone, Debug)]
enum Node {
    File(FileNode),
    Dir,
}

/// One unsynced change of a directory entry.
#[derive(Clone, Debug)]
struct EntryChange {
    removed: Option<PathBuf>,
    added: Option<(PathBuf, Inode)>,
}

#[derive(Debug, Default)]
struct State {
    nodes: HashMap<Inode, Node>,
    next_inode: Inode,
    /// Paths as a process sees them, and as they are on the medium.
    seen: BTreeMap<PathBuf, Inode>,
    durable: BTreeMap<PathBuf, Inode>,
    pending: Vec<EntryChange>,
    locked: BTreeSet<PathBuf>,
    operations: u64,
    crash_at: Option<u64>,
    dead: bool,
    ignore_syncs: bool,
    failing_syncs: Option<String>,
    failing_writes: Option<String>,
    capacity_bytes: Option<u64>,
    short_writes: bool,
}

/// A disk in memory on which every fault can be ordered. Cloning shares the disk.
#[derive(Clone, Debug)]
pub struct FaultyDisk(Arc<Mutex<State>>);

impl Default for FaultyDisk {
    fn default() -> Self {
        let mut state = State::default();
        state.nodes.insert(0, Node::Dir);
        state.next_inode = 1;
        state.seen.insert(PathBuf::from("/"), 0);
        state.durable.insert(PathBuf::from("/"), 0);
        Self(Arc::new(Mutex::new(state)))
    }
}

/// A small generator, so that a crash depends on its seed alone (splitmix64).
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }
}

fn dead() -> io::Error {
    io::Error::other("the disk has crashed")
}

fn injected() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error())
}

fn full() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error())
}

fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => out.push(name),
            Component::ParentDir => drop(out.pop()),
            _ => {}
        }
    }
    out
}

impl State {
    /// Counts one operation that changes something, and dies if it is its turn.
    fn step(&mut self) -> io::Result<()> {
        self.alive()?;
        if self.crash_at.is_some_and(|at| self.operations >= at) {
            self.dead = true;
            return Err(dead());
        }
        self.operations += 1;
        Ok(())
    }

    fn alive(&self) -> io::Result<()> {
        if self.dead { Err(dead()) } else { Ok(()) }
    }

    fn find(&self, path: &Path) -> io::Result<Inode> {
        self.seen
            .get(path)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn file(&mut self, inode: Inode) -> io::Result<&mut FileNode> {
        match self.nodes.get_mut(&inode) {
            Some(Node::File(file)) => Ok(file),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    fn parent_exists(&self, path: &Path) -> io::Result<()> {
        let parent = path.parent().unwrap_or(Path::new("/"));
        self.find(parent).map(drop)
    }

    fn add(&mut self, path: PathBuf, node: Node) -> Inode {
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

    fn used_bytes(&self) -> u64 {
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

    fn matches(pattern: Option<&String>, state: &Self, inode: Inode) -> bool {
        let Some(pattern) = pattern else { return false };
        let mut paths = state.seen.iter().filter(|(_, at)| **at == inode);
        paths.any(|(path, _)| path.to_string_lossy().contains(pattern.as_str()))
    }

    fn sync_dir(&mut self, dir: &Path) {
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

    fn make_durable(&mut self, change: &EntryChange) {
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
fn move_below(
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
    fn write(&mut self, bytes: &[u8], position: usize) {
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

    fn sync(&mut self) {
        self.durable.resize(self.seen.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            copy_sector(&self.seen, &mut self.durable, sector);
        }
        self.length_is_dirty = false;
    }

    /// What is left after a power cut.
    fn after_crash(&self, image: CrashImage, seeded: &mut Seeded) -> Vec<u8> {
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
fn copy_sector(from: &[u8], to: &mut [u8], sector: usize) {
    let start = sector * SECTOR_BYTES;
    let end = (start + SECTOR_BYTES).min(from.len()).min(to.len());
    if start < end {
        to[start..end].copy_from_slice(&from[start..end]);
    }
}

impl FaultyDisk {
    /// An empty disk without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Operations that changed something so far.
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// Lets `operations` succeed, counted from the making of the disk; then everything fails.
    pub fn crash_after(&self, operations: u64) {
        self.0.lock().crash_at = Some(operations);
    }

    /// The disk that a restart finds. This one stays as it is, so that one run can be looked at
    /// under many images.
    pub fn crash(&self, image: CrashImage) -> Self {
        let state = self.0.lock();
        let seed = if let CrashImage::Torn(seed) = image {
            seed
        } else {
            0
        };
        let mut seeded = Seeded(seed);
        let mut left = State {
            next_inode: state.next_inode,
            ..State::default()
        };
        left.durable = state.durable.clone();
        match image {
            CrashImage::Synced => {}
            CrashImage::All => left.durable = state.seen.clone(),
            CrashImage::Torn(_) => {
                // Half of the seeds keep the order of the changes, as a journal does.
                let ordered = seeded.coin();
                let kept = (seeded.next() as usize) % (state.pending.len() + 1);
                for (at, change) in state.pending.iter().enumerate() {
                    if if ordered { at < kept } else { seeded.coin() } {
                        left.make_durable(change);
                    }
                }
            }
        }
        // An entry whose directory is gone cannot be reached.
        let known = left.durable.clone();
        left.durable
            .retain(|path, _| path.ancestors().skip(1).all(|dir| known.contains_key(dir)));
        left.seen = left.durable.clone();
        let mut inodes: Vec<Inode> = left.durable.values().copied().collect();
        inodes.sort_unstable();
        for inode in inodes {
            let node = match state.nodes.get(&inode) {
                Some(Node::File(file)) => {
                    let bytes = file.after_crash(image, &mut seeded);
                    let modified_ms = file.modified_ms;
                    let (seen, durable) = (bytes.clone(), bytes);
                    Node::File(FileNode {
                        seen,
                        durable,
                        modified_ms,
                        ..FileNode::default()
                    })
                }
                _ => Node::Dir,
            };
            left.nodes.insert(inode, node);
        }
        Self(Arc::new(Mutex::new(left)))
    }

    /// Lets every sync succeed without doing anything: the negative control of durability.
    pub fn ignore_syncs(&self, ignore: bool) {
        self.0.lock().ignore_syncs = ignore;
    }

    /// Fails each sync of a file or directory whose path contains the text, until `None`.
    pub fn fail_syncs_of(&self, path_contains: Option<&str>) {
        self.0.lock().failing_syncs = path_contains.map(str::to_owned);
    }

    /// Fails each write to a file whose path contains the text, until `None`.
    pub fn fail_writes_of(&self, path_contains: Option<&str>) {
        self.0.lock().failing_writes = path_contains.map(str::to_owned);
    }

    /// Refuses writes that would make all files together longer than this, until `None`.
    pub fn set_capacity_bytes(&self, capacity_bytes: Option<u64>) {
        self.0.lock().capacity_bytes = capacity_bytes;
    }

    /// Lets each write of more than one byte stop half-way.
    pub fn set_short_writes(&self, short: bool) {
        self.0.lock().short_writes = short;
    }

    /// The bytes of a file as a reader sees them.
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let mut state = self.0.lock();
        let inode = *state.seen.get(&normal(path))?;
        state.file(inode).ok().map(|file| file.seen.clone())
    }

    /// Damages a file on the medium, as rot does: what a reader sees and what is durable.
    pub fn damage(&self, path: &Path, change: impl Fn(&mut Vec<u8>)) {
        let mut state = self.0.lock();
        if let Some(inode) = state.seen.get(&normal(path)).copied()
            && let Ok(file) = state.file(inode)
        {
            change(&mut file.seen);
            change(&mut file.durable);
        }
    }

    /// All paths of files.
    pub fn files(&self) -> Vec<PathBuf> {
        let state = self.0.lock();
        let is_file = |inode: &Inode| matches!(state.nodes.get(inode), Some(Node::File(_)));
        state
            .seen
            .iter()
            .filter(|(_, inode)| is_file(inode))
            .map(|(path, _)| path.clone())
            .collect()
    }
}

#[derive(Debug)]
struct FaultyFile {
    disk: FaultyDisk,
    inode: Inode,
}

#[derive(Debug)]
struct FaultyMapping(Vec<u8>);

impl Mapping for FaultyMapping {}

impl Deref for FaultyMapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[derive(Debug)]
struct FaultyLock {
    disk: FaultyDisk,
    path: PathBuf,
}

impl Lock for FaultyLock {}

impl Drop for FaultyLock {
    fn drop(&mut self) {
        self.disk.0.lock().locked.remove(&self.path);
    }
}

impl File for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut state = self.disk.0.lock();
        state.alive()?;
        let seen = &state.file(self.inode)?.seen;
        let from = (position as usize).min(seen.len());
        let len = buffer.len().min(seen.len() - from);
        buffer[..len].copy_from_slice(&seen[from..from + len]);
        Ok(len)
    }

    fn write_vectored_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        let mut state = self.disk.0.lock();
        let mut bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        if state.short_writes && bytes.len() > 1 {
            bytes.truncate(bytes.len() / 2);
        }
        state.step()?;
        if State::matches(state.failing_writes.as_ref(), &state, self.inode) {
            return Err(injected());
        }
        if let Some(capacity) = state.capacity_bytes {
            let len = state.file(self.inode)?.seen.len() as u64;
            let growth = (position + bytes.len() as u64).saturating_sub(len);
            let room = capacity.saturating_sub(state.used_bytes());
            if growth > room {
                // As a real disk does, take what fits and refuse the rest.
                let fits = (bytes.len() as u64 - (growth - room).min(bytes.len() as u64)) as usize;
                if fits == 0 {
                    return Err(full());
                }
                bytes.truncate(fits);
            }
        }
        state.file(self.inode)?.write(&bytes, position as usize);
        Ok(bytes.len())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.step()?;
        let fails = State::matches(state.failing_syncs.as_ref(), &state, self.inode);
        let ignored = state.ignore_syncs;
        let file = state.file(self.inode)?;
        if fails {
            file.dirty.clear();
            return Err(injected());
        }
        if !ignored {
            file.sync();
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.0.lock();
        state.alive()?;
        Ok(state.file(self.inode)?.seen.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.step()?;
        let file = state.file(self.inode)?;
        let old = file.seen.len();
        file.seen.resize(len as usize, 0);
        file.length_is_dirty = true;
        // What is cut and grown again must read as zeros on the medium too.
        let low = old.min(len as usize);
        file.dirty
            .extend(low / SECTOR_BYTES..old.max(len as usize).div_ceil(SECTOR_BYTES));
        Ok(())
    }

    fn allocate(&self, position: u64, len: u64, mode: Allocation) -> io::Result<()> {
        let old = self.len()?;
        match mode {
            Allocation::Extend if position + len > old => self.set_len(position + len),
            _ => self.disk.0.lock().step(),
        }
    }

    fn set_modified_ms(&self, modified_ms: i64) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.step()?;
        state.file(self.inode)?.modified_ms = modified_ms;
        Ok(())
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn map(&self, len: usize) -> io::Result<Box<dyn Mapping>> {
        let mut bytes = vec![0; len];
        if self.read_at(&mut bytes, 0)? < len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Box::new(FaultyMapping(bytes)))
    }
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let path = normal(path);
        let mut state = self.0.lock();
        state.alive()?;
        let inode = match state.seen.get(&path).copied() {
            Some(_) if mode == OpenMode::CreateNew => {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            Some(inode) => {
                let file = state.file(inode)?;
                if mode == OpenMode::Truncate && !file.seen.is_empty() {
                    state.step()?;
                    let file = state.file(inode)?;
                    let sectors = file.seen.len().div_ceil(SECTOR_BYTES);
                    file.dirty.extend(0..sectors);
                    file.seen.clear();
                    file.length_is_dirty = true;
                }
                inode
            }
            None if matches!(mode, OpenMode::Read | OpenMode::ReadWrite) => {
                return Err(io::ErrorKind::NotFound.into());
            }
            None => {
                state.parent_exists(&path)?;
                state.step()?;
                state.add(path, Node::File(FileNode::default()))
            }
        };
        Ok(Arc::new(FaultyFile {
            disk: self.clone(),
            inode,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (normal(from), normal(to));
        let mut state = self.0.lock();
        state.alive()?;
        let inode = state.find(&from)?;
        state.parent_exists(&to)?;
        state.step()?;
        state.seen = move_below(&state.seen, &from, Some(&to));
        state.pending.push(EntryChange {
            removed: Some(from),
            added: Some((to, inode)),
        });
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let dir = normal(dir);
        let mut state = self.0.lock();
        state.alive()?;
        state.find(&dir)?;
        state.step()?;
        let named = dir.to_string_lossy().into_owned();
        if state
            .failing_syncs
            .as_ref()
            .is_some_and(|part| named.contains(part.as_str()))
        {
            return Err(injected());
        }
        if !state.ignore_syncs {
            state.sync_dir(&dir);
        }
        Ok(())
    }

    fn sync_file_system(&self, _dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.step()?;
        if state.ignore_syncs {
            return Ok(());
        }
        for change in std::mem::take(&mut state.pending) {
            state.make_durable(&change);
        }
        for node in state.nodes.values_mut() {
            if let Node::File(file) = node {
                file.sync();
            }
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let dir = normal(dir);
        let state = self.0.lock();
        state.alive()?;
        state.find(&dir)?;
        let children = state
            .seen
            .iter()
            .filter(|(path, _)| path.parent() == Some(&dir));
        Ok(children
            .filter_map(|(path, inode)| {
                let is_dir = matches!(state.nodes.get(inode), Some(Node::Dir));
                Some(DirEntry {
                    name: path.file_name()?.to_str()?.to_owned(),
                    is_dir,
                })
            })
            .collect())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let path = normal(path);
        let mut state = self.0.lock();
        state.alive()?;
        let inode = state.find(&path)?;
        state.file(inode)?;
        state.step()?;
        state.seen.remove(&path);
        state.pending.push(EntryChange {
            removed: Some(path),
            added: None,
        });
        Ok(())
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let dir = normal(dir);
        let mut state = self.0.lock();
        state.alive()?;
        state.parent_exists(&dir)?;
        if state.seen.contains_key(&dir) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.step()?;
        state.add(dir, Node::Dir);
        Ok(())
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let dir = normal(dir);
        let mut parents: Vec<&Path> = dir.ancestors().collect();
        parents.reverse();
        for parent in parents {
            match self.create_dir(parent) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        let dir = normal(dir);
        let mut state = self.0.lock();
        state.alive()?;
        state.find(&dir)?;
        state.step()?;
        state.seen = move_below(&state.seen, &dir, None);
        state.pending.push(EntryChange {
            removed: Some(dir),
            added: None,
        });
        Ok(())
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let mut state = self.0.lock();
        state.alive()?;
        let inode = state.find(&normal(path))?;
        Ok(match state.file(inode) {
            Ok(file) => Metadata {
                len: file.seen.len() as u64,
                is_dir: false,
                modified_ms: file.modified_ms,
            },
            Err(_) => Metadata {
                len: 0,
                is_dir: true,
                modified_ms: 0,
            },
        })
    }

    fn total_bytes(&self, _dir: &Path) -> io::Result<u64> {
        let state = self.0.lock();
        state.alive()?;
        Ok(state.capacity_bytes.unwrap_or(u64::MAX))
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        let state = self.0.lock();
        state.alive()?;
        Ok(state
            .capacity_bytes
            .unwrap_or(u64::MAX)
            .saturating_sub(state.used_bytes()))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let path = normal(path);
        drop(self.open(&path, OpenMode::Create)?);
        let mut state = self.0.lock();
        if !state.locked.insert(path.clone()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(FaultyLock {
            disk: self.clone(),
            path,
        }))
    }
}

#[cfg(test)]
mod tests;

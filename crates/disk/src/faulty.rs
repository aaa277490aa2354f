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

mod disk;
mod file;
mod state;

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use state::{BeforeOpen, FileNode, Inode, Node, Seeded, State};

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

    /// Fails each write-back of a file whose path contains the text, until `None`. As on Linux
    /// the next sync through the same handle hears nothing of it.
    pub fn fail_write_backs_of(&self, path_contains: Option<&str>) {
        self.0.lock().failing_write_backs = path_contains.map(str::to_owned);
    }

    /// Fails each write to a file whose path contains the text, until `None`.
    pub fn fail_writes_of(&self, path_contains: Option<&str>) {
        self.0.lock().failing_writes = path_contains.map(str::to_owned);
    }

    /// Fails each read of a file whose path contains the text, until `None`.
    pub fn fail_reads_of(&self, path_contains: Option<&str>) {
        self.0.lock().failing_reads = path_contains.map(str::to_owned);
    }

    /// Fails each renaming or removal of a path that contains the text, until `None`.
    pub fn fail_moves_of(&self, path_contains: Option<&str>) {
        self.0.lock().failing_entries = path_contains.map(str::to_owned);
    }

    /// Calls this before each opening of a file whose path contains the text. What it does to the
    /// thread that opens (wait, panic) is what a test wants to see survived.
    pub fn before_opens_of(&self, path_contains: &str, act: impl Fn() + Send + Sync + 'static) {
        self.0.lock().before_open = Some(BeforeOpen {
            path_contains: path_contains.to_owned(),
            act: Arc::new(act),
        });
    }

    /// Refuses every new name for want of room, as a directory does that would need a block more
    /// on a full disk.
    pub fn set_full_directories(&self, full: bool) {
        self.0.lock().full_directories = full;
    }

    /// Refuses writes that would make all files together longer than this, until `None`.
    pub fn set_capacity_bytes(&self, capacity_bytes: Option<u64>) {
        self.0.lock().capacity_bytes = capacity_bytes;
    }

    /// Lets each write of more than one byte stop half-way.
    pub fn set_short_writes(&self, short: bool) {
        self.0.lock().short_writes = short;
    }

    /// Lets no file be opened around the page cache, as some file systems do.
    pub fn set_refuses_direct(&self, refuses: bool) {
        self.0.lock().refuses_direct = refuses;
    }

    /// How many writes went around the page cache so far.
    pub fn direct_writes(&self) -> u64 {
        self.0.lock().direct_writes
    }

    /// How many files were opened so far.
    pub fn opened_files(&self) -> u64 {
        self.0.lock().opened
    }

    /// How many files are open.
    pub fn open_files(&self) -> u64 {
        self.0.lock().open
    }

    /// How many reads there were so far.
    pub fn reads(&self) -> u64 {
        self.0.lock().reads
    }

    /// How many bytes were read so far.
    pub fn read_bytes(&self) -> u64 {
        self.0.lock().read_bytes
    }

    /// How many maps live.
    pub fn live_maps(&self) -> usize {
        self.0.lock().maps.len()
    }

    /// How often a file was cut below a map of it, which ends a real process.
    pub fn maps_cut(&self) -> u64 {
        self.0.lock().maps_cut
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

#[cfg(test)]
mod tests;

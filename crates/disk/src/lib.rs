//! Files and directories behind a trait: the real ones, and faulty ones for tests.
//!
//! Everything that must survive a crash goes through [`Disk`] and [`File`], so that a test can
//! stop the world after any single operation and look at what a power cut would have left.
//! The traits promise no more than a disk does: what was not synced may be lost or torn, an
//! entry of a directory is durable only after [`Disk::sync_dir`], and a failed sync is final.

mod aligned;
mod faulty;
mod file;
mod real;

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use aligned::{AlignedBytes, DIRECT_ALIGN};
pub use faulty::{CrashImage, FaultyDisk, SECTOR_BYTES};
pub use file::{Allocation, File, Mapping};
pub use real::{DirLock, RealDisk};

/// How a file is opened; every mode but [`OpenMode::Read`] may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Only for reading; the file must exist.
    Read,
    /// For reading and writing; the file must exist.
    ReadWrite,
    /// For reading and writing; made if missing.
    Create,
    /// For reading and writing; an error if it exists.
    CreateNew,
    /// For reading and writing; emptied if it exists.
    Truncate,
    /// For writing around the page cache; the file must exist. Positions, lengths and addresses
    /// must be multiples of [`DIRECT_ALIGN`]. A file system that cannot do this says so with
    /// [`io::ErrorKind::InvalidInput`] or [`io::ErrorKind::Unsupported`], some of them not before
    /// the first write. DURABILITY: what was written counts only after a sync, as ever.
    Direct,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// The name within the directory; entries whose name is not UTF-8 are not listed.
    pub name: String,
    /// Whether it is a directory itself.
    pub is_dir: bool,
}

/// What is known of a path without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Bytes of a file; meaningless for a directory.
    pub len: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// When the content last changed, in milliseconds since 1970-01-01 UTC.
    pub modified_ms: i64,
}

/// Holds the lock of a directory until it is dropped.
pub trait Lock: Send + Sync + Debug {}

/// A file system, or what a test takes for one.
///
/// All methods may be called from many threads at once.
pub trait Disk: Send + Sync + Debug {
    /// Opens a file. DURABILITY: one that this call made is lost in a crash unless its
    /// directory is synced afterwards.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;

    /// Renames a file or directory, replacing a file of the new name. Atomic, and durable once
    /// both directories are synced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the entries of a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Makes everything durable that was done to the file system that holds `dir`; cheaper than
    /// thousands of single syncs.
    fn sync_file_system(&self, dir: &Path) -> io::Result<()>;

    /// The entries of a directory, sorted by name.
    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes a directory; its parent must exist.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Makes a directory and the parents it lacks.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Removes a directory and all that is in it.
    fn remove_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// What is known of a path.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;

    /// Bytes that could still be written to the file system that holds `dir`.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;

    /// Bytes of the file system of `dir`, used or not.
    fn total_bytes(&self, dir: &Path) -> io::Result<u64>;

    /// Takes the lock of a lock file, which is made if missing. An error of the kind
    /// [`io::ErrorKind::WouldBlock`] means that another process holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;

    /// Whether there is something at the path.
    fn exists(&self, path: &Path) -> io::Result<bool> {
        match self.metadata(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads a whole file of at most `len_max` bytes.
    fn read_file(&self, path: &Path, len_max: u64) -> io::Result<Vec<u8>> {
        let file = self.open(path, OpenMode::Read)?;
        let len = file.len()?;
        if len > len_max {
            let text = format!("the file has {len} bytes, at most {len_max} are expected");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let mut bytes = vec![0; len as usize];
        let read = file.read_full_at(&mut bytes, 0)?;
        bytes.truncate(read);
        Ok(bytes)
    }
}

/// Whether an error says that the disk, or the owner's share of it, is full.
pub fn is_out_of_space(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Whether an error says that this process, or the machine, has no file descriptor left.
pub fn is_out_of_handles(error: &io::Error) -> bool {
    matches!(
        error
            .raw_os_error()
            .map(rustix::io::Errno::from_raw_os_error),
        Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE)
    )
}

//! The file system of the machine.

use std::fs;
use std::io::{self, IoSlice};
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{FallocateFlags, FlockOperation, OFlags};
use rustix::io::Errno;

use crate::{Allocation, DirEntry, Disk, File, Lock, Mapping, Metadata, OpenMode};

/// Most parts that one vectored write hands to the kernel (`IOV_MAX` of Linux).
const PARTS_PER_WRITE_MAX: usize = 1024;

/// The file system of the machine, through blocking calls and the page cache.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

#[derive(Debug)]
struct RealFile(fs::File);

#[derive(Debug)]
enum RealMapping {
    Mapped(memmap2::Mmap),
    /// There is no map of no bytes.
    Empty,
}

/// The lock of a lock file, held through `flock` until this is dropped or the process dies.
#[derive(Debug)]
pub struct DirLock {
    _file: fs::File,
}

impl Lock for DirLock {}

impl Mapping for RealMapping {
    fn read_in(&self) -> io::Result<()> {
        let Self::Mapped(map) = self else {
            return Ok(());
        };
        match map.advise(memmap2::Advice::PopulateRead) {
            // Linux before 5.14 cannot do this.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            read => read,
        }
    }
}

impl Deref for RealMapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Empty => &[],
        }
    }
}

fn time_ms(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
    }
}

impl File for RealFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.0.read_at(buffer, position)
    }

    fn write_vectored_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        if let [part] = parts {
            return self.0.write_at(part, position);
        }
        let parts = &parts[..parts.len().min(PARTS_PER_WRITE_MAX)];
        Ok(rustix::io::pwritev(&self.0, parts, position)?)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write_back(&self, position: u64, len: u64) -> io::Result<()> {
        let flags = libc::SYNC_FILE_RANGE_WAIT_BEFORE
            | libc::SYNC_FILE_RANGE_WRITE
            | libc::SYNC_FILE_RANGE_WAIT_AFTER;
        let from = i64::try_from(position).map_err(|_| io::ErrorKind::InvalidInput)?;
        let len = i64::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: the call takes numbers alone, and the descriptor is open as long as `self` is.
        #[expect(unsafe_code, reason = "no library wraps this call")]
        let result = unsafe { libc::sync_file_range(self.0.as_raw_fd(), from, len, flags) };
        if result == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        let errno = error.raw_os_error().map(Errno::from_raw_os_error);
        match errno {
            // Nothing was tried; the sync will do it all.
            Some(Errno::NOSYS | Errno::PERM | Errno::OPNOTSUPP | Errno::SPIPE) => Ok(()),
            _ => Err(error),
        }
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn allocate(&self, position: u64, len: u64, mode: Allocation) -> io::Result<()> {
        let flags = match mode {
            Allocation::KeepLength => FallocateFlags::KEEP_SIZE,
            Allocation::Extend => FallocateFlags::empty(),
        };
        Ok(rustix::fs::fallocate(&self.0, flags, position, len)?)
    }

    fn set_modified_ms(&self, modified_ms: i64) -> io::Result<()> {
        let since = Duration::from_millis(modified_ms.unsigned_abs());
        let time = if modified_ms < 0 {
            UNIX_EPOCH - since
        } else {
            UNIX_EPOCH + since
        };
        self.0.set_modified(time)
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }

    fn map(&self, len: usize) -> io::Result<Box<dyn Mapping>> {
        if self.0.metadata()?.len() < len as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if len == 0 {
            return Ok(Box::new(RealMapping::Empty));
        }
        // SAFETY: the map is read only and shared, its length was just held against that of the
        // file, and it lives as long as what is handed out. What remains is that somebody
        // changes or cuts the file under it. The owner of the file promises not to (see
        // `File::map`), and the data directory is locked against another broker. Bytes that
        // change otherwise are rot, as on any disk, and readers check them as such; against a
        // stranger with the right to cut our files no map, and no broker, can guard.
        #[expect(unsafe_code, reason = "a map cannot be made otherwise")]
        let map = unsafe { memmap2::MmapOptions::new().len(len).map(&self.0)? };
        Ok(Box::new(RealMapping::Mapped(map)))
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut options = fs::OpenOptions::new();
        options.read(true);
        match mode {
            OpenMode::Read => &mut options,
            OpenMode::ReadWrite => options.write(true),
            OpenMode::Create => options.write(true).create(true),
            OpenMode::CreateNew => options.write(true).create_new(true),
            OpenMode::Truncate => options.write(true).create(true).truncate(true),
            OpenMode::Direct => {
                let flags = OFlags::DIRECT.bits() as i32;
                options.write(true).custom_flags(flags)
            }
        };
        Ok(Arc::new(RealFile(options.open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }

    fn sync_file_system(&self, dir: &Path) -> io::Result<()> {
        Ok(rustix::fs::syncfs(fs::File::open(dir)?)?)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                entries.push(DirEntry {
                    name,
                    is_dir: entry.file_type()?.is_dir(),
                });
            }
        }
        entries.sort_unstable();
        Ok(entries)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir(dir)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::remove_dir_all(dir)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let found = fs::metadata(path)?;
        let modified_ms = time_ms(found.modified()?);
        Ok(Metadata {
            len: found.len(),
            is_dir: found.is_dir(),
            modified_ms,
        })
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let found = rustix::fs::statvfs(dir)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn total_bytes(&self, dir: &Path) -> io::Result<u64> {
        let found = rustix::fs::statvfs(dir)?;
        Ok(found.f_blocks.saturating_mul(found.f_frsize))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let mut options = fs::OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(DirLock { _file: file }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AlignedBytes, DIRECT_ALIGN};

    #[test]
    fn parts_are_written_in_order_even_if_they_are_more_than_one_call_takes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let file = RealDisk.open(&path, OpenMode::CreateNew).unwrap();
        let bytes: Vec<u8> = (0..5000_u32).map(|i| i as u8).collect();
        let mut parts: Vec<IoSlice<'_>> = bytes.chunks(1).map(IoSlice::new).collect();
        parts.push(IoSlice::new(&[]));
        file.write_all_vectored_at(&mut parts, 3).unwrap();
        file.sync_data().unwrap();
        let mut read = vec![9; 6000];
        assert_eq!(file.read_full_at(&mut read, 0).unwrap(), 5003);
        assert_eq!(read[..3], [0, 0, 0]);
        assert_eq!(read[3..5003], bytes);
        assert_eq!(&file.map(5003).unwrap()[3..], &bytes[..]);
        assert!(file.map(5004).is_err());
    }

    #[test]
    fn a_map_outlives_the_descriptor_and_the_name_of_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let file = RealDisk.open(&path, OpenMode::Create).unwrap();
        assert!(file.map(0).unwrap().is_empty());
        file.write_all_at(&[7; 5000], 0).unwrap();
        let map = file.map(5000).unwrap();
        drop(file);
        RealDisk.remove(&path).unwrap();
        assert!(map.iter().all(|byte| *byte == 7));
    }

    #[test]
    fn a_map_of_what_cannot_be_read_is_an_error_and_not_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let file = RealDisk
            .open(&dir.path().join("a"), OpenMode::Create)
            .unwrap();
        file.map(0).unwrap().read_in().unwrap();
        file.write_all_at(&[7; 10_000], 0).unwrap();
        let map = file.map(10_000).unwrap();
        map.read_in().unwrap();
        // Touching the second page would be a SIGBUS now, as it is with a bad sector.
        file.set_len(4096).unwrap();
        assert!(map.read_in().is_err());
    }

    #[test]
    fn a_held_lock_is_refused_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".lock");
        let held = RealDisk.lock(&path).unwrap();
        assert_eq!(
            RealDisk.lock(&path).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        drop(held);
        assert!(RealDisk.lock(&path).is_ok());
    }

    #[test]
    fn space_reserved_behind_the_end_does_not_lengthen_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = RealDisk
            .open(&dir.path().join("a"), OpenMode::Create)
            .unwrap();
        file.allocate(0, 1 << 16, Allocation::KeepLength).unwrap();
        assert_eq!(file.len().unwrap(), 0);
        file.allocate(0, 1 << 16, Allocation::Extend).unwrap();
        assert_eq!(file.len().unwrap(), 1 << 16);
    }

    #[test]
    fn what_is_written_around_the_page_cache_is_read_through_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let cached = RealDisk.open(&path, OpenMode::Create).unwrap();
        cached.write_all_at(&[1; 10_000], 0).unwrap();
        let mut bytes = AlignedBytes::with_capacity(DIRECT_ALIGN);
        bytes.grow(DIRECT_ALIGN).unwrap().fill(2);
        let opened = RealDisk.open(&path, OpenMode::Direct);
        let written = opened.and_then(|file| {
            file.write_all_at(&bytes, DIRECT_ALIGN as u64)?;
            file.sync_data()
        });
        let mut read = vec![0; 10_000];
        assert_eq!(cached.read_full_at(&mut read, 0).unwrap(), 10_000);
        let is_there = read[DIRECT_ALIGN..2 * DIRECT_ALIGN] == bytes[..];
        match written.map_err(|error| error.kind()) {
            Ok(()) => assert!(is_there),
            // The file system of this directory cannot do it, and says so.
            Err(io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => assert!(!is_there),
            Err(other) => panic!("{other}"),
        }
        assert_eq!((read[DIRECT_ALIGN - 1], read[2 * DIRECT_ALIGN]), (1, 1));
    }

    #[test]
    fn a_range_can_be_written_back_whether_or_not_there_is_anything_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let file = RealDisk.open(&path, OpenMode::Create).unwrap();
        file.write_back(0, 4096).unwrap();
        file.write_all_at(&[1; 10_000], 0).unwrap();
        file.write_back(0, 10_000).unwrap();
        file.write_back(9_000, 1 << 20).unwrap();
        let kind = file.write_back(u64::MAX, 1).unwrap_err().kind();
        assert_eq!(kind, io::ErrorKind::InvalidInput);
    }
}

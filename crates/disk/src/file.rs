//! One open file, addressed by position so that no call shares a cursor with another.

use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::ops::Deref;
use std::os::fd::BorrowedFd;

/// Whether sizing ahead also moves the end of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// Blocks are reserved behind the end; the length stays.
    KeepLength,
    /// The file grows over the reserved blocks, which read as zeros.
    Extend,
}

/// Bytes of a file that are read as memory, for as long as this lives; the file may be closed
/// or removed meanwhile, but not become shorter ([`File::map`] says why).
pub trait Mapping: Deref<Target = [u8]> + Send + Sync + Debug {
    /// Reads all of it from the disk now. What the medium cannot read is an error here, where
    /// touching it would end the process.
    fn read_in(&self) -> io::Result<()>;
}

/// An open file. All methods may be called from many threads at once.
pub trait File: Send + Sync + Debug {
    /// Reads some bytes; 0 means the end of the file.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;

    /// Writes some of the bytes, at least one unless all parts are empty.
    fn write_vectored_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<usize>;

    /// Makes content and length durable. DURABILITY: an error is final: the bytes may be gone
    /// although a later call would succeed, so the caller must never retry.
    fn sync_data(&self) -> io::Result<()>;

    /// Writes what the page cache holds of a range to the disk, and waits for it. Makes nothing
    /// durable, but leaves the next sync less to do. DURABILITY: an error is as final as that of
    /// [`File::sync_data`], which might not tell of it again.
    fn write_back(&self, position: u64, len: u64) -> io::Result<()>;

    /// Bytes of the file.
    fn len(&self) -> io::Result<u64>;

    /// Cuts the file, or lengthens it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Reserves the blocks of a range.
    fn allocate(&self, position: u64, len: u64, mode: Allocation) -> io::Result<()>;

    /// Sets the time of the last change, in milliseconds since 1970-01-01 UTC.
    fn set_modified_ms(&self, modified_ms: i64) -> io::Result<()>;

    /// The descriptor for calls such as `sendfile`; `None` if the file lives in memory.
    fn as_fd(&self) -> Option<BorrowedFd<'_>>;

    /// Maps the first `len` bytes for reading; an error if the file has fewer.
    ///
    /// The caller must not cut the file below `len` while the map lives: reading a mapped page
    /// that the file has no longer ends the process with SIGBUS, and so does a page that the
    /// medium can no longer read ([`Mapping::read_in`] finds those). So only files whose length
    /// can only grow are mapped, in a directory that is locked against other processes, and a
    /// file that has to become shorter is replaced by a new one instead. Renaming or removing a
    /// file does its maps no harm.
    fn map(&self, len: usize) -> io::Result<Box<dyn Mapping>>;

    /// Whether the file has no byte.
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|len| len == 0)
    }

    /// Reads until the buffer is full or the file ends; returns the bytes read.
    fn read_full_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match self.read_at(&mut buffer[done..], position + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// Writes all bytes.
    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.write_all_vectored_at(&mut [IoSlice::new(bytes)], position)
    }

    /// Writes all bytes of all parts, in as few calls as the system allows.
    fn write_all_vectored_at(
        &self,
        mut parts: &mut [IoSlice<'_>],
        mut position: u64,
    ) -> io::Result<()> {
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            match self.write_vectored_at(parts, position) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    IoSlice::advance_slices(&mut parts, written);
                    position += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

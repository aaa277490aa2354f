//! An open file of the faulty disk.

use std::io::{self, IoSlice};
use std::ops::Deref;
use std::os::fd::BorrowedFd;

use super::state::{Inode, State, injected};
use super::{FaultyDisk, SECTOR_BYTES};
use crate::{Allocation, DIRECT_ALIGN, File, Mapping};

#[derive(Debug)]
pub(super) struct FaultyFile {
    pub(super) disk: FaultyDisk,
    pub(super) inode: Inode,
    pub(super) is_direct: bool,
}

impl Drop for FaultyFile {
    fn drop(&mut self) {
        self.disk.0.lock().open -= 1;
    }
}

#[derive(Debug)]
struct FaultyMapping {
    disk: FaultyDisk,
    inode: Inode,
    bytes: Vec<u8>,
}

impl Mapping for FaultyMapping {
    fn read_in(&self) -> io::Result<()> {
        let state = self.disk.0.lock();
        match State::matches(state.failing_reads.as_ref(), &state, self.inode) {
            true => Err(injected()),
            false => Ok(()),
        }
    }
}

impl Deref for FaultyMapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for FaultyMapping {
    fn drop(&mut self) {
        let mut state = self.disk.0.lock();
        let own = (self.inode, self.bytes.len());
        if let Some(at) = state.maps.iter().position(|map| *map == own) {
            state.maps.swap_remove(at);
        }
    }
}

fn full() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error())
}

/// Whether a direct write is one that a real disk takes.
fn is_aligned(parts: &[IoSlice<'_>], position: u64) -> bool {
    position.is_multiple_of(DIRECT_ALIGN as u64)
        && parts.iter().all(|part| {
            part.len().is_multiple_of(DIRECT_ALIGN)
                && part.as_ptr().addr().is_multiple_of(DIRECT_ALIGN)
        })
}

impl File for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut state = self.disk.0.lock();
        state.alive()?;
        state.reads += 1;
        if State::matches(state.failing_reads.as_ref(), &state, self.inode) {
            return Err(injected());
        }
        let seen = &state.file(self.inode)?.seen;
        let from = (position as usize).min(seen.len());
        let len = buffer.len().min(seen.len() - from);
        buffer[..len].copy_from_slice(&seen[from..from + len]);
        state.read_bytes += len as u64;
        Ok(len)
    }

    fn write_vectored_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        if self.is_direct && !is_aligned(parts, position) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut state = self.disk.0.lock();
        let mut bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        if state.short_writes && bytes.len() > 1 {
            let half = bytes.len() / 2;
            bytes.truncate(match self.is_direct {
                true => half.next_multiple_of(DIRECT_ALIGN),
                false => half,
            });
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
        state.direct_writes += u64::from(self.is_direct);
        state.file(self.inode)?.write(&bytes, position as usize);
        Ok(bytes.len())
    }

    fn write_back(&self, _position: u64, _len: u64) -> io::Result<()> {
        // What is unsynced may be on the medium anyway, so there is nothing to do but to fail.
        let mut state = self.disk.0.lock();
        state.alive()?;
        if State::matches(state.failing_write_backs.as_ref(), &state, self.inode) {
            state.file(self.inode)?.dirty.clear();
            return Err(injected());
        }
        Ok(())
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
        state.was_cut(self.inode, len as usize);
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
        let mut state = self.disk.0.lock();
        state.alive()?;
        let seen = &state.file(self.inode)?.seen;
        let bytes = seen
            .get(..len)
            .ok_or(io::ErrorKind::UnexpectedEof)?
            .to_vec();
        state.maps.push((self.inode, len));
        let (disk, inode) = (self.disk.clone(), self.inode);
        Ok(Box::new(FaultyMapping { disk, inode, bytes }))
    }
}

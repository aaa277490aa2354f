//! Directories of the faulty disk: what makes, renames, removes and syncs entries.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::FaultyFile;
use super::state::{EntryChange, FileNode, Node, injected, move_below};
use super::{FaultyDisk, SECTOR_BYTES, normal};
use crate::{DirEntry, Disk, File, Lock, Metadata, OpenMode};

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

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let path = normal(path);
        let before = self.0.lock().before_open.clone();
        // It may use the disk itself, or panic.
        if let Some(before) = before.filter(|before| before.is_of(&path)) {
            (before.act)();
        }
        let mut state = self.0.lock();
        state.alive()?;
        let is_direct = mode == OpenMode::Direct;
        if is_direct && state.refuses_direct {
            return Err(io::ErrorKind::InvalidInput.into());
        }
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
                    state.was_cut(inode, 0);
                }
                inode
            }
            None if matches!(
                mode,
                OpenMode::Read | OpenMode::ReadWrite | OpenMode::Direct
            ) =>
            {
                return Err(io::ErrorKind::NotFound.into());
            }
            None => {
                state.parent_exists(&path)?;
                state.step()?;
                state.add(path, Node::File(FileNode::default()))
            }
        };
        state.opened += 1;
        state.open += 1;
        Ok(Arc::new(FaultyFile {
            disk: self.clone(),
            inode,
            is_direct,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (normal(from), normal(to));
        let mut state = self.0.lock();
        state.alive()?;
        let inode = state.find(&from)?;
        state.parent_exists(&to)?;
        state.step()?;
        state.may_move(&from)?;
        if state.full_directories {
            return Err(io::ErrorKind::StorageFull.into());
        }
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
        state.may_move(&path)?;
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
        state.may_move(&dir)?;
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

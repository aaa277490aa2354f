//! Keeping Kafka from the directories that are read.
//!
//! Kafka locks `.lock` in each of its directories as Java does, with a lock of the whole file
//! that belongs to the process (`fcntl`). A shared one of the same kind finds out whether it
//! runs, and keeps it from starting as long as it is held. Nothing is written for that.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::ImportError;

/// Keeps a broker from starting on the directories until it is dropped.
#[derive(Debug)]
pub struct SourceLocks {
    _files: Vec<File>,
}

/// Locks the directories; one without `.lock` is one that no broker uses.
pub fn lock_source(dirs: &[PathBuf]) -> Result<SourceLocks, ImportError> {
    let mut files = Vec::new();
    for dir in dirs {
        let path = dir.join(".lock");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(ImportError::io(&path)(error)),
        };
        // Highwater's own lock is of the other kind.
        for lock in [rustix::fs::fcntl_lock, rustix::fs::flock] {
            match lock(&file, FlockOperation::NonBlockingLockShared) {
                Ok(()) => {}
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => {
                    return Err(ImportError::SourceInUse(dir.clone()));
                }
                Err(error) => return Err(ImportError::io(&path)(error.into())),
            }
        }
        files.push(file);
    }
    Ok(SourceLocks { _files: files })
}

/// Says early whether a broker runs on the target, without changing anything. The import itself
/// takes the lock once more, for as long as it writes.
pub fn check_target(dir: &Path) -> Result<(), ImportError> {
    let path = dir.join(".lock");
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(ImportError::io(&path)(error)),
    };
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::AGAIN) => Err(ImportError::TargetInUse(dir.to_path_buf())),
        Err(error) => Err(ImportError::io(&path)(error.into())),
    }
}

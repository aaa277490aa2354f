//! The files of a write-ahead log, used one after the other.
//!
//! A file is free, or the one that is written to, or full and waiting until every log that has
//! an entry in it is flushed. Sequences of blocks rise within a file, so what a file held before
//! it was used again is told from what it holds now.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use highwater_disk::File;

use super::block::{ALIGN, Key};
use crate::log::PartitionLog;

#[derive(Debug)]
enum State {
    Free,
    Current {
        position: u64,
        logs: Vec<Weak<PartitionLog>>,
    },
    /// These logs have to be flushed before the file is free again.
    Full {
        logs: Vec<Weak<PartitionLog>>,
    },
    /// Their flushes are under way.
    Draining,
}

#[derive(Debug)]
struct WalFile {
    file: Arc<dyn File>,
    path: PathBuf,
    key: Key,
    /// Where blocks must end.
    blocks_end: u64,
    state: State,
}

/// Where a block goes.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) file: Arc<dyn File>,
    pub(super) path: PathBuf,
    pub(super) key: Key,
    pub(super) position: u64,
    pub(super) sequence: u64,
}

/// What came of asking for room.
#[derive(Debug)]
pub(super) struct Reserved {
    pub(super) room: Option<Room>,
    /// Whether another file was begun, or could not be.
    pub(super) switched: bool,
}

/// All files.
#[derive(Debug)]
pub(super) struct Ring {
    files: Vec<WalFile>,
    next_sequence: u64,
    /// How often a file was begun; tells whether a log is listed in the current one.
    turn: u64,
    logs_per_file_max: usize,
}

/// What is to be done so that there is always a file to go on with.
pub(super) enum Job {
    /// Make one more file, the nth.
    Make(usize),
    /// Flush these logs, then call [`Ring::drained`].
    Drain(usize, Vec<Weak<PartitionLog>>),
}

impl Ring {
    pub(super) fn new(next_sequence: u64, logs_per_file_max: usize) -> Self {
        Self {
            files: Vec::new(),
            next_sequence,
            turn: 0,
            logs_per_file_max,
        }
    }

    /// Finds room for a block of `len` bytes with entries of these logs.
    pub(super) fn reserve(&mut self, len: u64, logs: &[&Arc<PartitionLog>]) -> Reserved {
        let mut switched = false;
        let at = match self.current() {
            Some(at) if self.fits(at, len) => at,
            other => {
                if let Some(at) = other {
                    self.close(at);
                }
                switched = true;
                let Some(at) = self.begin().filter(|at| self.fits(*at, len)) else {
                    let room = None;
                    return Reserved { room, switched };
                };
                at
            }
        };
        let (turn, sequence) = (self.turn, self.next_sequence);
        let found = &mut self.files[at];
        let State::Current {
            position,
            logs: listed,
        } = &mut found.state
        else {
            let room = None;
            return Reserved { room, switched };
        };
        for log in logs {
            if log.wal_turn.swap(turn, Ordering::Relaxed) != turn {
                listed.push(Arc::downgrade(log));
            }
        }
        let room = Room {
            file: Arc::clone(&found.file),
            path: found.path.clone(),
            key: found.key,
            position: *position,
            sequence,
        };
        *position += len;
        self.next_sequence += 1;
        let room = Some(room);
        Reserved { room, switched }
    }

    fn current(&self) -> Option<usize> {
        let is_current = |file: &WalFile| matches!(file.state, State::Current { .. });
        self.files.iter().position(is_current)
    }

    /// Logs with unflushed bytes keep their files open, so they are bounded as well.
    fn fits(&self, at: usize, len: u64) -> bool {
        let file = &self.files[at];
        match &file.state {
            State::Current { position, logs } => {
                position + len <= file.blocks_end && logs.len() < self.logs_per_file_max
            }
            _ => false,
        }
    }

    fn close(&mut self, at: usize) {
        let state = &mut self.files[at].state;
        if let State::Current { logs, .. } = state {
            let logs = std::mem::take(logs);
            *state = State::Full { logs };
        }
    }

    fn begin(&mut self) -> Option<usize> {
        let at = self.find(|state| matches!(state, State::Free))?;
        self.turn += 1;
        self.files[at].state = State::Current {
            // Behind the page with the key.
            position: ALIGN as u64,
            logs: Vec::new(),
        };
        Some(at)
    }

    fn find(&self, is_it: impl Fn(&State) -> bool) -> Option<usize> {
        self.files.iter().position(|file| is_it(&file.state))
    }

    /// Whether a block could be written now.
    pub(super) fn is_ready(&self) -> bool {
        self.find(|state| matches!(state, State::Free | State::Current { .. }))
            .is_some()
    }

    /// What to do next; `None` if there is a file to go on with, or nothing can be done.
    /// `has_room` says whether the disk may take another file.
    pub(super) fn next_job(&mut self, files_max: usize, has_room: bool) -> Option<Job> {
        if self.find(|state| matches!(state, State::Free)).is_some() {
            return None;
        }
        let has_few = self.files.len() < files_max.min(2);
        // Making a file is quicker than waiting for many logs.
        let is_pressed = !self.is_ready() && self.files.len() < files_max;
        if has_room && (has_few || is_pressed) {
            return Some(Job::Make(self.files.len()));
        }
        let at = self.find(|state| matches!(state, State::Full { .. }))?;
        match std::mem::replace(&mut self.files[at].state, State::Draining) {
            State::Full { logs } => Some(Job::Drain(at, logs)),
            other => {
                self.files[at].state = other;
                None
            }
        }
    }

    /// A file has been made.
    pub(super) fn made(&mut self, file: Arc<dyn File>, path: PathBuf, key: Key, blocks_end: u64) {
        self.files.push(WalFile {
            file,
            path,
            key,
            blocks_end,
            state: State::Free,
        });
    }

    /// The logs of a file have been flushed, or are gone; these have not.
    pub(super) fn drained(&mut self, at: usize, left: Vec<Weak<PartitionLog>>) {
        if let Some(file) = self.files.get_mut(at) {
            file.state = match left.is_empty() {
                true => State::Free,
                false => State::Full { logs: left },
            };
        }
    }

    /// Forgets all files, and says where they are.
    pub(super) fn clear(&mut self) -> Vec<PathBuf> {
        self.files.drain(..).map(|file| file.path).collect()
    }
}

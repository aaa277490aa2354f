//! How many files are open at once.
//!
//! Each segment holds only a weak reference to its open file or mapped index; the strong one
//! is here, in a ring that closes what was not used since it last came round (the clock
//! algorithm). Using a handle therefore takes no shared lock. A file with unflushed bytes is
//! held strongly by its log besides: the kernel reports a failed write-back only to those who
//! had the file open, so it must not be closed before its flush.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// Something open that can be opened again.
#[derive(Debug)]
pub(crate) struct Cached<T: ?Sized> {
    used: AtomicBool,
    pub(crate) value: T,
}

trait Touch: Send + Sync + Debug {
    fn was_used(&self) -> bool;
}

impl<T: Send + Sync + Debug> Touch for Cached<T> {
    fn was_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }
}

/// A place that remembers something open as long as the cache keeps it.
#[derive(Debug)]
pub(crate) struct Slot<T>(Weak<Cached<T>>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Weak::new())
    }
}

/// The open files and maps of one directory.
#[derive(Debug)]
pub(crate) struct HandleCache {
    ring: Mutex<VecDeque<Arc<dyn Touch>>>,
    open_max: usize,
}

impl HandleCache {
    pub(crate) fn new(open_max: usize) -> Self {
        Self {
            ring: Mutex::new(VecDeque::new()),
            open_max: open_max.max(1),
        }
    }

    /// What the slot holds, opened anew if it was closed meanwhile.
    pub(crate) fn get<T: Send + Sync + Debug + 'static, E>(
        &self,
        slot: &mut Slot<T>,
        open: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<Cached<T>>, E> {
        if let Some(cached) = slot.0.upgrade() {
            cached.used.store(true, Ordering::Relaxed);
            return Ok(cached);
        }
        self.make_room();
        let cached = Arc::new(Cached {
            used: AtomicBool::new(true),
            value: open()?,
        });
        slot.0 = Arc::downgrade(&cached);
        self.ring.lock().push_back(cached.clone());
        Ok(cached)
    }

    fn make_room(&self) {
        let mut closed = Vec::new();
        let mut ring = self.ring.lock();
        let mut second_chances = ring.len();
        while ring.len() >= self.open_max
            && let Some(oldest) = ring.pop_front()
        {
            if second_chances > 0 && oldest.was_used() {
                second_chances -= 1;
                ring.push_back(oldest);
            } else {
                closed.push(oldest);
            }
        }
        drop(ring);
    }

    /// Closes everything that nobody is using right now.
    pub(crate) fn close_all(&self) {
        self.ring.lock().clear();
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.ring.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_bound_stay_open_and_the_used_stay_longest() {
        let cache = HandleCache::new(3);
        let mut slots: Vec<Slot<u32>> = (0..10).map(|_| Slot::default()).collect();
        let mut opened = 0;
        for round in 0..10 {
            let open = |_: &mut Slot<u32>| -> Result<u32, ()> { Ok(round) };
            drop(cache.get(&mut slots[0], || -> Result<u32, ()> {
                opened += 1;
                Ok(0)
            }));
            let value = open(&mut slots[round as usize]);
            drop(cache.get(&mut slots[round as usize], || value));
            assert!(cache.len() <= 3);
        }
        assert!(opened < 10, "the slot in use was closed {opened} times");
    }
}

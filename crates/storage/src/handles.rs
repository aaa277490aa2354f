//! How many files are open at once.
//!
//! A segment owns its open file and its mapped indexes, so they go when it goes: a deleted
//! segment gives its space back at once. The cache knows of all of them through a ring of weak
//! references, and closes what was not used since it last came round (the clock algorithm)
//! when there is no room for another. Using a handle takes no shared lock. A file with
//! unflushed bytes is held strongly by its log besides: the kernel reports a failed write-back
//! only to those who had the file open, so it must not be closed before its flush.

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

/// What is open in a slot; the cache may take it out.
#[derive(Debug)]
struct Cell<T>(Mutex<Option<Arc<Cached<T>>>>);

trait Evict: Send + Sync + Debug {
    /// Whether it was used since this was last asked.
    fn was_used(&self) -> bool;

    /// Takes it out. It closes once nobody uses it any more.
    fn take(&self) -> Option<Arc<dyn Debug + Send + Sync>>;
}

impl<T: Send + Sync + Debug + 'static> Evict for Cell<T> {
    fn was_used(&self) -> bool {
        let open = self.0.lock();
        open.as_ref()
            .is_some_and(|cached| cached.used.swap(false, Ordering::Relaxed))
    }

    fn take(&self) -> Option<Arc<dyn Debug + Send + Sync>> {
        let cached = self.0.lock().take()?;
        Some(cached)
    }
}

/// A place for something open. What is in it closes when the slot is dropped or replaced.
#[derive(Debug)]
pub(crate) struct Slot<T>(Option<Arc<Cell<T>>>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Slot<T> {
    /// What is open right now.
    pub(crate) fn peek(&self) -> Option<Arc<Cached<T>>> {
        self.0.as_ref()?.0.lock().clone()
    }
}

/// The open files and maps of one directory.
#[derive(Debug)]
pub(crate) struct HandleCache {
    ring: Mutex<VecDeque<Weak<dyn Evict>>>,
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
        if let Some(cached) = slot.peek() {
            cached.used.store(true, Ordering::Relaxed);
            return Ok(cached);
        }
        self.make_room();
        let cached = Arc::new(Cached {
            used: AtomicBool::new(true),
            value: open()?,
        });
        // A cell of its own for each opening: one that was taken out is no longer in the ring.
        let cell = Arc::new(Cell(Mutex::new(Some(Arc::clone(&cached)))));
        let known: Arc<dyn Evict> = cell.clone();
        slot.0 = Some(cell);
        self.ring.lock().push_back(Arc::downgrade(&known));
        Ok(cached)
    }

    fn make_room(&self) {
        let mut closed = Vec::new();
        let mut ring = self.ring.lock();
        let mut second_chances = ring.len();
        while ring.len() >= self.open_max
            && let Some(oldest) = ring.pop_front()
        {
            // What is gone by itself leaves its place.
            let Some(cell) = oldest.upgrade() else {
                continue;
            };
            if second_chances > 0 && cell.was_used() {
                second_chances -= 1;
                ring.push_back(oldest);
            } else {
                closed.push(cell.take());
            }
        }
        drop(ring);
    }

    /// Closes everything that nobody is using right now.
    pub(crate) fn close_all(&self) {
        let ring = std::mem::take(&mut *self.ring.lock());
        for cell in ring.iter().filter_map(Weak::upgrade) {
            cell.take();
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let ring = self.ring.lock();
        ring.iter().filter(|cell| cell.strong_count() > 0).count()
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
            drop(cache.get(&mut slots[0], || -> Result<u32, ()> {
                opened += 1;
                Ok(0)
            }));
            drop(cache.get(&mut slots[round], || -> Result<u32, ()> { Ok(1) }));
            let open = slots.iter().filter(|slot| slot.peek().is_some());
            assert!(open.count() <= 3 && cache.len() <= 3);
        }
        assert!(opened < 10, "the slot in use was closed {opened} times");
    }

    #[test]
    fn what_was_open_goes_with_its_owner_and_leaves_its_place() {
        let cache = HandleCache::new(2);
        let watched = Arc::new(());
        let open = || -> Result<Arc<()>, ()> { Ok(Arc::clone(&watched)) };
        let mut slots: Vec<Slot<Arc<()>>> = (0..2).map(|_| Slot::default()).collect();
        for slot in &mut slots {
            drop(cache.get(slot, open));
        }
        assert_eq!(Arc::strong_count(&watched), 3);
        drop(slots);
        assert_eq!((Arc::strong_count(&watched), cache.len()), (1, 0));
        let mut slots: Vec<Slot<Arc<()>>> = (0..2).map(|_| Slot::default()).collect();
        for slot in &mut slots {
            drop(cache.get(slot, open));
        }
        assert!(slots.iter().all(|slot| slot.peek().is_some()));
        cache.close_all();
        assert_eq!(Arc::strong_count(&watched), 1);
    }
}

//! Who gets bytes, who waits, and who is woken.

use super::*;
use std::sync::atomic::AtomicBool;
use std::task::Wake;

struct Flag(AtomicBool);
impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn what_is_dropped_comes_back_and_wakes_who_waits() {
    let budget = Budget::new(100_000);
    let flag = Arc::new(Flag(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&flag));
    let mut large = Reservation::empty(Arc::clone(&budget));
    assert!(large.grow_to(80_000, Stage::Waiting, &waker));
    let mut other = Reservation::empty(Arc::clone(&budget));
    assert!(
        !other.grow_to(20_000, Stage::Waiting, &waker),
        "the rest is kept for small takes"
    );
    assert!(other.grow_to(10_000, Stage::Waiting, &waker));
    drop(large);
    assert!(flag.0.load(Ordering::SeqCst));
    assert_eq!(budget.used_bytes(), 10_000);
    assert!(other.grow_to(60_000, Stage::Waiting, &waker));
    drop(other);
    assert_eq!(budget.used_bytes(), 0);
}

#[test]
fn a_frame_larger_than_the_budget_passes_alone() {
    let budget = Budget::new(10);
    let mut only = Reservation::empty(Arc::clone(&budget));
    assert!(only.grow_to(1000, Stage::Waiting, Waker::noop()));
    let mut next = Reservation::empty(budget);
    assert!(!next.grow_to(1, Stage::Waiting, Waker::noop()));
}

#[test]
fn frames_that_have_begun_do_not_wait_for_each_other_for_ever() {
    let budget = Budget::new(80_000);
    let flag = Arc::new(Flag(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&flag));
    let mut frames: Vec<_> = (0..4)
        .map(|_| Reservation::empty(Arc::clone(&budget)))
        .collect();
    for frame in &mut frames {
        assert!(frame.grow_to(17_000, Stage::Waiting, &waker));
    }
    let mut late = Reservation::empty(Arc::clone(&budget));
    assert!(!late.grow_to(17_000, Stage::Waiting, &waker));
    assert!(frames[0].grow_to(50_000, Stage::Begun, &waker));
    assert!(!frames[1].grow_to(50_000, Stage::Begun, &waker), "only one");
    assert!(frames[0].grow_to(70_000, Stage::Begun, &waker));
    flag.0.store(false, Ordering::SeqCst);
    frames[0].end_overdraft();
    assert!(flag.0.load(Ordering::SeqCst));
    assert!(frames[1].grow_to(50_000, Stage::Begun, &waker));
    drop(frames);
    assert_eq!(budget.used_bytes(), 0);
    assert!(late.grow_to(17_000, Stage::Waiting, &waker));
}

#[test]
fn a_frame_larger_than_the_budget_grows_to_its_size() {
    let budget = Budget::new(1_000);
    let mut only = Reservation::empty(Arc::clone(&budget));
    for bytes in [500, 1_500, 40_000] {
        assert!(only.grow_to(bytes, Stage::Begun, Waker::noop()));
    }
    drop(only);
    assert_eq!(budget.used_bytes(), 0);
    assert!(!budget.is_overdrawn.load(Ordering::SeqCst));
}

//! The time by which retention deletes.
//!
//! A wall clock that jumps ahead would make a whole log look expired. Retention therefore
//! follows a clock that starts at the wall clock, never runs ahead of it, and goes forward at
//! most a twentieth faster than the monotonic one: an hour's jump gains it three minutes in
//! the first hour, while an honest correction is caught up with in the end.

use highwater_types::Now;
use parking_lot::Mutex;

/// Share, in parts of one, by which the clock may outrun the monotonic one.
const CATCH_UP_DIVISOR: u64 = 20;

#[derive(Debug, Default)]
pub(crate) struct TrustedClock(Mutex<Option<Now>>);

impl TrustedClock {
    /// The time to judge ages by, in milliseconds since 1970-01-01 UTC.
    pub(crate) fn wall_ms(&self, now: Now) -> i64 {
        let mut last = self.0.lock();
        let trusted = match *last {
            None => now.wall_ms,
            Some(before) => {
                let elapsed = now.mono_ms.saturating_sub(before.mono_ms);
                let allowed = elapsed.saturating_add(elapsed / CATCH_UP_DIVISOR);
                let ahead = i64::try_from(allowed).unwrap_or(i64::MAX);
                now.wall_ms.min(before.wall_ms.saturating_add(ahead))
            }
        };
        let mono_ms = last.map_or(now.mono_ms, |before| before.mono_ms.max(now.mono_ms));
        *last = Some(Now {
            mono_ms,
            wall_ms: trusted,
        });
        trusted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn a_jump_of_an_hour_is_hardly_felt() {
        let clock = TrustedClock::default();
        assert_eq!(clock.wall_ms(Now::at(0, 1000)), 1000);
        assert_eq!(
            clock.wall_ms(Now::at(60_000, HOUR_MS + 61_000)),
            1000 + 63_000
        );
        assert_eq!(clock.wall_ms(Now::at(120_000, 121_000)), 121_000);
    }

    #[test]
    fn an_honest_clock_is_followed_and_a_correction_is_caught_up_with() {
        let clock = TrustedClock::default();
        clock.wall_ms(Now::at(0, 0));
        assert_eq!(clock.wall_ms(Now::at(5000, 5000)), 5000);
        let day = 24 * HOUR_MS;
        assert_eq!(
            clock.wall_ms(Now::at(day as u64, day + HOUR_MS)),
            day + HOUR_MS
        );
    }
}

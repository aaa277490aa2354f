//! Time as the machines see it: handed in, never asked for.

/// One reading of both clocks, taken by a driver and passed to a machine.
///
/// Time-outs and leases count on `mono_ms` alone, so that a wall clock that jumps ends no
/// session; `wall_ms` is only for what is shown or stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since some fixed moment of this process; never goes back.
    pub mono_ms: u64,
    /// Milliseconds since 1970-01-01 UTC, as the machine believes.
    pub wall_ms: i64,
}

impl Now {
    /// A reading for tests and replays.
    pub const fn at(mono_ms: u64, wall_ms: i64) -> Self {
        Self { mono_ms, wall_ms }
    }
}

/// Share, in parts of one, by which [`TrustedClock`] may outrun the monotonic clock.
const CATCH_UP_DIVISOR: u64 = 20;

/// The wall clock by which something is thrown away for its age.
///
/// A wall clock that jumps ahead would make everything look expired. This one starts at the wall
/// clock, never runs ahead of it, and goes forward at most a twentieth faster than the monotonic
/// one: an hour's jump gains it three minutes in the first hour, while an honest correction is
/// caught up with in the end.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrustedClock(Option<Now>);

impl TrustedClock {
    /// The time to judge ages by, in milliseconds since 1970-01-01 UTC.
    pub fn wall_ms(&mut self, now: Now) -> i64 {
        let trusted = match self.0 {
            None => now.wall_ms,
            Some(before) => {
                let elapsed = now.mono_ms.saturating_sub(before.mono_ms);
                let allowed = elapsed.saturating_add(elapsed / CATCH_UP_DIVISOR);
                let ahead = i64::try_from(allowed).unwrap_or(i64::MAX);
                now.wall_ms.min(before.wall_ms.saturating_add(ahead))
            }
        };
        let mono_ms = self
            .0
            .map_or(now.mono_ms, |before| before.mono_ms.max(now.mono_ms));
        self.0 = Some(Now {
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
        let mut clock = TrustedClock::default();
        assert_eq!(clock.wall_ms(Now::at(0, 1000)), 1000);
        assert_eq!(
            clock.wall_ms(Now::at(60_000, HOUR_MS + 61_000)),
            1000 + 63_000
        );
        assert_eq!(clock.wall_ms(Now::at(120_000, 121_000)), 121_000);
    }

    #[test]
    fn an_honest_clock_is_followed_and_a_correction_is_caught_up_with() {
        let mut clock = TrustedClock::default();
        clock.wall_ms(Now::at(0, 0));
        assert_eq!(clock.wall_ms(Now::at(5000, 5000)), 5000);
        let day = 24 * HOUR_MS;
        assert_eq!(
            clock.wall_ms(Now::at(day as u64, day + HOUR_MS)),
            day + HOUR_MS
        );
    }
}

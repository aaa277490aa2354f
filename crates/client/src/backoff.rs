//! Waiting between attempts: exponential with jitter, so that clients that failed together do
//! not come back together.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The waits between the attempts of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffPolicy {
    /// The wait after the first failure.
    pub initial: Duration,
    /// No wait is longer, before jitter.
    pub max: Duration,
}

impl Default for BackoffPolicy {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(50),
            max: Duration::from_secs(1),
        }
    }
}

impl BackoffPolicy {
    /// The wait after `failures` failures in a row, spread by ±20 % with `random`.
    pub fn wait(&self, failures: u32, random: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        let wait = self.initial.saturating_mul(1 << doublings).min(self.max);
        wait.mul_f64(0.8 + 0.4 * (random % 1024) as f64 / 1024.0)
    }
}

/// A value that differs between processes and calls; good enough to spread waits and to pick
/// partitions, and for nothing secret.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_maximum_within_their_jitter() {
        let policy = BackoffPolicy::default();
        for (failures, expected_ms) in [(1, 50), (2, 100), (3, 200), (6, 1000), (60, 1000)] {
            for random in [0, 511, 1023, u64::MAX] {
                let wait_ms = policy.wait(failures, random).as_millis();
                assert!(
                    wait_ms * 10 >= expected_ms * 8,
                    "{failures} {random} {wait_ms}"
                );
                assert!(
                    wait_ms * 10 <= expected_ms * 12,
                    "{failures} {random} {wait_ms}"
                );
            }
        }
    }
}

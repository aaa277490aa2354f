//! The time by which retention deletes, shared by the logs of a directory.

use highwater_types::Now;
use parking_lot::Mutex;

#[derive(Debug, Default)]
pub(crate) struct TrustedClock(Mutex<highwater_types::TrustedClock>);

impl TrustedClock {
    /// The time to judge ages by, in milliseconds since 1970-01-01 UTC.
    pub(crate) fn wall_ms(&self, now: Now) -> i64 {
        self.0.lock().wall_ms(now)
    }
}

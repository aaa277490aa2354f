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

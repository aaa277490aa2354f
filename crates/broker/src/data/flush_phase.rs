//! Where one partition stands with its flushes: a machine that lets it be in one queue, once.

/// How a partition is flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Its own files, by a thread of its own.
    Alone,
    /// Together with others, by way of the write-ahead log.
    Together,
}

/// What a request for a flush calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The partition has to be queued.
    Enqueue(Route),
    /// It is queued there, or will be again.
    Covered(Route),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum FlushPhase {
    /// Nobody wants a flush.
    #[default]
    Idle,
    Queued(Route),
    /// A flush is under way; `again` says that something was appended since it began.
    Running {
        route: Route,
        again: bool,
    },
}

impl FlushPhase {
    /// Something was appended.
    pub(super) fn request(&mut self, route: impl FnOnce() -> Route) -> Asked {
        match self {
            Self::Idle => {
                let route = route();
                *self = Self::Queued(route);
                Asked::Enqueue(route)
            }
            Self::Queued(route) => Asked::Covered(*route),
            Self::Running { route, again } => {
                *again = true;
                Asked::Covered(*route)
            }
        }
    }

    /// A flush begins; it covers all that was appended until now.
    pub(super) fn start(&mut self, route: Route) {
        *self = Self::Running {
            route,
            again: false,
        };
    }

    /// A flush has ended; says where the partition has to be queued again, if it has.
    pub(super) fn finish(&mut self, route: impl FnOnce() -> Route) -> Option<Route> {
        if let Self::Running { again: true, .. } = self {
            let route = route();
            *self = Self::Queued(route);
            return Some(route);
        }
        *self = Self::Idle;
        None
    }

    /// What was tried together has to be done alone.
    pub(super) fn decline(&mut self) {
        *self = Self::Queued(Route::Alone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_queued_once_and_again_only_for_what_came_later() {
        let mut phase = FlushPhase::default();
        let together = || Route::Together;
        assert_eq!(phase.request(together), Asked::Enqueue(Route::Together));
        assert_eq!(phase.request(together), Asked::Covered(Route::Together));
        phase.start(Route::Together);
        assert_eq!(phase.finish(together), None);
        assert_eq!(phase.request(together), Asked::Enqueue(Route::Together));
        phase.start(Route::Together);
        assert_eq!(phase.request(together), Asked::Covered(Route::Together));
        assert_eq!(phase.finish(|| Route::Alone), Some(Route::Alone));
        assert_eq!(phase.request(together), Asked::Covered(Route::Alone));
        phase.start(Route::Alone);
        assert_eq!(phase.finish(together), None);
    }

    #[test]
    fn what_is_declined_waits_for_its_own_flush() {
        let mut phase = FlushPhase::default();
        phase.request(|| Route::Together);
        phase.start(Route::Together);
        phase.decline();
        let asked = phase.request(|| Route::Together);
        assert_eq!(asked, Asked::Covered(Route::Alone));
    }
}

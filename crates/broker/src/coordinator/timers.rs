//! One task that rings the timers of every shard of a coordinator.

use std::sync::Arc;
use std::time::Duration;

use crate::broker::Broker;
use crate::coordinator::Coordinator;
use crate::coordinator::machine::Machine;

/// Longest sleep, after which everything is looked at again whatever was noted.
const SLEEP_MAX: Duration = Duration::from_secs(10);

pub(super) async fn run<M: Machine>(coordinator: &Coordinator<M>, broker: &Arc<Broker>) {
    loop {
        let now_ms = || broker.clock.now().mono_ms;
        let mut next: Option<u64> = None;
        for shard in coordinator.shards() {
            let mut due = shard.arm();
            // One tick does a bounded piece of what is due.
            while due.is_some_and(|due| due <= now_ms()) {
                shard.tick(broker, broker.clock.now());
                due = shard.arm();
                tokio::task::yield_now().await;
            }
            next = next.into_iter().chain(due).min();
        }
        let sleep = next.map_or(SLEEP_MAX, |due| {
            Duration::from_millis(due.saturating_sub(now_ms()).max(1)).min(SLEEP_MAX)
        });
        // Either the next deadline comes, or an earlier one was set.
        let _ = tokio::time::timeout(sleep, coordinator.rearm.notified()).await;
    }
}

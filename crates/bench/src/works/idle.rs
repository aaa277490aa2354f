//! What a broker costs that nobody uses.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use crate::{
    bench::{Bench, Subject},
    control::Control,
    record::Metrics,
};

/// What happens after a start is not idleness.
const AFTER_START: Duration = Duration::from_secs(5);

/// Memory and CPU of an empty broker.
pub(super) fn run(bench: &mut Bench, work: &str) -> Result<()> {
    for subject in bench.present(&[Subject::Highwater, Subject::Kafka]) {
        let mut broker = bench.fresh(subject.kind())?;
        broker.start()?;
        let deadline = Instant::now() + Duration::from_secs(60);
        Control::connect_when_up(broker.address, deadline).with_context(|| broker.last_words())?;
        thread::sleep(AFTER_START);
        let (started, before) = (Instant::now(), broker.process()?.cpu()?);
        thread::sleep(bench.bounds.turn.max(Duration::from_secs(10)));
        let cpu = broker.process()?.cpu()?;
        let seconds = started.elapsed().as_secs_f64();
        let metrics = Metrics::default()
            .with("rss_mib", broker.process()?.rss_mib()?)
            .with("cpu_ms_per_s", (cpu.total - before.total) * 1e3 / seconds);
        bench.add(work, subject.name(), 0, metrics)?;
        broker.stop()?;
    }
    Ok(())
}

//! What a connection costs that says hello and then nothing.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::{
    bench::{Bench, Subject},
    control::Control,
    record::Metrics,
    wire,
};

const CONNECTIONS: usize = 1_000;

/// Connections that are opened and closed before, so that what is there only once is there.
const WARM_UP: usize = 10;

/// Opens a thousand connections one after the other and keeps them. The broker is a new one:
/// one that has worked has memory to spare, and would show no growth.
pub(super) fn run(bench: &mut Bench, work: &str) -> Result<()> {
    for subject in bench.present(&[Subject::Highwater, Subject::Kafka]) {
        let mut broker = bench.fresh(subject.kind())?;
        broker.start()?;
        let address = broker.address;
        let deadline = Instant::now() + Duration::from_secs(60);
        Control::connect_when_up(address, deadline).with_context(|| broker.last_words())?;
        let process = broker.process()?;
        let hello = wire::api_versions();
        let open = |count: usize| -> Result<Vec<Control>> {
            (0..count)
                .map(|_| {
                    let mut connection = Control::connect(address)?;
                    connection.call(&hello)?;
                    Ok(connection)
                })
                .collect()
        };
        drop(open(WARM_UP)?);
        let before = (process.cpu()?, process.rss_mib()?);
        let kept = open(CONNECTIONS)?;
        let cpu = process.cpu()?.since(before.0);
        let grown_kib = (process.rss_mib()? - before.1) * 1024.0;
        let metrics = Metrics::default()
            .with("rss_kib_per_connection", grown_kib / kept.len() as f64)
            .with("cpu_s_to_open", cpu);
        bench.add(work, subject.name(), 0, metrics)?;
        drop(kept);
        broker.stop()?;
    }
    Ok(())
}

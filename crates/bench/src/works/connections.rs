//! What a connection costs that says hello and then nothing.

use anyhow::Result;

use crate::{
    bench::{Bench, Subject},
    control::Control,
    record::Metrics,
    wire,
};

const CONNECTIONS: usize = 1_000;

/// Connections that are opened and closed before, so that what is there only once is there.
const WARM_UP: usize = 200;

/// Opens a thousand connections one after the other and keeps them.
pub(super) fn run(bench: &mut Bench, work: &str) -> Result<()> {
    for subject in bench.present(&[Subject::Highwater, Subject::Kafka]) {
        let broker = bench.shared(subject.kind())?;
        let (address, process) = (broker.address, broker.process()?);
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
    }
    Ok(())
}

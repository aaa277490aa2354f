//! Real clients: what the idempotent producer of librdkafka costs a broker, and whether consumers
//! read as fast from one as from the other.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::{
    bench::{Bench, Subject, Topic, settle},
    client_programs::{ClientPrograms, ClientReport, Library, RunningClient},
    process::CpuSeconds,
    record::Metrics,
};

use super::fetch::fill;

const PARTITIONS: u32 = 6;

/// What consumers read.
const READ_BYTES: u64 = 2_000_000_000;

/// How long one consumer reads at most: the slowest of them would take minutes for everything.
const READ_WITHIN: Duration = Duration::from_secs(30);

/// An idempotent producer of librdkafka that compresses with lz4.
pub(super) fn librdkafka(bench: &mut Bench, work: &str) -> Result<()> {
    let programs = ClientPrograms::new(bench.folder().join("clients"))?;
    if let Some(reason) = programs.missing(Library::ConfluentKafka) {
        return bench.add_note(work, &reason);
    }
    let subjects = [
        Subject::Highwater,
        Subject::HighwaterReplicated,
        Subject::Kafka,
    ];
    bench.turns(work, &subjects, |bench, subject, duration| {
        let topic = bench.topic(subject, PARTITIONS)?;
        let bytes_max = bench.bounds.turn_bytes_max;
        settle(bytes_max);
        topic.process.forget_peak();
        let client = programs.producer(&[
            topic.address.to_string(),
            topic.name.clone(),
            bytes_max.to_string(),
            // A client that is the bottleneck needs longer to move as much as others do.
            (duration * 4).as_secs_f64().to_string(),
        ])?;
        let (report, cpu) = watched(client, &topic)?;
        let gb = report.bytes as f64 / 1e9;
        Ok(Metrics::default()
            .with("mb_per_s", gb * 1e3 / report.seconds)
            .with("cpu_s_per_gb", cpu / gb)
            .with("driver_cpu_s_per_gb", report.cpu_seconds / gb)
            .with("peak_rss_mib", topic.process.peak_rss_mib()?))
    })
}

/// Consumers of three libraries, each with its defaults.
pub(super) fn consumers(bench: &mut Bench, work: &str) -> Result<()> {
    let programs = ClientPrograms::new(bench.folder().join("clients"))?;
    let mut libraries = Vec::new();
    for library in Library::ALL {
        match programs.missing(library) {
            None => libraries.push(library),
            Some(reason) => bench.add_note(work, &reason)?,
        }
    }
    if libraries.is_empty() {
        return Ok(());
    }
    let subjects = bench.present(&[Subject::Highwater, Subject::Kafka]);
    let mut stored = Vec::new();
    for subject in &subjects {
        let topic = bench.topic(*subject, PARTITIONS)?;
        fill(&topic, READ_BYTES)?;
        stored.push((*subject, topic));
    }
    bench.turns(work, &subjects, |_, subject, _| {
        let Some((_, topic)) = stored.iter().find(|(who, _)| *who == subject) else {
            bail!("nothing was stored for {}", subject.name());
        };
        read_with(&programs, &libraries, topic)
    })
}

fn read_with(programs: &ClientPrograms, libraries: &[Library], topic: &Topic) -> Result<Metrics> {
    let mut metrics = Metrics::default();
    for library in libraries {
        let arguments = [
            topic.address.to_string(),
            topic.name.clone(),
            topic.partitions.to_string(),
            READ_BYTES.to_string(),
            READ_WITHIN.as_secs_f64().to_string(),
        ];
        let client = programs.consumer(*library, &arguments)?;
        let (report, cpu) = watched(client, topic).context(library.name())?;
        let gb = report.bytes as f64 / 1e9;
        let (rate, cost) = metric_names(*library);
        metrics = metrics
            .with(rate, gb * 1e3 / report.seconds)
            .with(cost, cpu / gb);
    }
    Ok(metrics)
}

/// The names of a library's throughput, and of what it costs the broker.
const fn metric_names(library: Library) -> (&'static str, &'static str) {
    match library {
        Library::KafkaPython => ("kafka_python_mb_per_s", "kafka_python_cpu_s_per_gb"),
        Library::ConfluentKafka => ("confluent_kafka_mb_per_s", "confluent_kafka_cpu_s_per_gb"),
        Library::Java => ("java_mb_per_s", "java_cpu_s_per_gb"),
    }
}

/// What a client reports, and the CPU seconds of its broker from its beginning to its end.
fn watched(client: RunningClient, topic: &Topic) -> Result<(ClientReport, f64)> {
    let mut before = CpuSeconds::default();
    let report = client.finish(|| {
        before = topic.process.cpu()?;
        Ok(())
    })?;
    let cpu = topic.process.cpu()?.since(before);
    if report.bytes == 0 {
        bail!("the client moved nothing");
    }
    Ok((report, cpu))
}

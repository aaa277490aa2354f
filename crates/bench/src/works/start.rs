//! From the launch of an empty broker to its first acknowledged record.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::{
    bench::{Bench, Subject},
    broker::Kind,
    control::{Control, until},
    load::Shape,
    record::Metrics,
    wire,
};

const TOPIC: &str = "first";
const WITHIN: Duration = Duration::from_secs(60);

/// Highwater starts in an empty folder. Kafka wants its folder formatted, which is not counted:
/// it is started and stopped once before.
pub(super) fn run(bench: &mut Bench, work: &str) -> Result<()> {
    let subjects = bench.present(&[Subject::Highwater, Subject::Kafka]);
    for round in 0..bench.bounds.rounds {
        for subject in &subjects {
            let mut broker = bench.fresh(subject.kind())?;
            if subject.kind() == Kind::Kafka {
                broker.start()?;
                broker.stop()?;
            }
            let frame = Shape {
                records: 1,
                value_bytes: 100,
            }
            .frame(TOPIC, 0)?;
            let started = Instant::now();
            broker.launch_again()?;
            let deadline = started + WITHIN;
            let mut control = Control::connect_when_up(broker.address, deadline)
                .with_context(|| broker.last_words())?;
            control.create_topic(TOPIC, 1, &[])?;
            until(deadline, || wire::produced(&control.call(&frame.bytes)?))?;
            let seconds = started.elapsed().as_secs_f64();
            let metrics = Metrics::default().with("first_ack_s", seconds);
            bench.add(work, subject.name(), round, metrics)?;
            broker.stop()?;
        }
    }
    Ok(())
}

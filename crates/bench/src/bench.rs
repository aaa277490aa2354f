//! What all works share: the brokers that stay up from one to the next, the turns, the results.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use crate::{
    broker::{Broker, Kind, Programs},
    control::Control,
    process,
    record::{DONE, Metrics, NOTE, Results, Row},
    say,
};

/// Who is measured, and with which promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Highwater as it comes: acknowledged means on disk.
    Highwater,
    /// Highwater with Kafka's promise.
    HighwaterReplicated,
    /// Kafka as it comes: acknowledged means in memory.
    Kafka,
    /// Kafka with a flush for every batch.
    KafkaFlushed,
}

impl Subject {
    /// As the table has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Highwater => "Highwater, fsync",
            Self::HighwaterReplicated => "Highwater, replicated",
            Self::Kafka => "Kafka, unsynced",
            Self::KafkaFlushed => "Kafka, flushed",
        }
    }

    /// Which broker.
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Highwater | Self::HighwaterReplicated => Kind::Highwater,
            Self::Kafka | Self::KafkaFlushed => Kind::Kafka,
        }
    }

    /// What makes a topic so.
    pub(crate) const fn topic_configs(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Highwater | Self::Kafka => &[],
            Self::HighwaterReplicated => &[("durability", "replicated")],
            Self::KafkaFlushed => &[("flush.messages", "1")],
        }
    }
}

/// How much of everything.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// Seconds of a turn.
    pub(crate) turn: Duration,
    /// Seconds for which a machine that compiles while it runs is driven before it counts.
    pub(crate) warm_up: Duration,
    /// Turns of each subject.
    pub(crate) rounds: u32,
    /// Most bytes of values that a turn produces.
    pub(crate) turn_bytes_max: u64,
    /// Bytes that stand on disk when a broker is killed.
    pub(crate) kill_bytes: u64,
    /// How many partitions the largest topic has.
    pub(crate) partitions_max: u32,
}

/// The run.
pub(crate) struct Bench {
    /// How much of everything.
    pub(crate) bounds: Bounds,
    /// All that was found.
    pub(crate) results: Results,
    programs: Programs,
    folder: PathBuf,
    shared: Vec<Broker>,
    topics: u32,
}

impl Bench {
    /// A run that has not begun.
    pub(crate) fn new(
        bounds: Bounds,
        results: Results,
        programs: Programs,
        folder: PathBuf,
    ) -> Self {
        Self {
            bounds,
            results,
            programs,
            folder,
            shared: Vec::new(),
            topics: 0,
        }
    }

    /// The folder for data.
    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// Those of some subjects that can be had here.
    pub(crate) fn present(&self, subjects: &[Subject]) -> Vec<Subject> {
        let here = |subject: &Subject| match subject.kind() {
            Kind::Highwater => true,
            Kind::Kafka => self.programs.kafka.is_some(),
        };
        subjects.iter().copied().filter(here).collect()
    }

    /// A broker that starts empty, for one work alone. Those that stay up are stopped, so that
    /// they do not disturb.
    pub(crate) fn fresh(&mut self, kind: Kind) -> Result<Broker> {
        self.stop_shared();
        Broker::new(kind, &self.programs, self.folder.join(folder_name(kind)))
    }

    /// Ends the brokers that stay up from work to work.
    pub(crate) fn stop_shared(&mut self) {
        self.shared.clear();
    }

    /// The broker of a kind that stays up from work to work.
    pub(crate) fn shared(&mut self, kind: Kind) -> Result<&Broker> {
        if !self.shared.iter().any(|broker| broker.kind == kind) {
            let folder = self.folder.join(folder_name(kind));
            let mut broker = Broker::new(kind, &self.programs, folder)?;
            broker.start()?;
            let deadline = Instant::now() + Duration::from_secs(60);
            Control::connect_when_up(broker.address, deadline)
                .with_context(|| broker.last_words())?;
            self.shared.push(broker);
        }
        let found = self.shared.iter().find(|broker| broker.kind == kind);
        found.context("the broker has just been started")
    }

    /// A topic for one turn, on a broker that stays up.
    pub(crate) fn topic(&mut self, subject: Subject, partitions: u32) -> Result<Topic> {
        self.topics += 1;
        let name = format!("bench-{}-{}", std::process::id(), self.topics);
        let broker = self.shared(subject.kind())?;
        let (address, process) = (broker.address, broker.process()?);
        let mut control = Control::connect(address)?;
        control
            .create_topic(&name, partitions, subject.topic_configs())
            .and_then(|()| control.await_served(&name, partitions))
            .with_context(|| broker.last_words())?;
        Ok(Topic {
            name,
            partitions,
            address,
            process,
            control,
        })
    }

    /// Measures subjects in turns, each turn for a time that it is told. Kafka has one before
    /// all others that does not count.
    pub(crate) fn turns(
        &mut self,
        work: &str,
        subjects: &[Subject],
        mut turn: impl FnMut(&mut Self, Subject, Duration) -> Result<Metrics>,
    ) -> Result<()> {
        let subjects = self.present(subjects);
        if let Some(kafka) = subjects
            .iter()
            .find(|subject| subject.kind() == Kind::Kafka)
        {
            turn(self, *kafka, self.bounds.warm_up)?;
        }
        for round in 0..self.bounds.rounds {
            for subject in &subjects {
                let metrics = turn(self, *subject, self.bounds.turn)?;
                self.add(work, subject.name(), round, metrics)?;
            }
        }
        Ok(())
    }

    /// Keeps and tells a result.
    pub(crate) fn add(
        &mut self,
        work: &str,
        subject: &str,
        round: u32,
        metrics: Metrics,
    ) -> Result<()> {
        let row = Row {
            work: work.to_owned(),
            subject: subject.to_owned(),
            round,
            load_average: process::load_average(),
            metrics,
            note: None,
        };
        if subject != DONE {
            say(&serde_json::to_string(&row)?);
        }
        self.results.add(row)
    }

    /// Keeps and tells why something of a work was not measured.
    pub(crate) fn add_note(&mut self, work: &str, note: &str) -> Result<()> {
        let row = Row {
            work: work.to_owned(),
            subject: NOTE.to_owned(),
            round: 0,
            load_average: process::load_average(),
            metrics: Metrics::default(),
            note: Some(note.to_owned()),
        };
        say(&serde_json::to_string(&row)?);
        self.results.add(row)
    }
}

const fn folder_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Highwater => "highwater",
        Kind::Kafka => "kafka",
    }
}

/// A topic that is deleted after its turn.
pub(crate) struct Topic {
    /// Its name.
    pub(crate) name: String,
    /// How many.
    pub(crate) partitions: u32,
    /// Of its broker.
    pub(crate) address: std::net::SocketAddr,
    /// Of its broker.
    pub(crate) process: process::Watched,
    control: Control,
}

impl Drop for Topic {
    fn drop(&mut self) {
        // What stays behind is removed with the folder of the broker.
        self.control.delete_topic(&self.name).ok();
    }
}

/// Takes memory from the host and gives it back to the kernel, and lets the disk settle. In a
/// virtual machine the first write to a page that the host has taken back costs ten times as
/// much, and would be booked on whoever is measured next.
pub(crate) fn settle(bytes: u64) {
    rustix::fs::sync();
    let mut memory = vec![0_u8; usize::try_from(bytes).unwrap_or(0)];
    for page in memory.chunks_mut(4096) {
        page[0] = 1;
    }
    std::hint::black_box(&memory);
}

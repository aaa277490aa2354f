//! What the controller decides, told as scenarios: a world takes requests, applies what has been
//! decided, and writes down what everybody was answered.

mod brokers;
mod configs;
mod import;
mod properties;
mod replicas;
mod topics;

use std::fmt::{Debug, Display, Write};

use highwater_types::{BrokerId, PartitionIndex, TopicId};

use super::*;
use crate::{
    BrokerChange, BrokerRegistration, BrokerState, ClusterRecord, ConfigMap, ConfigResource,
    ConfigResourceType, FeatureLevelRecord, Listener, MetadataImage, PartitionImage,
};

/// Keys with which configuration can be tested: a number, a list, and nothing else.
pub(super) struct TestRules;

impl ConfigRules for TestRules {
    fn validate(
        &self,
        _resource: &ConfigResource,
        resulting: &ConfigMap,
        _changed: &[&str],
    ) -> Result<(), String> {
        for (key, value) in resulting {
            match &**key {
                "retention.ms" if value.parse::<i64>().is_err() => {
                    return Err(format!("Invalid value {value} for configuration {key}"));
                }
                "retention.ms" | "cleanup.policy" | "log.cleaner.threads" => {}
                other => return Err(format!("Unknown configuration {other}")),
            }
        }
        Ok(())
    }

    fn validate_change(
        &self,
        _resource: &ConfigResource,
        resulting: &ConfigMap,
    ) -> Result<(), String> {
        match resulting.get("log.cleaner.threads").map(|value| &**value) {
            Some("1000") => Err("too many threads at once".to_owned()),
            _ => Ok(()),
        }
    }

    fn is_list(&self, _kind: ConfigResourceType, key: &str) -> bool {
        key == "cleanup.policy"
    }

    fn default_value(&self, _kind: ConfigResourceType, key: &str) -> Option<String> {
        (key == "cleanup.policy").then(|| "delete".to_owned())
    }
}

pub(super) struct World {
    pub(super) image: MetadataImage,
    pub(super) settings: ControllerSettings,
    log: String,
    next_id: u8,
}

impl World {
    /// A world with active brokers.
    pub(super) fn with_brokers(ids: &[i32]) -> Self {
        let mut world = Self {
            image: MetadataImage::new(),
            settings: ControllerSettings::default(),
            log: String::new(),
            next_id: 0,
        };
        for id in ids {
            let decision = world
                .decide(|c| c.register_broker("c", &registration(*id, 1), PreviousStop::Unclean))
                .unwrap();
            world.apply(&decision.records);
        }
        world
    }

    pub(super) fn decide<R>(&self, decide: impl FnOnce(Controller<'_>) -> R) -> R {
        decide(Controller::new(&self.image, &self.settings, &TestRules))
    }

    pub(super) fn apply(&mut self, records: &[MetadataRecord]) {
        let (image, _) = self
            .image
            .apply(records)
            .expect("a decision contradicts its image");
        self.image = image;
    }

    pub(super) fn note(&mut self, line: impl Display) {
        writeln!(self.log, "{line}").unwrap();
    }

    /// Notes one answer per entry, and applies what was decided.
    pub(super) fn take<T: Debug, E: Display>(
        &mut self,
        what: &str,
        decision: &Decision<Vec<Result<T, E>>>,
    ) {
        self.note(format!("{what}: {} records", decision.records.len()));
        for answer in &decision.response {
            match answer {
                Ok(answer) => self.note(format!("    {answer:?}")),
                Err(error) => self.note(format!("    refused: {error}")),
            }
        }
        self.apply(&decision.records);
    }

    /// Notes a single answer, and applies what was decided.
    pub(super) fn take_one<T: Debug, E: Display>(
        &mut self,
        what: &str,
        decision: Result<Decision<T>, E>,
    ) {
        match decision {
            Ok(decision) => {
                self.note(format!("{what}: {} records", decision.records.len()));
                self.apply(&decision.records);
            }
            Err(error) => self.note(format!("{what}: refused: {error}")),
        }
    }

    pub(super) fn create(&mut self, topics: &[NewTopic], mode: Mode) {
        let first = self.next_id;
        let mut ids = (first + 1..).map(|number| TopicId([number; 16]));
        let decision = self.decide(|c| c.create_topics(topics, &mut ids, 0, mode));
        self.next_id += topics.len() as u8;
        self.take("create", &decision);
    }

    /// Notes every topic with its partitions.
    pub(super) fn show(&mut self) {
        let topics: Vec<_> = self.image.topics().cloned().collect();
        for topic in topics {
            for (index, partition) in topic.partitions() {
                self.note(format!("{}-{index} {}", topic.name, describe(partition)));
            }
        }
    }

    pub(super) fn told(self) -> String {
        self.log
    }
}

fn describe(partition: &PartitionImage) -> String {
    let ids = |list: &[BrokerId]| {
        list.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(",")
    };
    let mut text = format!(
        "leader {} epoch {}/{} replicas {} isr {}",
        partition.leader,
        partition.leader_epoch,
        partition.partition_epoch,
        ids(&partition.replicas),
        ids(&partition.isr),
    );
    if let Some(reassignment) = partition.reassignment() {
        let (adding, removing) = (ids(&reassignment.adding), ids(&reassignment.removing));
        write!(text, " adding [{adding}] removing [{removing}]").unwrap();
    }
    text
}

/// An active broker in its nth incarnation.
pub(super) fn registration(id: i32, incarnation: u8) -> BrokerRegistration {
    BrokerRegistration {
        id: BrokerId(id),
        incarnation: [incarnation; 16],
        broker_epoch: i64::from(incarnation),
        rack: None,
        state: BrokerState::Active,
        listeners: vec![Listener {
            name: "PLAINTEXT".into(),
            host: "localhost".into(),
            port: 9092,
            security_protocol: 0,
        }],
        features: vec![FeatureRange {
            name: "group.version".into(),
            min: 0,
            max: 1,
        }],
        log_dirs: Vec::new(),
    }
}

/// A topic to be created without anything special.
pub(super) fn new_topic(name: &str, partitions: i32, replication_factor: i16) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        partitions,
        replication_factor,
        assignments: Vec::new(),
        configs: Vec::new(),
    }
}

/// A topic with its replicas assigned by hand, partition by partition.
pub(super) fn assigned(name: &str, assignments: &[(i32, &[i32])]) -> NewTopic {
    NewTopic {
        assignments: assignments
            .iter()
            .map(|(index, brokers)| (PartitionIndex(*index), ids(brokers)))
            .collect(),
        ..new_topic(name, -1, -1)
    }
}

pub(super) fn ids(brokers: &[i32]) -> Vec<BrokerId> {
    brokers.iter().copied().map(BrokerId).collect()
}

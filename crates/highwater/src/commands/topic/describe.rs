//! `highwater topic describe`.

use std::collections::BTreeMap;

use highwater_client::{
    Admin, ConfigResource, ConfigSource, ErrorCode, IsolationLevel, PartitionMetadata,
    ResourceKind, TopicMetadata,
};
use highwater_types::{BrokerId, TopicName, TopicPartition};
use serde::Serialize;

use crate::commands::settle;
use crate::connect::{ConnectArgs, parse_topic};
use crate::error::CommandError;
use crate::output::{Report, list, or_dash, print, table};
use crate::position::{Ends, log_ends};

/// What to describe.
#[derive(Debug, clap::Args)]
pub(crate) struct DescribeArgs {
    /// Names of the topics.
    #[arg(required = true, value_name = "TOPIC", value_parser = parse_topic)]
    topics: Vec<TopicName>,
}

#[derive(Debug, Serialize)]
struct Partition {
    partition: i32,
    leader: Option<i32>,
    leader_epoch: i32,
    replicas: Vec<i32>,
    isr: Vec<i32>,
    offline: Vec<i32>,
    start_offset: Option<i64>,
    end_offset: Option<i64>,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Config {
    value: Option<String>,
    source: &'static str,
}

#[derive(Debug, Serialize)]
struct Described {
    name: String,
    id: Option<String>,
    internal: bool,
    /// What is set other than by default.
    configs: BTreeMap<String, Config>,
    partitions: Vec<Partition>,
}

#[derive(Debug, Serialize)]
struct DescribeReport {
    topics: Vec<Described>,
}

impl Report for DescribeReport {
    fn text(&self) -> String {
        let blocks: Vec<_> = self.topics.iter().map(topic_text).collect();
        blocks.join("\n")
    }
}

fn topic_text(topic: &Described) -> String {
    const COLUMNS: [&str; 9] = [
        "partition",
        "leader",
        "epoch",
        "replicas",
        "isr",
        "offline",
        "start",
        "end",
        "error",
    ];
    let mut text = format!("topic {}", topic.name);
    if let Some(id) = &topic.id {
        text += &format!(", id {id}");
    }
    if topic.internal {
        text += ", internal";
    }
    text += "\n";
    for (key, config) in &topic.configs {
        let value = config.value.as_deref().unwrap_or("(hidden)");
        text += &format!("config {key}={value} ({})\n", config.source);
    }
    let has_errors = topic.partitions.iter().any(|p| p.error.is_some());
    let columns = if has_errors {
        &COLUMNS[..]
    } else {
        &COLUMNS[..8]
    };
    let row = |p: &Partition| {
        let mut row = vec![
            p.partition.to_string(),
            or_dash(p.leader),
            p.leader_epoch.to_string(),
            list(&p.replicas),
            list(&p.isr),
            list(&p.offline),
            or_dash(p.start_offset),
            or_dash(p.end_offset),
        ];
        if has_errors {
            row.push(or_dash(p.error.as_ref()));
        }
        row
    };
    let rows = topic.partitions.iter().map(row).collect();
    text + &table(
        columns,
        &["partition", "leader", "epoch", "start", "end"],
        rows,
    )
}

fn numbers(ids: &[BrokerId]) -> Vec<i32> {
    ids.iter().map(|id| id.get()).collect()
}

fn partition(p: &PartitionMetadata, ends: Option<Ends>) -> Partition {
    Partition {
        partition: p.index.get(),
        leader: p.leader.map(BrokerId::get),
        leader_epoch: p.leader_epoch.get(),
        replicas: numbers(&p.replicas),
        isr: numbers(&p.isr),
        offline: numbers(&p.offline),
        start_offset: ends.map(|ends| ends.start),
        end_offset: ends.map(|ends| ends.end),
        error: (p.code != ErrorCode::NONE).then(|| p.code.to_string()),
    }
}

async fn describe(admin: &Admin, topic: &TopicMetadata) -> Result<Described, CommandError> {
    let led = topic.partitions.iter().filter(|p| p.leader.is_some());
    let led: Vec<_> = led
        .map(|p| TopicPartition::new(topic.name.clone(), p.index))
        .collect();
    let ends = log_ends(admin, &led, IsolationLevel::ReadUncommitted).await?;
    let resource = ConfigResource {
        kind: ResourceKind::Topic,
        name: topic.name.to_string(),
    };
    let entries = admin.describe_configs(&resource).await?;
    let entries =
        entries.map_err(|e| CommandError::failed(format!("configs of {}", topic.name), e))?;
    let set = entries
        .into_values()
        .filter(|entry| entry.source != ConfigSource::Default);
    let configs = set.map(|entry| {
        let config = Config {
            value: entry.value,
            source: entry.source.name(),
        };
        (entry.name, config)
    });
    let ends_of = |p: &PartitionMetadata| {
        ends.get(&TopicPartition::new(topic.name.clone(), p.index))
            .copied()
    };
    Ok(Described {
        name: topic.name.to_string(),
        id: (!topic.id.is_zero()).then(|| topic.id.to_string()),
        internal: topic.is_internal,
        configs: configs.collect(),
        partitions: topic
            .partitions
            .iter()
            .map(|p| partition(p, ends_of(p)))
            .collect(),
    })
}

pub(crate) async fn run(args: &DescribeArgs, connect: &ConnectArgs) -> Result<(), CommandError> {
    let admin = connect.admin().await?;
    let mut failures = Vec::new();
    let mut topics = Vec::new();
    let described = admin.describe_topics(&args.topics).await?;
    for (name, outcome) in described {
        match outcome {
            Ok(topic) => topics.push(describe(&admin, &topic).await?),
            Err(e) => failures.push(format!("topic {name}: {e}")),
        }
    }
    if !topics.is_empty() {
        print(&DescribeReport { topics }, connect.format)?;
    }
    settle(&failures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::check;
    use expect_test::expect;

    #[test]
    fn the_report_shows_configs_and_partitions() {
        let config = Config {
            value: Some("1000".to_owned()),
            source: "topic",
        };
        let described = Described {
            name: "orders".to_owned(),
            id: None,
            internal: false,
            configs: BTreeMap::from([("retention.ms".to_owned(), config)]),
            partitions: vec![Partition {
                partition: 0,
                leader: Some(1),
                leader_epoch: 4,
                replicas: vec![1, 2],
                isr: vec![1],
                offline: vec![],
                start_offset: Some(5),
                end_offset: Some(1005),
                error: None,
            }],
        };
        check(
            &DescribeReport {
                topics: vec![described],
            },
            &expect![[r#"
                topic orders
                config retention.ms=1000 (topic)
                PARTITION  LEADER  EPOCH  REPLICAS  ISR  OFFLINE  START   END
                        0       1      4  1,2       1    -            5  1005
            "#]],
            &expect![[r#"
                {
                  "topics": [
                    {
                      "name": "orders",
                      "id": null,
                      "internal": false,
                      "configs": {
                        "retention.ms": {
                          "value": "1000",
                          "source": "topic"
                        }
                      },
                      "partitions": [
                        {
                          "partition": 0,
                          "leader": 1,
                          "leader_epoch": 4,
                          "replicas": [
                            1,
                            2
                          ],
                          "isr": [
                            1
                          ],
                          "offline": [],
                          "start_offset": 5,
                          "end_offset": 1005,
                          "error": null
                        }
                      ]
                    }
                  ]
                }"#]],
        );
    }
}

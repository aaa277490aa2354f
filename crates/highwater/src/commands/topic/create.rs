//! `highwater topic create`.

use highwater_client::{ErrorCode, NewTopic};
use highwater_types::TopicName;
use serde::Serialize;

use crate::commands::settle;
use crate::connect::{ConnectArgs, parse_pair, parse_topic};
use crate::error::CommandError;
use crate::output::{Failure, Report, print};

/// What to create.
#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    /// Names of the topics.
    #[arg(required = true, value_name = "TOPIC", value_parser = parse_topic)]
    topics: Vec<TopicName>,
    /// Partitions of each; without it the broker's default.
    #[arg(short, long, value_name = "COUNT", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// Replicas of each partition; without it the broker's default.
    #[arg(short, long, value_name = "COUNT", value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,
    /// A config other than its default; may be repeated.
    #[arg(short, long = "config", value_name = "KEY=VALUE", value_parser = parse_pair)]
    configs: Vec<(String, String)>,
    /// Succeed for topics that exist already, whatever they look like.
    #[arg(long)]
    if_not_exists: bool,
    /// Let the broker check everything and create nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
struct Created {
    name: String,
    id: Option<String>,
    partitions: Option<i32>,
    replication_factor: Option<i16>,
    created: bool,
    error: Option<Failure>,
}

#[derive(Debug, Serialize)]
struct CreateReport {
    dry_run: bool,
    topics: Vec<Created>,
}

impl Report for CreateReport {
    fn text(&self) -> String {
        let line = |topic: &Created| match (&topic.error, topic.created, self.dry_run) {
            (Some(_), ..) => String::new(),
            (None, false, true) => format!("{}: would be created\n", topic.name),
            (None, false, false) => format!("{}: exists\n", topic.name),
            (None, true, _) => {
                let count = |n: Option<i32>, what: &str| {
                    n.map(|n| format!(", {n} {what}{}", if n == 1 { "" } else { "s" }))
                };
                let partitions = count(topic.partitions, "partition").unwrap_or_default();
                let replicas = count(topic.replication_factor.map(i32::from), "replica");
                let replicas = replicas.unwrap_or_default();
                format!("{}: created{partitions}{replicas}\n", topic.name)
            }
        };
        self.topics.iter().map(line).collect()
    }
}

pub(crate) async fn run(args: &CreateArgs, connect: &ConnectArgs) -> Result<(), CommandError> {
    let admin = connect.admin().await?;
    let new_topic = |name: &TopicName| NewTopic {
        partitions: args.partitions,
        replication_factor: args.replication_factor,
        configs: args.configs.iter().cloned().collect(),
        ..NewTopic::new(name.clone())
    };
    let topics: Vec<_> = args.topics.iter().map(new_topic).collect();
    let mut failures = Vec::new();
    let mut rows = Vec::new();
    for (name, outcome) in admin.create_topics(&topics, args.dry_run).await? {
        let mut row = Created {
            name: name.to_string(),
            id: None,
            partitions: None,
            replication_factor: None,
            created: false,
            error: None,
        };
        match outcome {
            Ok(created) => {
                row.id = (!created.id.is_zero()).then(|| created.id.to_string());
                row.partitions = created.partitions;
                row.replication_factor = created.replication_factor;
                row.created = !args.dry_run;
            }
            Err(e) if args.if_not_exists && e.code == ErrorCode::TOPIC_ALREADY_EXISTS => {}
            Err(e) => {
                failures.push(format!("topic {name}: {e}"));
                row.error = Some(e.into());
            }
        }
        rows.push(row);
    }
    print(
        &CreateReport {
            dry_run: args.dry_run,
            topics: rows,
        },
        connect.format,
    )?;
    settle(&failures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::check;
    use expect_test::expect;

    #[test]
    fn the_report_names_what_was_created_and_what_was_refused() {
        let topic = |name: &str| Created {
            name: name.to_owned(),
            id: None,
            partitions: None,
            replication_factor: None,
            created: false,
            error: None,
        };
        let refused = Failure {
            code: "TOPIC_ALREADY_EXISTS".to_owned(),
            message: Some("it is there".to_owned()),
        };
        let report = CreateReport {
            dry_run: false,
            topics: vec![
                Created {
                    id: Some("AAAAAAAAAAAAAAAAAAAAAQ".to_owned()),
                    partitions: Some(3),
                    replication_factor: Some(1),
                    created: true,
                    ..topic("a")
                },
                Created {
                    error: Some(refused),
                    ..topic("b")
                },
            ],
        };
        check(
            &report,
            &expect![[r#"
                a: created, 3 partitions, 1 replica
            "#]],
            &expect![[r#"
                {
                  "dry_run": false,
                  "topics": [
                    {
                      "name": "a",
                      "id": "AAAAAAAAAAAAAAAAAAAAAQ",
                      "partitions": 3,
                      "replication_factor": 1,
                      "created": true,
                      "error": null
                    },
                    {
                      "name": "b",
                      "id": null,
                      "partitions": null,
                      "replication_factor": null,
                      "created": false,
                      "error": {
                        "code": "TOPIC_ALREADY_EXISTS",
                        "message": "it is there"
                      }
                    }
                  ]
                }"#]],
        );
    }
}

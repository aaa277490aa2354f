//! `highwater log import`: takes over the topics of a data directory that Kafka has left.
//!
//! What an import does and promises is in `broker::import`; here are its flags and its report.

use std::path::PathBuf;
use std::sync::Arc;

use highwater_broker::import::{
    ImportPlan, ImportRequest, Imported, ImportedLog, LeftOut, carry_out, check_target,
    lock_source, plan,
};
use highwater_disk::{Disk, RealDisk};
use serde::Serialize;

use crate::commands::{Confirmation, confirmed};
use crate::error::CommandError;
use crate::output::{Format, Report, bytes_text, or_dash, print, table};
use crate::progress::Progress;

/// From where to where.
#[derive(Debug, clap::Args)]
pub(crate) struct LogImportArgs {
    /// A directory of Kafka's `log.dirs`; all of them must be given. Kafka must have been
    /// stopped in order. Nothing in it is changed.
    #[arg(long, value_name = "KAFKA_LOG_DIR", required = true)]
    from: Vec<PathBuf>,
    /// The data directory of Highwater, made if missing; of several the one with the metadata
    /// log, the first of `log.dirs`. No broker may run on it.
    #[arg(long, value_name = "DATA_DIR")]
    to: PathBuf,
    /// Only look at both directories and say what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Leave the positions of consumer groups behind.
    #[arg(long)]
    without_group_positions: bool,
    #[command(flatten)]
    confirmation: Confirmation,
    /// Tables for people, or JSON for programs.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Source {
    directories: Vec<String>,
    cluster_id: String,
    node_id: i32,
}

#[derive(Debug, Serialize)]
struct Target {
    directory: String,
    cluster_id: String,
    node_id: i32,
    is_new: bool,
}

#[derive(Debug, Serialize)]
struct Partition {
    partition: usize,
    bytes: u64,
    log_start: Option<i64>,
    log_end: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Config {
    name: String,
    value: String,
}

#[derive(Debug, Serialize)]
struct Topic {
    name: String,
    id: String,
    partitions: Vec<Partition>,
    configs: Vec<Config>,
}

#[derive(Debug, Serialize)]
struct Rest {
    what: String,
    why: String,
}

impl From<&LeftOut> for Rest {
    fn from(left_out: &LeftOut) -> Self {
        Self {
            what: left_out.what.clone(),
            why: left_out.why.clone(),
        }
    }
}

#[derive(Debug, Serialize)]
struct ImportReport {
    imported: bool,
    source: Source,
    target: Target,
    bytes: u64,
    topics: Vec<Topic>,
    left_out: Vec<Rest>,
    warnings: Vec<String>,
}

impl ImportReport {
    fn new(from: &[PathBuf], plan: &ImportPlan) -> Self {
        let topics = plan.topics.iter().map(|topic| Topic {
            name: topic.name.clone(),
            id: topic.id.to_string(),
            partitions: topic
                .partitions
                .iter()
                .enumerate()
                .map(|(partition, planned)| Partition {
                    partition,
                    bytes: planned.bytes,
                    log_start: None,
                    log_end: None,
                })
                .collect(),
            configs: topic
                .configs
                .iter()
                .cloned()
                .map(|(name, value)| Config { name, value })
                .collect(),
        });
        Self {
            imported: false,
            source: Source {
                directories: from.iter().map(|dir| dir.display().to_string()).collect(),
                cluster_id: plan.source_cluster_id.clone(),
                node_id: plan.source_node_id,
            },
            target: Target {
                directory: plan.target.display().to_string(),
                cluster_id: plan.target_cluster_id.clone(),
                node_id: plan.target_node_id,
                is_new: plan.target_is_new,
            },
            bytes: plan.bytes,
            topics: topics.collect(),
            left_out: plan.left_out.iter().map(Rest::from).collect(),
            warnings: plan.warnings.clone(),
        }
    }

    /// Adds what is known only once everything has been read.
    fn add(&mut self, done: &Imported) {
        self.imported = true;
        self.bytes = done.bytes;
        self.left_out.extend(done.left_out.iter().map(Rest::from));
        self.warnings.extend(done.warnings.iter().cloned());
        let partitions = self
            .topics
            .iter_mut()
            .flat_map(|topic| &mut topic.partitions);
        for (
            row,
            ImportedLog {
                log_start, log_end, ..
            },
        ) in partitions.zip(&done.logs)
        {
            row.log_start = Some(log_start.get());
            row.log_end = Some(log_end.get());
        }
    }

    fn topic_table(&self) -> String {
        let rows = self.topics.iter().map(|topic| {
            let bytes: u64 = topic.partitions.iter().map(|row| row.bytes).sum();
            let offsets = topic.partitions.iter();
            // Offsets, not records: a compacted log has fewer.
            let offsets: Option<i64> = offsets.map(|row| Some(row.log_end? - row.log_start?)).sum();
            vec![
                topic.name.clone(),
                topic.id.clone(),
                topic.partitions.len().to_string(),
                or_dash(offsets),
                bytes_text(i64::try_from(bytes).unwrap_or(i64::MAX)),
                topic.configs.len().to_string(),
            ]
        });
        let columns = ["topic", "id", "partitions", "offsets", "size", "configs"];
        table(
            &columns,
            &["partitions", "offsets", "size", "configs"],
            rows.collect(),
        )
    }
}

impl Report for ImportReport {
    fn text(&self) -> String {
        let (source, target) = (&self.source, &self.target);
        let verb = if self.imported {
            "Imported"
        } else {
            "Would import"
        };
        let bytes = bytes_text(i64::try_from(self.bytes).unwrap_or(i64::MAX));
        let kind = if target.is_new { "new" } else { "existing" };
        let mut text = format!(
            "{verb} {bytes} from {} (cluster {}, node {})\ninto the {kind} directory {} (cluster {}, node {}):\n\n{}",
            source.directories.join(", "),
            source.cluster_id,
            source.node_id,
            target.directory,
            target.cluster_id,
            target.node_id,
            self.topic_table(),
        );
        if !self.left_out.is_empty() {
            text.push_str("\nNot taken over:\n");
            for Rest { what, why } in &self.left_out {
                text.push_str(&format!("  {what} ({why})\n"));
            }
        }
        if !self.warnings.is_empty() {
            text.push_str("\nTo be noted:\n");
            for warning in &self.warnings {
                text.push_str(&format!("  {warning}\n"));
            }
        }
        if self.imported {
            let (directory, node_id) = (&target.directory, target.node_id);
            text.push_str(&format!(
                "\nBefore the start, take over what Kafka's server.properties says, retention first: it is \
                 not in the data.\nStart with: highwater broker --config server.properties --set \
                 log.dirs={directory} --set node.id={node_id}\n"
            ));
        }
        text
    }
}

pub(crate) fn run(args: &LogImportArgs) -> Result<(), CommandError> {
    let failed = |error| CommandError::failed("import", error);
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let request = ImportRequest {
        from: args.from.clone(),
        to: args.to.clone(),
        without_group_positions: args.without_group_positions,
    };
    // Kept to the end: Kafka must not come back while its files are read.
    let _locks = lock_source(&args.from).map_err(failed)?;
    check_target(&args.to).map_err(failed)?;
    let plan = plan(&disk, &request).map_err(failed)?;
    let mut report = ImportReport::new(&args.from, &plan);
    if args.dry_run || !args.confirmation.yes {
        print(&report, args.format)?;
        return if args.dry_run {
            Ok(())
        } else {
            confirmed(&args.confirmation)
        };
    }
    let progress = Progress::of_bytes(plan.bytes);
    let done = carry_out(&disk, plan, &mut |bytes| progress.add(bytes));
    drop(progress);
    report.add(&done.map_err(failed)?);
    print(&report, args.format)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::check;

    fn report() -> ImportReport {
        let row = |partition, bytes, ends: Option<(i64, i64)>| Partition {
            partition,
            bytes,
            log_start: ends.map(|(start, _)| start),
            log_end: ends.map(|(_, end)| end),
        };
        ImportReport {
            imported: true,
            source: Source {
                directories: vec!["/kafka".to_owned()],
                cluster_id: "excanVSoREio7yq_nZcvsg".to_owned(),
                node_id: 1,
            },
            target: Target {
                directory: "/data".to_owned(),
                cluster_id: "excanVSoREio7yq_nZcvsg".to_owned(),
                node_id: 1,
                is_new: true,
            },
            bytes: 2048,
            topics: vec![Topic {
                name: "orders".to_owned(),
                id: "a8AtzS-xSxK85C3tKflPVQ".to_owned(),
                partitions: vec![row(0, 1024, Some((10, 42))), row(1, 1024, Some((0, 8)))],
                configs: vec![Config {
                    name: "retention.ms".to_owned(),
                    value: "-1".to_owned(),
                }],
            }],
            left_out: vec![Rest {
                what: "topic __transaction_state".to_owned(),
                why: "producers with a transactional id begin anew".to_owned(),
            }],
            warnings: vec![
                "orders-1: a transaction that begins at offset 4 has not ended".to_owned(),
            ],
        }
    }

    #[test]
    fn the_report_names_what_was_taken_and_what_was_not() {
        check(
            &report(),
            &expect_test::expect![[r#"
                Imported 2.0 KiB from /kafka (cluster excanVSoREio7yq_nZcvsg, node 1)
                into the new directory /data (cluster excanVSoREio7yq_nZcvsg, node 1):

                TOPIC   ID                      PARTITIONS  OFFSETS     SIZE  CONFIGS
                orders  a8AtzS-xSxK85C3tKflPVQ           2       40  2.0 KiB        1

                Not taken over:
                  topic __transaction_state (producers with a transactional id begin anew)

                To be noted:
                  orders-1: a transaction that begins at offset 4 has not ended

                Before the start, take over what Kafka's server.properties says, retention first: it is not in the data.
                Start with: highwater broker --config server.properties --set log.dirs=/data --set node.id=1
            "#]],
            &expect_test::expect![[r#"
                {
                  "imported": true,
                  "source": {
                    "directories": [
                      "/kafka"
                    ],
                    "cluster_id": "excanVSoREio7yq_nZcvsg",
                    "node_id": 1
                  },
                  "target": {
                    "directory": "/data",
                    "cluster_id": "excanVSoREio7yq_nZcvsg",
                    "node_id": 1,
                    "is_new": true
                  },
                  "bytes": 2048,
                  "topics": [
                    {
                      "name": "orders",
                      "id": "a8AtzS-xSxK85C3tKflPVQ",
                      "partitions": [
                        {
                          "partition": 0,
                          "bytes": 1024,
                          "log_start": 10,
                          "log_end": 42
                        },
                        {
                          "partition": 1,
                          "bytes": 1024,
                          "log_start": 0,
                          "log_end": 8
                        }
                      ],
                      "configs": [
                        {
                          "name": "retention.ms",
                          "value": "-1"
                        }
                      ]
                    }
                  ],
                  "left_out": [
                    {
                      "what": "topic __transaction_state",
                      "why": "producers with a transactional id begin anew"
                    }
                  ],
                  "warnings": [
                    "orders-1: a transaction that begins at offset 4 has not ended"
                  ]
                }"#]],
        );
    }
}

//! `highwater cluster info`.

use highwater_client::{Admin, ClientError, LogDirDescription, QuorumDescription, TopicMetadata};
use highwater_types::BrokerId;
use serde::Serialize;

use crate::connect::ConnectArgs;
use crate::error::CommandError;
use crate::output::{Report, bytes_text, or_dash, print, table};

#[derive(Debug, Serialize)]
struct LogDir {
    path: String,
    /// Replicas in it; absent if the directory is offline.
    replicas: Option<usize>,
    used_bytes: Option<i64>,
    volume_bytes: Option<i64>,
    free_bytes: Option<i64>,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Broker {
    id: i32,
    address: String,
    rack: Option<String>,
    controller: bool,
    fenced: bool,
    /// Absent if the broker did not tell.
    log_dirs: Option<Vec<LogDir>>,
}

#[derive(Debug, Serialize)]
struct Quorum {
    leader: Option<i32>,
    leader_epoch: i32,
    high_watermark: i64,
    voters: Vec<i32>,
    observers: Vec<i32>,
}

#[derive(Debug, Default, Serialize)]
struct Totals {
    topics: usize,
    partitions: usize,
    without_leader: usize,
    under_replicated: usize,
}

#[derive(Debug, Serialize)]
struct InfoReport {
    cluster_id: String,
    brokers: Vec<Broker>,
    /// Absent where the broker does not describe one.
    quorum: Option<Quorum>,
    totals: Totals,
}

impl Report for InfoReport {
    fn text(&self) -> String {
        let totals = &self.totals;
        let mut text = format!(
            "cluster {}\n{} topics, {} partitions, {} without leader, {} under-replicated\n",
            self.cluster_id,
            totals.topics,
            totals.partitions,
            totals.without_leader,
            totals.under_replicated
        );
        if let Some(quorum) = &self.quorum {
            text += &format!(
                "quorum leader {}, epoch {}, {} records, voters {}, observers {}\n",
                or_dash(quorum.leader),
                quorum.leader_epoch,
                quorum.high_watermark,
                crate::output::list(&quorum.voters),
                crate::output::list(&quorum.observers)
            );
        }
        let row = |broker: &Broker| {
            let role = match (broker.controller, broker.fenced) {
                (_, true) => "fenced",
                (true, false) => "controller",
                (false, false) => "-",
            };
            vec![
                broker.id.to_string(),
                broker.address.clone(),
                or_dash(broker.rack.as_ref()),
                role.to_owned(),
            ]
        };
        let rows = self.brokers.iter().map(row).collect();
        text += &table(&["broker", "address", "rack", "role"], &["broker"], rows);
        let dirs: Vec<_> = self.brokers.iter().flat_map(dir_rows).collect();
        if !dirs.is_empty() {
            let columns = [
                "broker",
                "log directory",
                "replicas",
                "used",
                "free",
                "error",
            ];
            text += &table(&columns, &["broker", "replicas", "used", "free"], dirs);
        }
        text
    }
}

fn dir_rows(broker: &Broker) -> Vec<Vec<String>> {
    let row = |dir: &LogDir| {
        vec![
            broker.id.to_string(),
            dir.path.clone(),
            or_dash(dir.replicas),
            or_dash(dir.used_bytes.map(bytes_text)),
            or_dash(dir.free_bytes.map(bytes_text)),
            or_dash(dir.error.as_ref()),
        ]
    };
    broker.log_dirs.iter().flatten().map(row).collect()
}

fn log_dir(dir: LogDirDescription) -> LogDir {
    let (replicas, error) = match dir.replicas {
        Ok(replicas) => (Some(replicas), None),
        Err(e) => (None, Some(e.to_string())),
    };
    LogDir {
        path: dir.path,
        replicas: replicas.as_ref().map(Vec::len),
        used_bytes: replicas.map(|replicas| replicas.iter().map(|r| r.size_bytes).sum()),
        volume_bytes: dir.total_bytes,
        free_bytes: dir.usable_bytes,
        error,
    }
}

fn quorum(described: &QuorumDescription) -> Quorum {
    Quorum {
        leader: described.leader.map(BrokerId::get),
        leader_epoch: described.leader_epoch.get(),
        high_watermark: described.high_watermark.get(),
        voters: described
            .voters
            .iter()
            .map(|voter| voter.id.get())
            .collect(),
        observers: described
            .observers
            .iter()
            .map(|observer| observer.id.get())
            .collect(),
    }
}

fn totals<'a>(topics: impl Iterator<Item = &'a TopicMetadata>) -> Totals {
    topics.fold(Totals::default(), |totals, topic| {
        let partitions = &topic.partitions;
        let without_leader = partitions.iter().filter(|p| p.leader.is_none()).count();
        let under = partitions
            .iter()
            .filter(|p| p.isr.len() < p.replicas.len())
            .count();
        Totals {
            topics: totals.topics + 1,
            partitions: totals.partitions + partitions.len(),
            without_leader: totals.without_leader + without_leader,
            under_replicated: totals.under_replicated + under,
        }
    })
}

/// What a cluster may not tell: that the API is not served or not allowed is no failure here.
fn optional<T>(answer: Result<T, ClientError>) -> Result<Option<T>, CommandError> {
    match answer {
        Ok(told) => Ok(Some(told)),
        Err(ClientError::Unsupported { .. } | ClientError::Refused { .. }) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

async fn describe(admin: &Admin) -> Result<InfoReport, CommandError> {
    let cluster = admin.describe_cluster().await?;
    let mut brokers = Vec::new();
    for broker in cluster.brokers {
        let id = broker.endpoint.id;
        let dirs = if broker.is_fenced {
            None
        } else {
            optional(admin.describe_log_dirs(id).await)?
        };
        brokers.push(Broker {
            id: id.get(),
            address: broker.endpoint.address(),
            rack: broker.endpoint.rack,
            controller: cluster.controller == Some(id),
            fenced: broker.is_fenced,
            log_dirs: dirs.map(|dirs| dirs.into_iter().map(log_dir).collect()),
        });
    }
    Ok(InfoReport {
        cluster_id: cluster.cluster_id,
        brokers,
        quorum: optional(admin.describe_quorum().await)?
            .as_ref()
            .map(quorum),
        totals: totals(admin.list_topics().await?.values()),
    })
}

pub(crate) async fn run(connect: ConnectArgs) -> Result<(), CommandError> {
    let admin = connect.admin().await?;
    print(&describe(&admin).await?, connect.format)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::check;
    use expect_test::expect;

    #[test]
    fn the_report_shows_brokers_and_their_disks() {
        let dir = LogDir {
            path: "/data".to_owned(),
            replicas: Some(3),
            used_bytes: Some(2048),
            volume_bytes: Some(1 << 30),
            free_bytes: Some(1 << 29),
            error: None,
        };
        let broker = Broker {
            id: 1,
            address: "127.0.0.1:9092".to_owned(),
            rack: None,
            controller: true,
            fenced: false,
            log_dirs: Some(vec![dir]),
        };
        let report = InfoReport {
            cluster_id: "abc".to_owned(),
            brokers: vec![broker],
            quorum: None,
            totals: Totals {
                topics: 1,
                partitions: 3,
                without_leader: 0,
                under_replicated: 0,
            },
        };
        check(
            &report,
            &expect![[r#"
                cluster abc
                1 topics, 3 partitions, 0 without leader, 0 under-replicated
                BROKER  ADDRESS         RACK  ROLE
                     1  127.0.0.1:9092  -     controller
                BROKER  LOG DIRECTORY  REPLICAS     USED       FREE  ERROR
                     1  /data                 3  2.0 KiB  512.0 MiB  -
            "#]],
            &expect![[r#"
                {
                  "cluster_id": "abc",
                  "brokers": [
                    {
                      "id": 1,
                      "address": "127.0.0.1:9092",
                      "rack": null,
                      "controller": true,
                      "fenced": false,
                      "log_dirs": [
                        {
                          "path": "/data",
                          "replicas": 3,
                          "used_bytes": 2048,
                          "volume_bytes": 1073741824,
                          "free_bytes": 536870912,
                          "error": null
                        }
                      ]
                    }
                  ],
                  "quorum": null,
                  "totals": {
                    "topics": 1,
                    "partitions": 3,
                    "without_leader": 0,
                    "under_replicated": 0
                  }
                }"#]],
        );
    }
}

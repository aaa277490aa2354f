//! `highwater group describe`.

use std::collections::{BTreeMap, BTreeSet};

use highwater_client::{Admin, CommittedOffset, GroupDescription, IsolationLevel, OffsetSpec};
use highwater_types::{Offset, TopicPartition};
use serde::Serialize;

use crate::commands::settle;
use crate::connect::ConnectArgs;
use crate::error::CommandError;
use crate::output::{Report, or_dash, print, table};

/// What to describe.
#[derive(Debug, clap::Args)]
pub(crate) struct DescribeArgs {
    /// Ids of the groups.
    #[arg(required = true, value_name = "GROUP")]
    groups: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Member {
    member: String,
    instance: Option<String>,
    client_id: String,
    host: String,
    partitions: usize,
}

#[derive(Debug, Serialize)]
struct Position {
    topic: String,
    partition: i32,
    committed_offset: Option<i64>,
    end_offset: Option<i64>,
    lag: Option<i64>,
    member: Option<String>,
    metadata: Option<String>,
}

#[derive(Debug, Serialize)]
struct Described {
    group: String,
    state: String,
    protocol_type: String,
    protocol: String,
    /// The address of the broker that coordinates the group.
    coordinator: String,
    total_lag: i64,
    members: Vec<Member>,
    offsets: Vec<Position>,
}

#[derive(Debug, Serialize)]
struct DescribeReport {
    groups: Vec<Described>,
}

impl Report for DescribeReport {
    fn text(&self) -> String {
        let blocks: Vec<_> = self.groups.iter().map(group_text).collect();
        blocks.join("\n")
    }
}

fn group_text(group: &Described) -> String {
    let assignor = if group.protocol.is_empty() {
        "-"
    } else {
        &group.protocol
    };
    let mut text = format!(
        "group {}, {}, assignor {assignor}, coordinator {}, {} members, lag {}\n",
        group.group,
        group.state,
        group.coordinator,
        group.members.len(),
        group.total_lag
    );
    if !group.members.is_empty() {
        let row = |m: &Member| {
            vec![
                m.member.clone(),
                or_dash(m.instance.as_ref()),
                m.client_id.clone(),
                m.host.clone(),
                m.partitions.to_string(),
            ]
        };
        let rows = group.members.iter().map(row).collect();
        let columns = ["member", "instance", "client", "host", "partitions"];
        text += &table(&columns, &["partitions"], rows);
    }
    if !group.offsets.is_empty() {
        let row = |p: &Position| {
            vec![
                p.topic.clone(),
                p.partition.to_string(),
                or_dash(p.committed_offset),
                or_dash(p.end_offset),
                or_dash(p.lag),
                or_dash(p.member.as_ref()),
            ]
        };
        let rows = group.offsets.iter().map(row).collect();
        let columns = ["topic", "partition", "committed", "end", "lag", "member"];
        text += &table(&columns, &["partition", "committed", "end", "lag"], rows);
    }
    text
}

fn join(
    group: GroupDescription,
    coordinator: String,
    committed: &BTreeMap<TopicPartition, CommittedOffset>,
    ends: &BTreeMap<TopicPartition, i64>,
) -> Described {
    let mut owners = BTreeMap::new();
    for member in &group.members {
        owners.extend(
            member
                .assignment
                .iter()
                .map(|p| (p.clone(), member.id.clone())),
        );
    }
    let all: BTreeSet<_> = committed.keys().chain(owners.keys()).collect();
    let position = |partition: &TopicPartition| {
        let commit = committed.get(partition);
        let end = ends.get(partition).copied();
        let offset = commit.map(|commit| commit.offset.get());
        let metadata = commit.map(|commit| commit.metadata.clone());
        Position {
            topic: partition.topic.to_string(),
            partition: partition.partition.get(),
            committed_offset: offset,
            end_offset: end,
            lag: offset.zip(end).map(|(offset, end)| (end - offset).max(0)),
            member: owners.get(partition).cloned(),
            metadata: metadata.filter(|text| !text.is_empty()),
        }
    };
    let offsets: Vec<_> = all.into_iter().map(position).collect();
    let members = group.members.into_iter().map(|member| Member {
        partitions: member.assignment.len(),
        member: member.id,
        instance: member.instance_id,
        client_id: member.client_id,
        host: member.host,
    });
    Described {
        group: group.id,
        state: group.state,
        protocol_type: group.protocol_type,
        protocol: group.protocol,
        coordinator,
        total_lag: offsets.iter().filter_map(|p| p.lag).sum(),
        members: members.collect(),
        offsets,
    }
}

async fn describe(admin: &Admin, id: &str) -> Result<Described, CommandError> {
    let described = admin.describe_group(id).await?;
    let group = described.map_err(|e| CommandError::failed(format!("group {id}"), e))?;
    let committed = admin.group_offsets(id).await?;
    let assigned = group
        .members
        .iter()
        .flat_map(|member| member.assignment.iter());
    let partitions: BTreeSet<_> = committed.keys().chain(assigned).cloned().collect();
    let wanted = partitions
        .into_iter()
        .map(|p| (p, OffsetSpec::Latest))
        .collect();
    let mut ends = BTreeMap::new();
    for (partition, outcome) in admin
        .list_offsets(wanted, IsolationLevel::ReadCommitted)
        .await?
    {
        // A partition that is gone has no end, and its committed offset is shown without a lag.
        if let Ok(found) = outcome {
            ends.insert(partition, found.offset.map_or(0, Offset::get));
        }
    }
    let coordinator = admin.group_coordinator(id).await?;
    Ok(join(group, coordinator, &committed, &ends))
}

pub(crate) async fn run(args: &DescribeArgs, connect: &ConnectArgs) -> Result<(), CommandError> {
    let admin = connect.admin().await?;
    let mut failures = Vec::new();
    let mut groups = Vec::new();
    for id in &args.groups {
        match describe(&admin, id).await {
            Ok(group) => groups.push(group),
            Err(e) => failures.push(e.to_string()),
        }
    }
    if !groups.is_empty() {
        print(&DescribeReport { groups }, connect.format)?;
    }
    settle(&failures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::check;
    use expect_test::expect;
    use highwater_client::GroupMember;
    use highwater_types::LeaderEpoch;

    fn described() -> Described {
        let partition = |text| TopicPartition::from_dir_name(text).unwrap();
        let group = GroupDescription {
            id: "billing".to_owned(),
            state: "Stable".to_owned(),
            protocol_type: "consumer".to_owned(),
            protocol: "range".to_owned(),
            members: vec![GroupMember {
                id: "m-1".to_owned(),
                instance_id: None,
                client_id: "c".to_owned(),
                host: "/127.0.0.1".to_owned(),
                assignment: vec![partition("orders-0"), partition("orders-1")],
            }],
        };
        let commit = CommittedOffset {
            offset: Offset(7),
            leader_epoch: LeaderEpoch::UNKNOWN,
            metadata: String::new(),
        };
        let committed = BTreeMap::from([(partition("orders-0"), commit)]);
        let ends = BTreeMap::from([(partition("orders-0"), 10), (partition("orders-1"), 4)]);
        join(group, "127.0.0.1:9092".to_owned(), &committed, &ends)
    }

    #[test]
    fn the_report_joins_members_offsets_and_lag() {
        check(
            &DescribeReport {
                groups: vec![described()],
            },
            &expect![[r#"
                group billing, Stable, assignor range, coordinator 127.0.0.1:9092, 1 members, lag 3
                MEMBER  INSTANCE  CLIENT  HOST        PARTITIONS
                m-1     -         c       /127.0.0.1           2
                TOPIC   PARTITION  COMMITTED  END  LAG  MEMBER
                orders          0          7   10    3  m-1
                orders          1          -    4    -  m-1
            "#]],
            &expect![[r#"
                {
                  "groups": [
                    {
                      "group": "billing",
                      "state": "Stable",
                      "protocol_type": "consumer",
                      "protocol": "range",
                      "coordinator": "127.0.0.1:9092",
                      "total_lag": 3,
                      "members": [
                        {
                          "member": "m-1",
                          "instance": null,
                          "client_id": "c",
                          "host": "/127.0.0.1",
                          "partitions": 2
                        }
                      ],
                      "offsets": [
                        {
                          "topic": "orders",
                          "partition": 0,
                          "committed_offset": 7,
                          "end_offset": 10,
                          "lag": 3,
                          "member": "m-1",
                          "metadata": null
                        },
                        {
                          "topic": "orders",
                          "partition": 1,
                          "committed_offset": null,
                          "end_offset": 4,
                          "lag": null,
                          "member": "m-1",
                          "metadata": null
                        }
                      ]
                    }
                  ]
                }"#]],
        );
    }
}

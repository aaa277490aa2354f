//! `highwater group delete`.

use std::collections::BTreeSet;

use highwater_client::{Admin, ErrorCode};
use highwater_types::TopicName;
use serde::Serialize;

use crate::commands::{Confirmation, confirmed, settle};
use crate::connect::{ConnectArgs, parse_topic};
use crate::error::CommandError;
use crate::output::{Failure, Report, print};

/// What to delete.
#[derive(Debug, clap::Args)]
pub(crate) struct DeleteArgs {
    /// Ids of the groups.
    #[arg(required = true, value_name = "GROUP")]
    groups: Vec<String>,
    /// Delete only the committed offsets of this topic; may be repeated.
    #[arg(short, long = "topic", value_name = "TOPIC", value_parser = parse_topic)]
    topics: Vec<TopicName>,
    #[command(flatten)]
    confirmation: Confirmation,
}

#[derive(Debug, Serialize)]
struct Deleted {
    group: String,
    members: usize,
    /// Committed offsets that go.
    offsets: usize,
    deleted: bool,
    error: Option<Failure>,
}

#[derive(Debug, Serialize)]
struct DeleteReport {
    /// Empty if the groups as a whole are meant.
    topics: Vec<String>,
    groups: Vec<Deleted>,
}

impl Report for DeleteReport {
    fn text(&self) -> String {
        let what = |group: &Deleted| {
            let offsets = format!("{} committed offsets", group.offsets);
            if self.topics.is_empty() {
                format!("group with {offsets}")
            } else {
                offsets
            }
        };
        let line = |group: &Deleted| match (&group.error, group.deleted) {
            (Some(_), _) => String::new(),
            (None, true) => format!("{}: deleted, {}\n", group.group, what(group)),
            (None, false) => {
                let members = match group.members {
                    0 => String::new(),
                    n => format!(", but it has {n} members"),
                };
                format!(
                    "{}: would be deleted, {}{members}\n",
                    group.group,
                    what(group)
                )
            }
        };
        self.groups.iter().map(line).collect()
    }
}

async fn delete_one(admin: &Admin, args: &DeleteArgs, id: &str) -> Result<Deleted, CommandError> {
    let members = match admin.describe_group(id).await? {
        Ok(group) => group.members.len(),
        Err(e) if e.code == ErrorCode::GROUP_ID_NOT_FOUND => 0,
        Err(e) => return Err(CommandError::failed(format!("group {id}"), e)),
    };
    let mut offsets: BTreeSet<_> = admin.group_offsets(id).await?.into_keys().collect();
    offsets.retain(|p| args.topics.is_empty() || args.topics.contains(&p.topic));
    let mut row = Deleted {
        group: id.to_owned(),
        members,
        offsets: offsets.len(),
        deleted: false,
        error: None,
    };
    if !args.confirmation.yes {
        return Ok(row);
    }
    let outcome = if args.topics.is_empty() {
        let mut outcomes = admin
            .delete_groups(std::slice::from_ref(&row.group))
            .await?;
        outcomes.remove(id).unwrap_or(Ok(()))
    } else {
        let outcomes = admin.delete_group_offsets(id, &offsets).await?;
        outcomes
            .into_values()
            .find(Result::is_err)
            .unwrap_or(Ok(()))
    };
    match outcome {
        Ok(()) => row.deleted = true,
        Err(e) => row.error = Some(e.into()),
    }
    Ok(row)
}

pub(crate) async fn run(args: &DeleteArgs, connect: &ConnectArgs) -> Result<(), CommandError> {
    let admin = connect.admin().await?;
    let mut rows = Vec::new();
    for id in &args.groups {
        rows.push(delete_one(&admin, args, id).await?);
    }
    let failures = rows.iter().filter_map(|row| {
        let error = row.error.as_ref()?;
        Some(format!("group {}: {}", row.group, error.text()))
    });
    let failures: Vec<_> = failures.collect();
    let topics = args.topics.iter().map(ToString::to_string).collect();
    print(
        &DeleteReport {
            topics,
            groups: rows,
        },
        connect.format,
    )?;
    settle(&failures)?;
    confirmed(&args.confirmation)
}

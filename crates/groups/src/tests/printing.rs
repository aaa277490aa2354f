//! How scripts print replies: one line each, in the words of the requests.

use std::fmt::{self, Write as _};

use highwater_types::{PartitionIndex, TopicName};

use super::script::ascii;
use crate::*;

/// Prints a reply without its end of line.
pub(super) fn print_reply(out: &mut String, reply: Reply) {
    let printed = match reply {
        Reply::Join(JoinReply {
            member_id,
            result: Ok(joined),
        }) => print_joined(out, &member_id, joined),
        Reply::Join(JoinReply {
            member_id,
            result: Err(error),
        }) => {
            write!(out, "{error:?} for '{member_id}'")
        }
        Reply::Sync(Ok(sync)) => write!(
            out,
            "synced {} {} {}",
            sync.protocol_type.as_deref().unwrap_or("none"),
            sync.protocol.as_deref().unwrap_or("none"),
            ascii(&sync.assignment)
        ),
        Reply::Leave(Ok(left)) => print_left(out, left),
        Reply::CommitOffsets(Ok(topics)) => {
            let topics = topics
                .into_iter()
                .map(|topic| (topic.topic, topic.partitions));
            print_partitions(out, "committed", topics)
        }
        Reply::DeleteOffsets(Ok(topics)) => {
            let topics = topics
                .into_iter()
                .map(|topic| (topic.topic, topic.partitions));
            print_partitions(out, "deleted", topics)
        }
        Reply::Sync(Err(error))
        | Reply::Leave(Err(error))
        | Reply::CommitOffsets(Err(error))
        | Reply::DeleteOffsets(Err(error)) => write!(out, "{error:?}"),
        Reply::Heartbeat(answer) | Reply::DeleteGroup(answer) => write!(out, "{}", result(answer)),
        Reply::FetchOffsets(topics) => print_offsets(out, topics),
        Reply::Describe(group) => print_group(out, group),
        Reply::List(groups) => print_list(out, groups),
        Reply::DropTopics { offsets } => write!(out, "forgot {offsets}"),
    };
    printed.expect("a string takes everything");
}

fn print_joined(out: &mut String, member_id: &MemberId, joined: JoinedGroup) -> fmt::Result {
    write!(
        out,
        "{member_id} joined generation={} protocol={} leader={}",
        joined.generation,
        joined.protocol.as_deref().unwrap_or("none"),
        joined.leader
    )?;
    for member in joined.members {
        write!(out, " {}", member.member_id)?;
        if let Some(instance) = member.group_instance_id {
            write!(out, "/{instance}")?;
        }
        write!(out, ":{}", ascii(&member.metadata))?;
    }
    write!(
        out,
        "{}",
        if joined.skip_assignment {
            " skip-assignment"
        } else {
            ""
        }
    )
}

fn print_left(out: &mut String, left: Vec<LeftMember>) -> fmt::Result {
    for member in left {
        let instance = member
            .group_instance_id
            .map(|instance| format!("/{instance}"));
        write!(out, "{}{} ", member.member_id, instance.unwrap_or_default())?;
        write!(out, "{}; ", result(member.result))?;
    }
    write!(out, "left")
}

fn print_list(out: &mut String, groups: Vec<ListedGroup>) -> fmt::Result {
    for ListedGroup {
        group_id,
        protocol_type,
        state,
        kind,
    } in groups
    {
        write!(out, "{group_id} {kind} '{protocol_type}' {state}; ")?;
    }
    write!(out, "listed")
}

fn result(result: Result<(), GroupError>) -> String {
    result.map_or_else(|error| format!("{error:?}"), |()| "ok".to_owned())
}

type Partitions = Vec<(PartitionIndex, Result<(), GroupError>)>;

fn print_partitions(
    out: &mut String,
    what: &str,
    topics: impl Iterator<Item = (TopicName, Partitions)>,
) -> fmt::Result {
    write!(out, "{what}")?;
    for (topic, partitions) in topics {
        for (partition, answer) in partitions {
            write!(out, " {topic}-{partition} {}", result(answer))?;
        }
    }
    Ok(())
}

fn print_offsets(out: &mut String, topics: Vec<FetchedTopic>) -> fmt::Result {
    write!(out, "fetched")?;
    for topic in topics {
        for (partition, offset) in topic.partitions {
            write!(out, " {}-{partition}=", topic.topic)?;
            match offset {
                Err(error) => write!(out, "{error:?}")?,
                Ok(None) => write!(out, "none")?,
                Ok(Some(found)) => {
                    write!(out, "{}", found.offset)?;
                    if let Some(leader_epoch) = found.leader_epoch {
                        write!(out, "/epoch {leader_epoch}")?;
                    }
                    if !found.metadata.is_empty() {
                        write!(out, "/{:?}", found.metadata)?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn print_group(out: &mut String, group: DescribedGroup) -> fmt::Result {
    write!(
        out,
        "{} '{}' '{}'",
        group.state, group.protocol_type, group.protocol
    )?;
    if let Some(error) = group.error {
        write!(out, " {error:?}")?;
    }
    for member in group.members {
        write!(out, " {}", member.member_id)?;
        if let Some(instance) = member.group_instance_id {
            write!(out, "/{instance}")?;
        }
        write!(
            out,
            " client={} host={}",
            member.client_id, member.client_host
        )?;
        write!(out, " metadata={}", ascii(&member.metadata))?;
        write!(out, " assignment={}", ascii(&member.assignment))?;
    }
    Ok(())
}

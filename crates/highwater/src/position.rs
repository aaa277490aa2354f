//! A place in a log as people name it: a number, an end, a time, or how long ago.

use std::collections::BTreeMap;
use std::str::FromStr;

use highwater_client::{Admin, IsolationLevel, OffsetSpec};
use highwater_types::{Offset, TopicPartition};

use crate::error::CommandError;
use crate::time_text::{now_ms, parse_duration, parse_moment};

/// A place in the log of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// The first record that can be read.
    Start,
    /// Behind the last record.
    End,
    /// That offset.
    Offset(i64),
    /// That many records before the end.
    BeforeEnd(i64),
    /// The first record at or after that moment.
    Time(i64),
    /// The first record that is not older than that.
    Ago(i64),
}

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "start" | "earliest" | "beginning" => return Ok(Self::Start),
            "end" | "latest" => return Ok(Self::End),
            _ => {}
        }
        if let Some(moment) = text.strip_prefix('@') {
            return parse_moment(moment).map(Self::Time);
        }
        match text.parse::<i64>() {
            Ok(offset) if offset >= 0 => return Ok(Self::Offset(offset)),
            Ok(offset) => return Ok(Self::BeforeEnd(offset.saturating_neg())),
            Err(_) => {}
        }
        if let Ok(duration) = parse_duration(text) {
            return Ok(Self::Ago(
                i64::try_from(duration.as_millis()).unwrap_or(i64::MAX),
            ));
        }
        parse_moment(text).map(Self::Time).map_err(|_| {
            format!(
                "{text:?} is not a position: start, end, an offset, -N (before the end), \
                 a time such as 2026-11-21T10:00:00Z or @MILLISECONDS, or an age such as 10m"
            )
        })
    }
}

/// First and next offset of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// The ends of the logs of partitions.
pub(crate) async fn log_ends(
    admin: &Admin,
    partitions: &[TopicPartition],
    isolation: IsolationLevel,
) -> Result<BTreeMap<TopicPartition, Ends>, CommandError> {
    let starts = look_up(admin, partitions, OffsetSpec::Earliest, isolation).await?;
    let ends = look_up(admin, partitions, OffsetSpec::Latest, isolation).await?;
    let joined = starts.into_iter().map(|(partition, start)| {
        let start = start.unwrap_or_default();
        let end = ends.get(&partition).copied().flatten().unwrap_or(start);
        (partition, Ends { start, end })
    });
    Ok(joined.collect())
}

async fn look_up(
    admin: &Admin,
    partitions: &[TopicPartition],
    spec: OffsetSpec,
    isolation: IsolationLevel,
) -> Result<BTreeMap<TopicPartition, Option<i64>>, CommandError> {
    let wanted = partitions
        .iter()
        .map(|partition| (partition.clone(), spec))
        .collect();
    let mut found = BTreeMap::new();
    for (partition, outcome) in admin.list_offsets(wanted, isolation).await? {
        let at = outcome.map_err(|e| CommandError::failed(format!("offsets of {partition}"), e))?;
        found.insert(partition, at.offset.map(Offset::get));
    }
    Ok(found)
}

impl Position {
    /// The offset that the position means in each partition, within the ends of its log. A
    /// time after the last record means the end.
    pub(crate) async fn resolve(
        self,
        admin: &Admin,
        partitions: &[TopicPartition],
        isolation: IsolationLevel,
    ) -> Result<BTreeMap<TopicPartition, i64>, CommandError> {
        let ends = log_ends(admin, partitions, isolation).await?;
        let moment = match self {
            Self::Time(ms) => Some(ms),
            Self::Ago(ms) => Some(now_ms().saturating_sub(ms)),
            _ => None,
        };
        let timed = match moment {
            Some(ms) => {
                look_up(admin, partitions, OffsetSpec::AtTime(ms.max(0)), isolation).await?
            }
            None => BTreeMap::new(),
        };
        let resolved = ends.into_iter().map(|(partition, ends)| {
            let offset = match self {
                Self::Start => ends.start,
                Self::End => ends.end,
                Self::Offset(offset) => offset,
                Self::BeforeEnd(records) => ends.end.saturating_sub(records),
                Self::Time(_) | Self::Ago(_) => {
                    timed.get(&partition).copied().flatten().unwrap_or(ends.end)
                }
            };
            let offset = offset.clamp(ends.start, ends.end);
            (partition, offset)
        });
        Ok(resolved.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_as_people_write_them() {
        for (text, expected) in [
            ("start", Position::Start),
            ("latest", Position::End),
            ("42", Position::Offset(42)),
            ("-5", Position::BeforeEnd(5)),
            ("@1500", Position::Time(1500)),
            ("1970-01-02", Position::Time(86_400_000)),
            ("@1970-01-02T00:00:01Z", Position::Time(86_401_000)),
            ("10m", Position::Ago(600_000)),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "begin", "1.5", "@", "m"] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }
}

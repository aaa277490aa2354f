//! The range assignor: each topic is cut into one run of partitions per member.

use std::collections::{BTreeMap, BTreeSet};

use highwater_types::{PartitionIndex, TopicName, TopicPartition};

/// A member and what it wants to read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subscriber {
    /// Static members come first, by their own name, so that a restart changes nothing.
    pub(super) order: (bool, String),
    pub(super) member_id: String,
    pub(super) topics: BTreeSet<TopicName>,
}

impl Subscriber {
    pub(super) fn new(
        member_id: &str,
        instance_id: Option<&str>,
        topics: BTreeSet<TopicName>,
    ) -> Self {
        let order = (
            instance_id.is_none(),
            instance_id.unwrap_or(member_id).to_owned(),
        );
        Self {
            order,
            member_id: member_id.to_owned(),
            topics,
        }
    }
}

/// Who reads what, by member id; every subscriber is there, even with nothing to read.
pub(super) fn assign(
    mut subscribers: Vec<Subscriber>,
    partitions: &BTreeMap<TopicName, usize>,
) -> BTreeMap<String, Vec<TopicPartition>> {
    subscribers.sort();
    let mut assigned: BTreeMap<String, Vec<TopicPartition>> = subscribers
        .iter()
        .map(|s| (s.member_id.clone(), Vec::new()))
        .collect();
    for (topic, count) in partitions {
        let readers: Vec<_> = subscribers
            .iter()
            .filter(|s| s.topics.contains(topic))
            .collect();
        if readers.is_empty() {
            continue;
        }
        let (each, extra) = (count / readers.len(), count % readers.len());
        let mut next = 0;
        for (position, reader) in readers.iter().enumerate() {
            let share = each + usize::from(position < extra);
            let run = next..next + share;
            next = run.end;
            let run =
                run.map(|index| TopicPartition::new(topic.clone(), PartitionIndex(index as i32)));
            assigned
                .entry(reader.member_id.clone())
                .or_default()
                .extend(run);
        }
    }
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_topic_is_cut_into_runs() {
        let topic = |text: &str| TopicName::new(text).unwrap();
        let both = BTreeSet::from([topic("a"), topic("b")]);
        let subscribers = vec![
            Subscriber::new("m2", None, both.clone()),
            Subscriber::new("m1", None, both),
            Subscriber::new("m3", Some("static"), BTreeSet::from([topic("a")])),
        ];
        let partitions = BTreeMap::from([(topic("a"), 4), (topic("b"), 1), (topic("c"), 9)]);
        let assigned = assign(subscribers, &partitions);
        let text = |member: &str| {
            let texts: Vec<_> = assigned[member].iter().map(ToString::to_string).collect();
            texts.join(" ")
        };
        assert_eq!(text("m3"), "a-0 a-1");
        assert_eq!(text("m1"), "a-2 b-0");
        assert_eq!(text("m2"), "a-3");
    }
}

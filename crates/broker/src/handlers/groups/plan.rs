//! Which partitions of a request go to the machine, and where its results belong.
//!
//! The edge refuses some partitions and the machine decides on the others; the answer has them
//! all in the order of the request.

use std::sync::Arc;

use highwater_metadata::{MetadataImage, TopicImage};
use highwater_protocol::{ErrorCode, StrBytes, Uuid};
use highwater_security::{Operation, Resource};
use highwater_types::{PartitionIndex, TopicId};

use crate::service::Call;

/// One topic of the answer.
pub(super) struct PlannedTopic {
    /// The name as the request had it; empty where it names topics by id.
    pub(super) name: StrBytes,
    /// The id as the request had it.
    pub(super) id: Uuid,
    /// Its partitions and what became of each.
    pub(super) partitions: Vec<(i32, ErrorCode)>,
}

/// The answer while it is being made.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) topics: Vec<PlannedTopic>,
    /// Where the partitions that the machine was asked about stand, in its order.
    open: Vec<(usize, usize)>,
}

impl Plan {
    /// Adds a topic and says which of its partitions, by their place in the request, the
    /// machine is to be asked about.
    pub(super) fn add(
        &mut self,
        (name, id): (StrBytes, Uuid),
        topic: Result<&TopicImage, ErrorCode>,
        partitions: impl Iterator<Item = i32>,
    ) -> Vec<usize> {
        let exists = |topic: &TopicImage, index| topic.partition(PartitionIndex(index)).is_some();
        self.add_if((name, id), topic, partitions, exists)
    }

    /// [`Plan::add`], with a say in which partitions of a topic that exists are accepted.
    pub(super) fn add_if(
        &mut self,
        (name, id): (StrBytes, Uuid),
        topic: Result<&TopicImage, ErrorCode>,
        partitions: impl Iterator<Item = i32>,
        accepts: impl Fn(&TopicImage, i32) -> bool,
    ) -> Vec<usize> {
        let mut accepted = Vec::new();
        let mut planned = PlannedTopic {
            name,
            id,
            partitions: Vec::new(),
        };
        for (place, index) in partitions.enumerate() {
            let error = match topic {
                Err(error) => error,
                Ok(topic) if !accepts(topic, index) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                Ok(_) => {
                    self.open.push((self.topics.len(), place));
                    accepted.push(place);
                    // Stays only if the machine says nothing: silence is never success.
                    ErrorCode::UNKNOWN_SERVER_ERROR
                }
            };
            planned.partitions.push((index, error));
        }
        self.topics.push(planned);
        accepted
    }

    /// Whether the machine need not be asked at all.
    pub(super) fn is_settled(&self) -> bool {
        self.open.is_empty()
    }

    /// Takes over what the machine said, in the order in which it was asked.
    pub(super) fn settle(&mut self, results: impl Iterator<Item = ErrorCode>) {
        for ((topic, place), result) in self.open.iter().zip(results) {
            let slot = self.topics.get_mut(*topic);
            if let Some((_, error)) = slot.and_then(|topic| topic.partitions.get_mut(*place)) {
                *error = result;
            }
        }
    }
}

/// The topic that a request names, if the sender may do that to it. Whether it exists is told
/// only to those who may; an id has to be known before anybody can be asked.
pub(super) fn find_topic<'a>(
    call: &Call<'_>,
    image: &'a MetadataImage,
    operation: Operation,
    (name, id): (&str, Option<Uuid>),
) -> Result<&'a Arc<TopicImage>, ErrorCode> {
    let (name, found) = match id {
        Some(id) => {
            let found = image.topic_by_id(TopicId(*id.as_bytes()));
            let found = found.ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?;
            (found.name.as_str(), Some(found))
        }
        None => (name, image.topic(name)),
    };
    let resource = Resource::topic(name);
    if !call
        .broker
        .authorizer
        .authorize(call.context, operation, &resource)
        .is_allowed()
    {
        return Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    }
    found.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
}

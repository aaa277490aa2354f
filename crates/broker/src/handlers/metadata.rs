//! Metadata: brokers, topics, partitions and their leaders; and topics that create themselves.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use highwater_metadata::{BrokerRegistration, MetadataImage, NewTopic, TopicImage};
use highwater_net::Reply;
use highwater_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use highwater_protocol::messages::{BrokerId as WireBroker, MetadataRequest, MetadataResponse};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};
use highwater_security::{RequestContext, Resource, authorized_operations};
use highwater_types::{TopicId, TopicName};
use uuid::Uuid;

use crate::broker::Broker;
use crate::coordinator::OFFSETS_TOPIC;
use crate::coordinator::transactions::TRANSACTIONS_TOPIC;
use crate::handlers::wire::{wire_brokers, wire_topic};
use crate::service::Call;

/// What was asked for.
enum Wanted {
    All,
    Some(Vec<Named>),
}

enum Named {
    Name(StrBytes),
    Id(Uuid),
}

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: MetadataRequest = call.decode()?;
    let wanted = wanted(&request, call.version());
    let creates =
        request.allow_auto_topic_creation && call.broker.config().log.auto_create_topics_enable;
    let missing = if creates {
        missing_topics(call.broker, &wanted)
    } else {
        BTreeSet::new()
    };
    if missing.is_empty() {
        let none = HashMap::new();
        return Ok(call.reply(&answer(call.broker, call.context, &request, &wanted, &none)));
    }
    // Creation waits for the disk.
    Ok(call.blocking(move |broker, context| {
        let failed = create(broker, &missing);
        answer(broker, context, &request, &wanted, &failed)
    }))
}

fn wanted(request: &MetadataRequest, version: i16) -> Wanted {
    let Some(topics) = &request.topics else {
        return Wanted::All;
    };
    if topics.is_empty() && version == 0 {
        return Wanted::All;
    }
    let named = topics.iter().map(|topic| match &topic.name {
        Some(name) => Named::Name(name.0.clone()),
        None => Named::Id(topic.topic_id),
    });
    Wanted::Some(named.collect())
}

/// Whether asking about a topic of this name may make it. Those of coordinators that are not served
/// would come to be as ordinary topics.
fn may_be_made(name: &str) -> bool {
    TopicName::new(name).is_ok() && name != "__share_group_state"
}

/// The topics that do not exist and could, each once.
fn missing_topics(broker: &Broker, wanted: &Wanted) -> BTreeSet<StrBytes> {
    let Wanted::Some(named) = wanted else {
        return BTreeSet::new();
    };
    let image = broker.metadata.image();
    let names = named.iter().filter_map(|named| match named {
        Named::Name(name) if may_be_made(name) && image.topic(name).is_none() => Some(name.clone()),
        _ => None,
    });
    names.collect()
}

/// Creates topics because somebody asked about them, and tells which could not be. The answer to
/// a client that asked is still good: the topics are there when it leaves.
fn create(broker: &Arc<Broker>, names: &BTreeSet<StrBytes>) -> HashMap<StrBytes, ErrorCode> {
    let topic = |name: &StrBytes| match name.as_str() {
        OFFSETS_TOPIC => broker.offsets_topic(),
        TRANSACTIONS_TOPIC => broker.transactions_topic(),
        name => NewTopic {
            name: name.to_owned(),
            partitions: -1,
            replication_factor: -1,
            assignments: Vec::new(),
            configs: Vec::new(),
        },
    };
    let topics: Vec<_> = names.iter().map(topic).collect();
    let made = broker.make_topics(&topics).into_iter();
    let outcomes = names.iter().zip(made);
    outcomes
        .filter_map(|(name, made)| Some((name.clone(), made.err()?)))
        .collect()
}

fn answer(
    broker: &Broker,
    context: &RequestContext,
    request: &MetadataRequest,
    wanted: &Wanted,
    failed: &HashMap<StrBytes, ErrorCode>,
) -> MetadataResponse {
    let image = broker.metadata.image();
    let asker = request
        .include_topic_authorized_operations
        .then_some(context);
    let topics = match wanted {
        Wanted::All => image
            .topics()
            .map(|topic| topic_response(broker, &image, topic, asker))
            .collect(),
        Wanted::Some(named) => named
            .iter()
            .map(|named| named_response(broker, &image, named, asker, failed))
            .collect(),
    };
    let mut response = MetadataResponse::default()
        .with_brokers(brokers(&image, &context.listener))
        .with_cluster_id(Some(StrBytes::from_string(broker.cluster_id.clone())))
        .with_controller_id(WireBroker(broker.id.get()))
        .with_topics(topics);
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = operations_of(broker, context, &Resource::CLUSTER);
    }
    response
}

/// Every broker, at the address that it advertises to peers of this listener.
pub(crate) fn endpoint(broker: &BrokerRegistration, listener: &str) -> (StrBytes, i32) {
    let of_name = broker
        .listeners
        .iter()
        .find(|known| *known.name == *listener);
    of_name.or(broker.listeners.first()).map_or_else(
        || (StrBytes::new(), -1),
        |known| {
            (
                StrBytes::from_string(known.host.to_string()),
                i32::from(known.port),
            )
        },
    )
}

fn brokers(image: &MetadataImage, listener: &str) -> Vec<MetadataResponseBroker> {
    let registered = image.brokers().map(|known| {
        let (host, port) = endpoint(known, listener);
        MetadataResponseBroker::default()
            .with_node_id(WireBroker(known.id.get()))
            .with_host(host)
            .with_port(port)
            .with_rack(
                known
                    .rack
                    .as_ref()
                    .map(|rack| StrBytes::from_string(rack.to_string())),
            )
    });
    registered.collect()
}

fn named_response(
    broker: &Broker,
    image: &MetadataImage,
    named: &Named,
    asker: Option<&RequestContext>,
    failed: &HashMap<StrBytes, ErrorCode>,
) -> MetadataResponseTopic {
    match named {
        Named::Name(name) => {
            if let Some(topic) = image.topic(name) {
                return topic_response(broker, image, topic, asker);
            }
            let error = match (TopicName::new(name), failed.get(name)) {
                (Err(_), _) => ErrorCode::INVALID_TOPIC_EXCEPTION,
                (_, Some(error)) => *error,
                _ => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            };
            MetadataResponseTopic::default()
                .with_error_code(error.code())
                .with_name(Some(wire_topic(name)))
        }
        Named::Id(id) => match image.topic_by_id(TopicId(*id.as_bytes())) {
            Some(topic) => topic_response(broker, image, topic, asker),
            None => MetadataResponseTopic::default()
                .with_error_code(ErrorCode::UNKNOWN_TOPIC_ID.code())
                .with_name(None)
                .with_topic_id(*id),
        },
    }
}

fn topic_response(
    broker: &Broker,
    image: &MetadataImage,
    topic: &TopicImage,
    asker: Option<&RequestContext>,
) -> MetadataResponseTopic {
    let partitions = topic.partitions().map(|(index, partition)| {
        let (leader, error) = broker.known_leader(topic.id, index, partition);
        let offline = broker.offline_replicas(image, topic.id, index, partition);
        MetadataResponsePartition::default()
            .with_error_code(error.code())
            .with_partition_index(index.get())
            .with_leader_id(WireBroker(leader.get()))
            .with_leader_epoch(partition.leader_epoch.get())
            .with_replica_nodes(wire_brokers(&partition.replicas))
            .with_isr_nodes(wire_brokers(&partition.isr))
            .with_offline_replicas(wire_brokers(&offline))
    });
    let mut response = MetadataResponseTopic::default()
        .with_name(Some(wire_topic(topic.name.as_str())))
        .with_topic_id(Uuid::from_bytes(topic.id.0))
        .with_is_internal(topic.name.is_internal())
        .with_partitions(partitions.collect());
    if let Some(context) = asker {
        response.topic_authorized_operations =
            operations_of(broker, context, &Resource::topic(topic.name.as_str()));
    }
    response
}

fn operations_of(broker: &Broker, context: &RequestContext, resource: &Resource<'_>) -> i32 {
    authorized_operations(broker.authorizer.as_ref(), context, resource)
}

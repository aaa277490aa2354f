//! WriteTxnMarkers: transactions are ended on partitions of this broker, by a coordinator or by
//! an administrator who ends a hanging one.

use std::sync::Arc;
use std::time::Duration;

use highwater_net::Reply;
use highwater_protocol::messages::write_txn_markers_request::WritableTxnMarker;
use highwater_protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use highwater_protocol::messages::{WriteTxnMarkersRequest, WriteTxnMarkersResponse};
use highwater_protocol::{DecodeError, ErrorCode};
use highwater_security::{Operation, Resource};
use highwater_types::{ProducerEpoch, ProducerId, TransactionOutcome};

use crate::broker::Broker;
use crate::coordinator::markers::{Marker, append_marker};
use crate::data::{AckWait, AllAcked};
use crate::hosting::{Named, in_topic};
use crate::service::Call;

/// How long an answer may wait for the disk.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: WriteTxnMarkersRequest = call.decode()?;
    let authorizer = &call.broker.authorizer;
    let may = |operation| {
        authorizer
            .authorize(call.context, operation, &Resource::CLUSTER)
            .is_allowed()
    };
    let is_allowed = may(Operation::ClusterAction) || may(Operation::Alter);
    let wait = AckWait::new();
    let mut written = Written {
        broker: call.broker,
        wait: &wait,
        codes: Vec::new(),
    };
    for marker in &request.markers {
        written.marker(marker, is_allowed);
    }
    let mut codes = written.codes;
    wait.done();
    let responder = call.responder;
    let reservation = call.reservation.take();
    Ok(Reply::Aside(Box::pin(async move {
        let is_late = tokio::time::timeout(TIMEOUT, AllAcked(&wait))
            .await
            .is_err();
        for (slot, error) in wait.failures() {
            if let Some(code) = codes.get_mut(slot) {
                *code = error;
            }
        }
        if is_late {
            codes.fill(ErrorCode::REQUEST_TIMED_OUT);
        }
        let response = responder.response(&response(&request, codes));
        drop(reservation);
        response
    })))
}

/// The codes of all partitions in the order of the request.
struct Written<'a> {
    broker: &'a Arc<Broker>,
    wait: &'a Arc<AckWait>,
    codes: Vec<ErrorCode>,
}

impl Written<'_> {
    fn marker(&mut self, asked: &WritableTxnMarker, is_allowed: bool) {
        let marker = Marker {
            producer_id: ProducerId(asked.producer_id.0),
            producer_epoch: ProducerEpoch(asked.producer_epoch),
            coordinator_epoch: asked.coordinator_epoch,
            outcome: match asked.transaction_result {
                true => TransactionOutcome::Committed,
                false => TransactionOutcome::Aborted,
            },
        };
        for topic in &asked.topics {
            let found = self.broker.hosted_topic(Named::Name(topic.name.as_str()));
            for index in &topic.partition_indexes {
                let slot = self.codes.len();
                let partition = in_topic(self.broker, &found, *index);
                let outcome = match (is_allowed, partition) {
                    (false, _) => Err(ErrorCode::CLUSTER_AUTHORIZATION_FAILED),
                    (true, Err(error)) => Err(error),
                    (true, Ok(partition)) => append_marker(self.broker, &partition, marker)
                        .map(|needed| partition.wait_for_ack(needed, slot, self.wait)),
                };
                self.codes.push(outcome.err().unwrap_or(ErrorCode::NONE));
            }
        }
    }
}

fn response(request: &WriteTxnMarkersRequest, codes: Vec<ErrorCode>) -> WriteTxnMarkersResponse {
    let mut codes = codes.into_iter();
    let markers = request.markers.iter().map(|marker| {
        let topics = marker.topics.iter().map(|topic| {
            let partitions = topic.partition_indexes.iter().map(|index| {
                let code = codes.next().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR);
                WritableTxnMarkerPartitionResult::default()
                    .with_partition_index(*index)
                    .with_error_code(code.code())
            });
            WritableTxnMarkerTopicResult::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        WritableTxnMarkerResult::default()
            .with_producer_id(marker.producer_id)
            .with_topics(topics.collect())
    });
    WriteTxnMarkersResponse::default().with_markers(markers.collect())
}

//! The request types that the broker serves, each tied to its API.
//!
//! The codec refuses OffsetCommit and OffsetFetch requests of version 10, although its types
//! have the fields and its responses go up to 10. That one version is decoded here.

mod offsets_by_id;

use std::error::Error;

use bytes::Bytes;
use kafka_protocol::messages::{self, OffsetCommitRequest, OffsetFetchRequest};
use kafka_protocol::protocol::Decodable;

/// A request that the broker serves.
pub trait ServedRequest: Decodable {
    /// The API that the request belongs to.
    const KEY: i16;

    /// Decodes a body whose counts and lengths have been checked.
    fn decode_checked(
        body: &mut Bytes,
        api_version: i16,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self::decode(body, api_version)?)
    }
}

macro_rules! served_requests {
    ($($request:ident)+) => {
        $(impl ServedRequest for messages::$request {
            const KEY: i16 = <Self as kafka_protocol::protocol::Request>::KEY;
        })+
    };
}

served_requests! {
    ProduceRequest FetchRequest ListOffsetsRequest MetadataRequest FindCoordinatorRequest
    JoinGroupRequest HeartbeatRequest LeaveGroupRequest SyncGroupRequest DescribeGroupsRequest
    ListGroupsRequest ApiVersionsRequest CreateTopicsRequest DeleteTopicsRequest
    DeleteRecordsRequest InitProducerIdRequest OffsetForLeaderEpochRequest
    DescribeConfigsRequest AlterConfigsRequest DescribeLogDirsRequest CreatePartitionsRequest
    DeleteGroupsRequest ElectLeadersRequest IncrementalAlterConfigsRequest
    AlterPartitionReassignmentsRequest ListPartitionReassignmentsRequest OffsetDeleteRequest
    DescribeClientQuotasRequest AlterClientQuotasRequest DescribeQuorumRequest
    UpdateFeaturesRequest DescribeClusterRequest DescribeProducersRequest
    DescribeTransactionsRequest ListTransactionsRequest ConsumerGroupDescribeRequest
    ListConfigResourcesRequest DescribeTopicPartitionsRequest
}

impl ServedRequest for OffsetCommitRequest {
    const KEY: i16 = 8;

    fn decode_checked(
        body: &mut Bytes,
        api_version: i16,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        match api_version {
            10 => Ok(offsets_by_id::offset_commit(body)?),
            _ => Ok(Self::decode(body, api_version)?),
        }
    }
}

impl ServedRequest for OffsetFetchRequest {
    const KEY: i16 = 9;

    fn decode_checked(
        body: &mut Bytes,
        api_version: i16,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        match api_version {
            10 => Ok(offsets_by_id::offset_fetch(body)?),
            _ => Ok(Self::decode(body, api_version)?),
        }
    }
}

#[cfg(test)]
mod tests;

//! The request types that the broker serves, each tied to its API.
//!
//! The codec refuses OffsetCommit and OffsetFetch requests of version 10, although its types
//! have the fields and its responses go up to 10. That one version is decoded here.

mod offsets_by_id;

use std::error::Error;

use bytes::Bytes;
use kafka_protocol::messages::{self, OffsetCommitRequest, OffsetFetchRequest};
use kafka_protocol::protocol::Decodable;

use crate::served;

/// A request that the broker serves.
pub trait ServedRequest: Decodable {
    /// The API that the request belongs to.
    const KEY: i16;

    /// Decodes a body whose counts and lengths have been checked.
    fn decode_checked(
        body: &mut Bytes,
        api_version: i16,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let version = served::codec_request_version(Self::KEY, api_version);
        Ok(Self::decode(body, version)?)
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
    AddPartitionsToTxnRequest AddOffsetsToTxnRequest EndTxnRequest WriteTxnMarkersRequest
    TxnOffsetCommitRequest
    DescribeAclsRequest CreateAclsRequest DeleteAclsRequest
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

/// Runs an expression for the request type of an API, under the name given to it.
///
/// ```
/// use highwater_protocol::{ServedRequest, with_request_type};
///
/// let key = with_request_type!(3, Request => Some(Request::KEY), _ => None);
/// assert_eq!(key, Some(3));
/// ```
#[macro_export]
macro_rules! with_request_type {
    (@ $api_key:expr, $name:ident => $then:expr, _ => $otherwise:expr,
        $($key:literal $request:ident)+) => {
        match $api_key {
            $($key => {
                type $name = $crate::messages::$request;
                $then
            })+
            _ => $otherwise,
        }
    };
    ($api_key:expr, $name:ident => $then:expr, _ => $otherwise:expr) => {
        $crate::with_request_type! {
            @ $api_key, $name => $then, _ => $otherwise,
            0 ProduceRequest 1 FetchRequest
            2 ListOffsetsRequest 3 MetadataRequest
            8 OffsetCommitRequest 9 OffsetFetchRequest
            10 FindCoordinatorRequest 11 JoinGroupRequest
            12 HeartbeatRequest 13 LeaveGroupRequest
            14 SyncGroupRequest 15 DescribeGroupsRequest
            16 ListGroupsRequest 18 ApiVersionsRequest
            19 CreateTopicsRequest 20 DeleteTopicsRequest
            21 DeleteRecordsRequest 22 InitProducerIdRequest
            23 OffsetForLeaderEpochRequest 24 AddPartitionsToTxnRequest
            25 AddOffsetsToTxnRequest 26 EndTxnRequest
            27 WriteTxnMarkersRequest 28 TxnOffsetCommitRequest
            29 DescribeAclsRequest
            30 CreateAclsRequest 31 DeleteAclsRequest
            32 DescribeConfigsRequest 33 AlterConfigsRequest 35 DescribeLogDirsRequest
            37 CreatePartitionsRequest 42 DeleteGroupsRequest
            43 ElectLeadersRequest 44 IncrementalAlterConfigsRequest
            45 AlterPartitionReassignmentsRequest 46 ListPartitionReassignmentsRequest
            47 OffsetDeleteRequest 48 DescribeClientQuotasRequest
            49 AlterClientQuotasRequest 55 DescribeQuorumRequest
            57 UpdateFeaturesRequest 60 DescribeClusterRequest
            61 DescribeProducersRequest 65 DescribeTransactionsRequest
            66 ListTransactionsRequest 69 ConsumerGroupDescribeRequest
            74 ListConfigResourcesRequest 75 DescribeTopicPartitionsRequest
        }
    };
}

#[cfg(test)]
mod tests;

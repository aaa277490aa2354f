//! The APIs that this client speaks, each with the versions it was written and tested for.
//!
//! The generated messages list unstable versions too, so the ceiling is ours.

use std::ops::RangeInclusive;

use highwater_protocol::messages::{self, ApiKey};
use highwater_protocol::{Decodable, Encodable};

/// A request type, the API it belongs to, and its answer.
pub trait Api: Encodable + Send + Sync + 'static {
    /// The answer.
    type Response: Decodable + Send + 'static;
    /// The API.
    const KEY: ApiKey;
    /// Its name, for messages to people.
    const NAME: &'static str;
    /// The versions that this client speaks.
    const VERSIONS: RangeInclusive<i16>;
}

macro_rules! apis {
    ($($key:ident $versions:expr => $request:ident, $response:ident;)*) => {
        $(impl Api for messages::$request {
            type Response = messages::$response;
            const KEY: ApiKey = ApiKey::$key;
            const NAME: &'static str = stringify!($key);
            const VERSIONS: RangeInclusive<i16> = $versions;
        })*

        /// Every API with its versions, for tests over all of them.
        #[cfg(test)]
        const ALL: &[(ApiKey, RangeInclusive<i16>)] = &[$((ApiKey::$key, $versions)),*];
    };
}

apis! {
    Produce 3..=13 => ProduceRequest, ProduceResponse;
    Fetch 4..=18 => FetchRequest, FetchResponse;
    ListOffsets 1..=10 => ListOffsetsRequest, ListOffsetsResponse;
    Metadata 1..=13 => MetadataRequest, MetadataResponse;
    OffsetCommit 2..=9 => OffsetCommitRequest, OffsetCommitResponse;
    OffsetFetch 1..=9 => OffsetFetchRequest, OffsetFetchResponse;
    FindCoordinator 0..=6 => FindCoordinatorRequest, FindCoordinatorResponse;
    JoinGroup 0..=9 => JoinGroupRequest, JoinGroupResponse;
    Heartbeat 0..=4 => HeartbeatRequest, HeartbeatResponse;
    LeaveGroup 0..=5 => LeaveGroupRequest, LeaveGroupResponse;
    SyncGroup 0..=5 => SyncGroupRequest, SyncGroupResponse;
    DescribeGroups 0..=6 => DescribeGroupsRequest, DescribeGroupsResponse;
    ListGroups 0..=5 => ListGroupsRequest, ListGroupsResponse;
    ApiVersions 0..=4 => ApiVersionsRequest, ApiVersionsResponse;
    CreateTopics 2..=7 => CreateTopicsRequest, CreateTopicsResponse;
    DeleteTopics 1..=6 => DeleteTopicsRequest, DeleteTopicsResponse;
    DeleteRecords 0..=2 => DeleteRecordsRequest, DeleteRecordsResponse;
    InitProducerId 0..=5 => InitProducerIdRequest, InitProducerIdResponse;
    OffsetForLeaderEpoch 2..=4 => OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse;
    AddPartitionsToTxn 0..=3 => AddPartitionsToTxnRequest, AddPartitionsToTxnResponse;
    AddOffsetsToTxn 0..=4 => AddOffsetsToTxnRequest, AddOffsetsToTxnResponse;
    EndTxn 0..=5 => EndTxnRequest, EndTxnResponse;
    WriteTxnMarkers 1..=1 => WriteTxnMarkersRequest, WriteTxnMarkersResponse;
    TxnOffsetCommit 0..=5 => TxnOffsetCommitRequest, TxnOffsetCommitResponse;
    DescribeConfigs 1..=4 => DescribeConfigsRequest, DescribeConfigsResponse;
    AlterConfigs 0..=2 => AlterConfigsRequest, AlterConfigsResponse;
    DescribeLogDirs 1..=4 => DescribeLogDirsRequest, DescribeLogDirsResponse;
    CreatePartitions 0..=3 => CreatePartitionsRequest, CreatePartitionsResponse;
    DeleteGroups 0..=2 => DeleteGroupsRequest, DeleteGroupsResponse;
    ElectLeaders 0..=2 => ElectLeadersRequest, ElectLeadersResponse;
    IncrementalAlterConfigs 0..=1 => IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse;
    OffsetDelete 0..=0 => OffsetDeleteRequest, OffsetDeleteResponse;
    DescribeQuorum 0..=2 => DescribeQuorumRequest, DescribeQuorumResponse;
    DescribeCluster 0..=2 => DescribeClusterRequest, DescribeClusterResponse;
    DescribeProducers 0..=0 => DescribeProducersRequest, DescribeProducersResponse;
    DescribeTransactions 0..=0 => DescribeTransactionsRequest, DescribeTransactionsResponse;
    ListTransactions 0..=2 => ListTransactionsRequest, ListTransactionsResponse;
}

/// The versions that one broker serves, as it answered to ApiVersions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServedVersions(Vec<(i16, i16, i16)>);

impl ServedVersions {
    /// From triples of key, lowest and highest version.
    pub fn new(mut ranges: Vec<(i16, i16, i16)>) -> Self {
        ranges.sort_unstable();
        Self(ranges)
    }

    /// What the broker serves of an API.
    pub fn range(&self, key: ApiKey) -> Option<RangeInclusive<i16>> {
        let at = self
            .0
            .binary_search_by_key(&(key as i16), |(key, ..)| *key)
            .ok()?;
        let (_, lowest, highest) = self.0[at];
        Some(lowest..=highest)
    }

    /// The highest version that both sides speak.
    pub fn pick<R: Api>(&self) -> Option<i16> {
        let served = self.range(R::KEY)?;
        let version = *served.end().min(R::VERSIONS.end());
        let lowest = *served.start().max(R::VERSIONS.start());
        (version >= lowest).then_some(version)
    }

    /// Every API served, as key, lowest and highest version, by key.
    pub fn iter(&self) -> impl Iterator<Item = (i16, i16, i16)> + '_ {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use highwater_protocol::ShapeError;
    use highwater_protocol::messages::{FetchRequest, ProduceRequest};

    #[test]
    fn the_shape_of_every_answer_is_known() {
        for (key, versions) in ALL {
            for version in versions.clone() {
                let measured =
                    highwater_protocol::shape::measure_response(*key as i16, version, &[]);
                let known = !matches!(
                    measured,
                    Err(ShapeError::NotServed { .. } | ShapeError::UnsupportedVersion { .. })
                );
                assert!(known, "{key:?} {version}");
            }
        }
    }

    #[test]
    fn the_highest_version_in_common_is_picked() {
        for (range, expected) in [
            (Some((4, 18)), Some(18)),
            (Some((4, 12)), Some(12)),
            (Some((0, 30)), Some(18)),
            (Some((0, 3)), None),
            (Some((19, 20)), None),
            (None, None),
        ] {
            let served = ServedVersions::new(
                range
                    .map(|(low, high)| (1, low, high))
                    .into_iter()
                    .collect(),
            );
            assert_eq!(served.pick::<FetchRequest>(), expected, "{range:?}");
            assert_eq!(served.pick::<ProduceRequest>(), None);
        }
    }
}

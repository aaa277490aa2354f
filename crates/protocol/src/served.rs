//! Which APIs the broker answers, and in which versions.
//!
//! The table is written out, not taken from the codec: the codec also knows versions that
//! Kafka calls unstable, and clients read as much from a minimum as from a maximum.

/// One API and the versions in which it is served, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiRange {
    /// The number of the API on the wire.
    pub key: i16,
    /// Kafka's name of the API, for logs and metrics.
    pub name: &'static str,
    /// The lowest version advertised.
    pub min: i16,
    /// The highest version advertised and served.
    pub max: i16,
    /// The lowest version whose requests can be decoded. It differs from `min` for Produce
    /// alone, which is advertised from 0 because librdkafka stops compressing otherwise
    /// (KAFKA-18659), while nobody sends the versions below 3 any more.
    pub decodable_min: i16,
}

impl ApiRange {
    /// Whether a request in this version can be decoded and answered.
    pub const fn serves(&self, api_version: i16) -> bool {
        self.decodable_min <= api_version && api_version <= self.max
    }
}

const fn api(key: i16, min: i16, max: i16) -> ApiRange {
    ApiRange {
        key,
        name: api_name(key),
        min,
        max,
        decodable_min: min,
    }
}

/// Ordered by key, so that a range is found by bisection.
static SERVED: &[ApiRange] = &[
    ApiRange {
        key: 0,
        name: api_name(0),
        min: 0,
        max: 13,
        decodable_min: 3,
    },
    api(1, 4, 18),
    api(2, 1, 11),
    api(3, 0, 13),
    api(8, 2, 10),
    api(9, 1, 10),
    api(10, 0, 6),
    api(11, 0, 9),
    api(12, 0, 4),
    api(13, 0, 5),
    api(14, 0, 5),
    api(15, 0, 6),
    api(16, 0, 5),
    api(18, 0, 4),
    api(19, 2, 7),
    api(20, 1, 6),
    api(21, 0, 2),
    api(22, 0, 5),
    api(23, 2, 4),
    api(24, 0, 5),
    api(25, 0, 4),
    api(26, 0, 5),
    api(27, 1, 1),
    api(28, 0, 5),
    api(29, 1, 3),
    api(30, 1, 3),
    api(31, 1, 3),
    api(32, 1, 4),
    api(33, 0, 2),
    api(35, 1, 5),
    api(37, 0, 3),
    api(42, 0, 2),
    api(43, 0, 2),
    api(44, 0, 1),
    api(45, 0, 1),
    api(46, 0, 0),
    api(47, 0, 0),
    api(48, 0, 1),
    api(49, 0, 1),
    api(55, 0, 2),
    api(57, 0, 2),
    api(60, 0, 2),
    api(61, 0, 0),
    api(65, 0, 0),
    api(66, 0, 2),
    api(69, 0, 1),
    api(74, 0, 1),
    api(75, 0, 0),
];

/// The version by which the codec knows a request of this version, where it lacks the version
/// itself and both look the same on the wire.
pub(crate) fn codec_request_version(api_key: i16, api_version: i16) -> i16 {
    match (api_key, api_version) {
        // Only the response of DescribeLogDirs 5 is another.
        (35, 5) => 4,
        _ => codec_response_version(api_key, api_version),
    }
}

/// The same for a response.
pub(crate) fn codec_response_version(api_key: i16, api_version: i16) -> i16 {
    match (api_key, api_version) {
        // ListOffsets 11 knows one more special timestamp (KIP-1023).
        (2, 11) => 10,
        _ => api_version,
    }
}

/// Every API that is served, ordered by key: what an ApiVersions answer lists.
pub fn served() -> &'static [ApiRange] {
    SERVED
}

/// The versions of one API, or nothing if it is not served.
pub fn range(api_key: i16) -> Option<ApiRange> {
    let found = SERVED
        .binary_search_by_key(&api_key, |range| range.key)
        .ok()?;
    SERVED.get(found).copied()
}

/// Kafka's name of an API, whether it is served or not; `Unknown` if Kafka has no such API.
pub const fn api_name(api_key: i16) -> &'static str {
    if api_key < 0 || api_key as usize >= API_NAMES.len() {
        return "Unknown";
    }
    API_NAMES[api_key as usize]
}

const API_NAMES: [&str; 95] = [
    "Produce",
    "Fetch",
    "ListOffsets",
    "Metadata",
    "LeaderAndIsr",
    "StopReplica",
    "UpdateMetadata",
    "ControlledShutdown",
    "OffsetCommit",
    "OffsetFetch",
    "FindCoordinator",
    "JoinGroup",
    "Heartbeat",
    "LeaveGroup",
    "SyncGroup",
    "DescribeGroups",
    "ListGroups",
    "SaslHandshake",
    "ApiVersions",
    "CreateTopics",
    "DeleteTopics",
    "DeleteRecords",
    "InitProducerId",
    "OffsetForLeaderEpoch",
    "AddPartitionsToTxn",
    "AddOffsetsToTxn",
    "EndTxn",
    "WriteTxnMarkers",
    "TxnOffsetCommit",
    "DescribeAcls",
    "CreateAcls",
    "DeleteAcls",
    "DescribeConfigs",
    "AlterConfigs",
    "AlterReplicaLogDirs",
    "DescribeLogDirs",
    "SaslAuthenticate",
    "CreatePartitions",
    "CreateDelegationToken",
    "RenewDelegationToken",
    "ExpireDelegationToken",
    "DescribeDelegationToken",
    "DeleteGroups",
    "ElectLeaders",
    "IncrementalAlterConfigs",
    "AlterPartitionReassignments",
    "ListPartitionReassignments",
    "OffsetDelete",
    "DescribeClientQuotas",
    "AlterClientQuotas",
    "DescribeUserScramCredentials",
    "AlterUserScramCredentials",
    "Vote",
    "BeginQuorumEpoch",
    "EndQuorumEpoch",
    "DescribeQuorum",
    "AlterPartition",
    "UpdateFeatures",
    "Envelope",
    "FetchSnapshot",
    "DescribeCluster",
    "DescribeProducers",
    "BrokerRegistration",
    "BrokerHeartbeat",
    "UnregisterBroker",
    "DescribeTransactions",
    "ListTransactions",
    "AllocateProducerIds",
    "ConsumerGroupHeartbeat",
    "ConsumerGroupDescribe",
    "ControllerRegistration",
    "GetTelemetrySubscriptions",
    "PushTelemetry",
    "AssignReplicasToDirs",
    "ListConfigResources",
    "DescribeTopicPartitions",
    "ShareGroupHeartbeat",
    "ShareGroupDescribe",
    "ShareFetch",
    "ShareAcknowledge",
    "AddRaftVoter",
    "RemoveRaftVoter",
    "UpdateRaftVoter",
    "InitializeShareGroupState",
    "ReadShareGroupState",
    "WriteShareGroupState",
    "DeleteShareGroupState",
    "ReadShareGroupStateSummary",
    "StreamsGroupHeartbeat",
    "StreamsGroupDescribe",
    "DescribeShareGroupOffsets",
    "AlterShareGroupOffsets",
    "DeleteShareGroupOffsets",
    "StreamsGroupTopologyDescriptionUpdate",
    "UnregisterController",
];

#[cfg(test)]
mod tests;

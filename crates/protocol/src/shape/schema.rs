//! The shapes of all served requests, one line of notation each.
//!
//! `name:type` is a field. The types are `bool i8 i16 i32 i64 f64 uuid`, `s` for a string, `b`
//! for bytes, `[type]` and `[fields]` for arrays, `{fields}` for a structure. Behind the type,
//! `?` says that it may be null (`?7+`: in these versions only), a range says in which
//! versions the field exists (`3+`, `2-4`; all if it is left out), and `#0` that it is a
//! tagged field with that tag.

/// The request, or the response, of one API.
pub(super) struct Schema {
    pub(super) api_key: i16,
    /// The first version with compact lengths and tagged fields, if there is one.
    pub(super) flexible_min: Option<i16>,
    pub(super) fields: &'static str,
}

pub(super) const fn flexible(api_key: i16, flexible_min: i16, fields: &'static str) -> Schema {
    Schema {
        api_key,
        flexible_min: Some(flexible_min),
        fields,
    }
}

/// In the order of the served table.
pub(super) static REQUESTS: &[Schema] = &[
    // Produce
    flexible(
        0,
        9,
        "transactional_id:s?; acks:i16; timeout_ms:i32; topic_data:[name:s 3-12; \
         topic_id:uuid 13+; partition_data:[index:i32; records:b?]]",
    ),
    // Fetch
    flexible(
        1,
        12,
        "cluster_id:s? 12+ #0; replica_id:i32 4-14; replica_state:{replica_id:i32; \
         replica_epoch:i64} 15+ #1; max_wait_ms:i32; min_bytes:i32; max_bytes:i32; \
         isolation_level:i8; session_id:i32 7+; session_epoch:i32 7+; topics:[topic:s 4-12; \
         topic_id:uuid 13+; partitions:[partition:i32; current_leader_epoch:i32 9+; \
         fetch_offset:i64; last_fetched_epoch:i32 12+; log_start_offset:i64 5+; \
         partition_max_bytes:i32; replica_directory_id:uuid 17+ #0; high_watermark:i64 18+ \
         #1]]; forgotten_topics_data:[topic:s 7-12; topic_id:uuid 13+; partitions:[i32]] 7+; \
         rack_id:s 11+",
    ),
    // ListOffsets
    flexible(
        2,
        6,
        "replica_id:i32; isolation_level:i8 2+; topics:[name:s; \
         partitions:[partition_index:i32; current_leader_epoch:i32 4+; timestamp:i64]]; \
         timeout_ms:i32 10+",
    ),
    // Metadata
    flexible(
        3,
        9,
        "topics:[topic_id:uuid 10+; name:s?10+]?1+; allow_auto_topic_creation:bool 4+; \
         include_cluster_authorized_operations:bool 8-10; \
         include_topic_authorized_operations:bool 8+",
    ),
    // OffsetCommit
    flexible(
        8,
        8,
        "group_id:s; generation_id_or_member_epoch:i32; member_id:s; group_instance_id:s? 7+; \
         retention_time_ms:i64 2-4; topics:[name:s 2-9; topic_id:uuid 10+; \
         partitions:[partition_index:i32; committed_offset:i64; committed_leader_epoch:i32 \
         6+; committed_metadata:s?]]",
    ),
    // OffsetFetch
    flexible(
        9,
        6,
        "group_id:s 1-7; topics:[name:s; partition_indexes:[i32]]?2-7 1-7; \
         groups:[group_id:s; member_id:s? 9+; member_epoch:i32 9+; topics:[name:s 8-9; \
         topic_id:uuid 10+; partition_indexes:[i32]]?] 8+; require_stable:bool 7+",
    ),
    // FindCoordinator
    flexible(10, 3, "key:s 0-3; key_type:i8 1+; coordinator_keys:[s] 4+"),
    // JoinGroup
    flexible(
        11,
        6,
        "group_id:s; session_timeout_ms:i32; rebalance_timeout_ms:i32 1+; member_id:s; \
         group_instance_id:s? 5+; protocol_type:s; protocols:[name:s; metadata:b]; reason:s? \
         8+",
    ),
    // Heartbeat
    flexible(
        12,
        4,
        "group_id:s; generation_id:i32; member_id:s; group_instance_id:s? 3+",
    ),
    // LeaveGroup
    flexible(
        13,
        4,
        "group_id:s; member_id:s 0-2; members:[member_id:s; group_instance_id:s?; reason:s? \
         5+] 3+",
    ),
    // SyncGroup
    flexible(
        14,
        4,
        "group_id:s; generation_id:i32; member_id:s; group_instance_id:s? 3+; \
         protocol_type:s? 5+; protocol_name:s? 5+; assignments:[member_id:s; assignment:b]",
    ),
    // DescribeGroups
    flexible(15, 5, "groups:[s]; include_authorized_operations:bool 3+"),
    // ListGroups
    flexible(16, 3, "states_filter:[s] 4+; types_filter:[s] 5+"),
    // ApiVersions
    flexible(
        18,
        3,
        "client_software_name:s 3+; client_software_version:s 3+",
    ),
    // CreateTopics
    flexible(
        19,
        5,
        "topics:[name:s; num_partitions:i32; replication_factor:i16; \
         assignments:[partition_index:i32; broker_ids:[i32]]; configs:[name:s; value:s?]]; \
         timeout_ms:i32; validate_only:bool",
    ),
    // DeleteTopics
    flexible(
        20,
        4,
        "topics:[name:s?; topic_id:uuid] 6+; topic_names:[s] 1-5; timeout_ms:i32",
    ),
    // DeleteRecords
    flexible(
        21,
        2,
        "topics:[name:s; partitions:[partition_index:i32; offset:i64]]; timeout_ms:i32",
    ),
    // InitProducerId
    flexible(
        22,
        2,
        "transactional_id:s?; transaction_timeout_ms:i32; producer_id:i64 3+; \
         producer_epoch:i16 3+",
    ),
    // OffsetForLeaderEpoch
    flexible(
        23,
        4,
        "replica_id:i32 3+; topics:[topic:s; partitions:[partition:i32; \
         current_leader_epoch:i32; leader_epoch:i32]]",
    ),
    // AddPartitionsToTxn
    flexible(
        24,
        3,
        "transactions:[transactional_id:s; producer_id:i64; producer_epoch:i16; verify_only:bool; \
         topics:[name:s; partitions:[i32]]] 4+; v3_and_below_transactional_id:s 0-3; \
         v3_and_below_producer_id:i64 0-3; v3_and_below_producer_epoch:i16 0-3; \
         v3_and_below_topics:[name:s; partitions:[i32]] 0-3",
    ),
    // AddOffsetsToTxn
    flexible(
        25,
        3,
        "transactional_id:s; producer_id:i64; producer_epoch:i16; group_id:s",
    ),
    // EndTxn
    flexible(
        26,
        3,
        "transactional_id:s; producer_id:i64; producer_epoch:i16; committed:bool",
    ),
    // WriteTxnMarkers
    flexible(
        27,
        1,
        "markers:[producer_id:i64; producer_epoch:i16; transaction_result:bool; topics:[name:s; \
         partition_indexes:[i32]]; coordinator_epoch:i32]",
    ),
    // TxnOffsetCommit
    flexible(
        28,
        3,
        "transactional_id:s; group_id:s; producer_id:i64; producer_epoch:i16; \
         generation_id:i32 3+; member_id:s 3+; group_instance_id:s? 3+; topics:[name:s; \
         partitions:[partition_index:i32; committed_offset:i64; committed_leader_epoch:i32 2+; \
         committed_metadata:s?]]",
    ),
    // DescribeAcls
    flexible(
        29,
        2,
        "resource_type_filter:i8; resource_name_filter:s?; pattern_type_filter:i8; \
         principal_filter:s?; host_filter:s?; operation:i8; permission_type:i8",
    ),
    // CreateAcls
    flexible(
        30,
        2,
        "creations:[resource_type:i8; resource_name:s; resource_pattern_type:i8; principal:s; \
         host:s; operation:i8; permission_type:i8]",
    ),
    // DeleteAcls
    flexible(
        31,
        2,
        "filters:[resource_type_filter:i8; resource_name_filter:s?; pattern_type_filter:i8; \
         principal_filter:s?; host_filter:s?; operation:i8; permission_type:i8]",
    ),
    // DescribeConfigs
    flexible(
        32,
        4,
        "resources:[resource_type:i8; resource_name:s; configuration_keys:[s]?]; \
         include_synonyms:bool; include_documentation:bool 3+",
    ),
    // AlterConfigs
    flexible(
        33,
        2,
        "resources:[resource_type:i8; resource_name:s; configs:[name:s; value:s?]]; \
         validate_only:bool",
    ),
    // DescribeLogDirs
    flexible(35, 2, "topics:[topic:s; partitions:[i32]]?"),
    // CreatePartitions
    flexible(
        37,
        2,
        "topics:[name:s; count:i32; assignments:[broker_ids:[i32]]?]; timeout_ms:i32; \
         validate_only:bool",
    ),
    // DeleteGroups
    flexible(42, 2, "groups_names:[s]"),
    // ElectLeaders
    flexible(
        43,
        2,
        "election_type:i8 1+; topic_partitions:[topic:s; partitions:[i32]]?; timeout_ms:i32",
    ),
    // IncrementalAlterConfigs
    flexible(
        44,
        1,
        "resources:[resource_type:i8; resource_name:s; configs:[name:s; config_operation:i8; \
         value:s?]]; validate_only:bool",
    ),
    // AlterPartitionReassignments
    flexible(
        45,
        0,
        "timeout_ms:i32; allow_replication_factor_change:bool 1+; topics:[name:s; \
         partitions:[partition_index:i32; replicas:[i32]?]]",
    ),
    // ListPartitionReassignments
    flexible(
        46,
        0,
        "timeout_ms:i32; topics:[name:s; partition_indexes:[i32]]?",
    ),
    // OffsetDelete
    Schema {
        api_key: 47,
        flexible_min: None,
        fields: "group_id:s; topics:[name:s; partitions:[partition_index:i32]]",
    },
    // DescribeClientQuotas
    flexible(
        48,
        1,
        "components:[entity_type:s; match_type:i8; match:s?]; strict:bool",
    ),
    // AlterClientQuotas
    flexible(
        49,
        1,
        "entries:[entity:[entity_type:s; entity_name:s?]; ops:[key:s; value:f64; \
         remove:bool]]; validate_only:bool",
    ),
    // DescribeQuorum
    flexible(
        55,
        0,
        "topics:[topic_name:s; partitions:[partition_index:i32]]",
    ),
    // UpdateFeatures
    flexible(
        57,
        0,
        "timeout_ms:i32; feature_updates:[feature:s; max_version_level:i16; \
         allow_downgrade:bool 0-0; upgrade_type:i8 1+]; validate_only:bool 1+",
    ),
    // DescribeCluster
    flexible(
        60,
        0,
        "include_cluster_authorized_operations:bool; endpoint_type:i8 1+; \
         include_fenced_brokers:bool 2+",
    ),
    // DescribeProducers
    flexible(61, 0, "topics:[name:s; partition_indexes:[i32]]"),
    // DescribeTransactions
    flexible(65, 0, "transactional_ids:[s]"),
    // ListTransactions
    flexible(
        66,
        0,
        "state_filters:[s]; producer_id_filters:[i64]; duration_filter:i64 1+; \
         transactional_id_pattern:s? 2+",
    ),
    // ConsumerGroupDescribe
    flexible(69, 0, "group_ids:[s]; include_authorized_operations:bool"),
    // ListConfigResources
    flexible(74, 0, "resource_types:[i8] 1+"),
    // DescribeTopicPartitions
    flexible(
        75,
        0,
        "topics:[name:s]; response_partition_limit:i32; cursor:{topic_name:s; \
         partition_index:i32}?",
    ),
];

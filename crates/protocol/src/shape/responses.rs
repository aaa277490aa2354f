//! The shapes of the responses that a client of this project reads, in the notation of
//! [`super::schema`], for every version that the codec knows.

use super::schema::{Schema, flexible};

/// Ordered by key. The APIs are those that are served, and the transactional ones.
pub(super) static RESPONSES: &[Schema] = &[
    // Produce
    flexible(
        0,
        9,
        "responses:[name:s 3-12; topic_id:uuid 13+; partition_responses:[index:i32; \
         error_code:i16; base_offset:i64; log_append_time_ms:i64; log_start_offset:i64 5+; \
         record_errors:[batch_index:i32; batch_index_error_message:s?] 8+; error_message:s? \
         8+; current_leader:{leader_id:i32; leader_epoch:i32} 10+ #0]]; throttle_time_ms:i32; \
         node_endpoints:[node_id:i32; host:s; port:i32; rack:s?] 10+ #0",
    ),
    // Fetch
    flexible(
        1,
        12,
        "throttle_time_ms:i32; error_code:i16 7+; session_id:i32 7+; responses:[topic:s 4-12; \
         topic_id:uuid 13+; partitions:[partition_index:i32; error_code:i16; \
         high_watermark:i64; last_stable_offset:i64; log_start_offset:i64 5+; \
         diverging_epoch:{epoch:i32; end_offset:i64} 12+ #0; current_leader:{leader_id:i32; \
         leader_epoch:i32} 12+ #1; snapshot_id:{end_offset:i64; epoch:i32} 12+ #2; \
         aborted_transactions:[producer_id:i64; first_offset:i64]?; \
         preferred_read_replica:i32 11+; records:b?]]; node_endpoints:[node_id:i32; host:s; \
         port:i32; rack:s?] 16+ #0",
    ),
    // ListOffsets
    flexible(
        2,
        6,
        "throttle_time_ms:i32 2+; topics:[name:s; partitions:[partition_index:i32; \
         error_code:i16; timestamp:i64; offset:i64; leader_epoch:i32 4+]]",
    ),
    // Metadata
    flexible(
        3,
        9,
        "throttle_time_ms:i32 3+; brokers:[node_id:i32; host:s; port:i32; rack:s? 1+]; \
         cluster_id:s? 2+; controller_id:i32 1+; topics:[error_code:i16; name:s?12+; \
         topic_id:uuid 10+; is_internal:bool 1+; partitions:[error_code:i16; \
         partition_index:i32; leader_id:i32; leader_epoch:i32 7+; replica_nodes:[i32]; \
         isr_nodes:[i32]; offline_replicas:[i32] 5+]; topic_authorized_operations:i32 8+]; \
         cluster_authorized_operations:i32 8-10; error_code:i16 13+",
    ),
    // OffsetCommit
    flexible(
        8,
        8,
        "throttle_time_ms:i32 3+; topics:[name:s 2-9; topic_id:uuid 10+; \
         partitions:[partition_index:i32; error_code:i16]]",
    ),
    // OffsetFetch
    flexible(
        9,
        6,
        "throttle_time_ms:i32 3+; topics:[name:s; partitions:[partition_index:i32; \
         committed_offset:i64; committed_leader_epoch:i32 5+; metadata:s?; error_code:i16]] \
         1-7; error_code:i16 2-7; groups:[group_id:s; topics:[name:s 8-9; topic_id:uuid 10+; \
         partitions:[partition_index:i32; committed_offset:i64; committed_leader_epoch:i32; \
         metadata:s?; error_code:i16]]; error_code:i16] 8+",
    ),
    // FindCoordinator
    flexible(
        10,
        3,
        "throttle_time_ms:i32 1+; error_code:i16 0-3; error_message:s? 1-3; node_id:i32 0-3; \
         host:s 0-3; port:i32 0-3; coordinators:[key:s; node_id:i32; host:s; port:i32; \
         error_code:i16; error_message:s?] 4+",
    ),
    // JoinGroup
    flexible(
        11,
        6,
        "throttle_time_ms:i32 2+; error_code:i16; generation_id:i32; protocol_type:s? 7+; \
         protocol_name:s?7+; leader:s; skip_assignment:bool 9+; member_id:s; \
         members:[member_id:s; group_instance_id:s? 5+; metadata:b]",
    ),
    // Heartbeat
    flexible(12, 4, "throttle_time_ms:i32 1+; error_code:i16"),
    // LeaveGroup
    flexible(
        13,
        4,
        "throttle_time_ms:i32 1+; error_code:i16; members:[member_id:s; group_instance_id:s?; \
         error_code:i16] 3+",
    ),
    // SyncGroup
    flexible(
        14,
        4,
        "throttle_time_ms:i32 1+; error_code:i16; protocol_type:s? 5+; protocol_name:s? 5+; \
         assignment:b",
    ),
    // DescribeGroups
    flexible(
        15,
        5,
        "throttle_time_ms:i32 1+; groups:[error_code:i16; error_message:s? 6+; group_id:s; \
         group_state:s; protocol_type:s; protocol_data:s; members:[member_id:s; \
         group_instance_id:s? 4+; client_id:s; client_host:s; member_metadata:b; \
         member_assignment:b]; authorized_operations:i32 3+]",
    ),
    // ListGroups
    flexible(
        16,
        3,
        "throttle_time_ms:i32 1+; error_code:i16; groups:[group_id:s; protocol_type:s; \
         group_state:s 4+; group_type:s 5+]",
    ),
    // ApiVersions
    flexible(
        18,
        3,
        "error_code:i16; api_keys:[api_key:i16; min_version:i16; max_version:i16]; \
         throttle_time_ms:i32 1+; supported_features:[name:s; min_version:i16; \
         max_version:i16] 3+ #0; finalized_features_epoch:i64 3+ #1; \
         finalized_features:[name:s; max_version_level:i16; min_version_level:i16] 3+ #2; \
         zk_migration_ready:bool 3+ #3",
    ),
    // CreateTopics
    flexible(
        19,
        5,
        "throttle_time_ms:i32; topics:[name:s; topic_id:uuid 7+; error_code:i16; \
         error_message:s?; topic_config_error_code:i16 5+ #0; num_partitions:i32 5+; \
         replication_factor:i16 5+; configs:[name:s; value:s?; read_only:bool; \
         config_source:i8; is_sensitive:bool]? 5+]",
    ),
    // DeleteTopics
    flexible(
        20,
        4,
        "throttle_time_ms:i32; responses:[name:s?6+; topic_id:uuid 6+; error_code:i16; \
         error_message:s? 5+]",
    ),
    // DeleteRecords
    flexible(
        21,
        2,
        "throttle_time_ms:i32; topics:[name:s; partitions:[partition_index:i32; \
         low_watermark:i64; error_code:i16]]",
    ),
    // InitProducerId
    flexible(
        22,
        2,
        "throttle_time_ms:i32; error_code:i16; producer_id:i64; producer_epoch:i16; \
         ongoing_txn_producer_id:i64 6+; ongoing_txn_producer_epoch:i16 6+",
    ),
    // OffsetForLeaderEpoch
    flexible(
        23,
        4,
        "throttle_time_ms:i32; topics:[topic:s; partitions:[error_code:i16; partition:i32; \
         leader_epoch:i32; end_offset:i64]]",
    ),
    // AddPartitionsToTxn
    flexible(
        24,
        3,
        "throttle_time_ms:i32; error_code:i16 4+; results_by_transaction:[transactional_id:s; \
         topic_results:[name:s; results_by_partition:[partition_index:i32; \
         partition_error_code:i16]]] 4+; results_by_topic_v3_and_below:[name:s; \
         results_by_partition:[partition_index:i32; partition_error_code:i16]] 0-3",
    ),
    // AddOffsetsToTxn
    flexible(25, 3, "throttle_time_ms:i32; error_code:i16"),
    // EndTxn
    flexible(
        26,
        3,
        "throttle_time_ms:i32; error_code:i16; producer_id:i64 5+; producer_epoch:i16 5+",
    ),
    // WriteTxnMarkers
    flexible(
        27,
        1,
        "markers:[producer_id:i64; topics:[name:s; partitions:[partition_index:i32; \
         error_code:i16]]]",
    ),
    // TxnOffsetCommit
    flexible(
        28,
        3,
        "throttle_time_ms:i32; topics:[name:s; partitions:[partition_index:i32; \
         error_code:i16]]",
    ),
    // DescribeAcls
    flexible(
        29,
        2,
        "throttle_time_ms:i32; error_code:i16; error_message:s?; resources:[resource_type:i8; \
         resource_name:s; pattern_type:i8; acls:[principal:s; host:s; operation:i8; \
         permission_type:i8]]",
    ),
    // CreateAcls
    flexible(
        30,
        2,
        "throttle_time_ms:i32; results:[error_code:i16; error_message:s?]",
    ),
    // DeleteAcls
    flexible(
        31,
        2,
        "throttle_time_ms:i32; filter_results:[error_code:i16; error_message:s?; \
         matching_acls:[error_code:i16; error_message:s?; resource_type:i8; resource_name:s; \
         pattern_type:i8; principal:s; host:s; operation:i8; permission_type:i8]]",
    ),
    // DescribeConfigs
    flexible(
        32,
        4,
        "throttle_time_ms:i32; results:[error_code:i16; error_message:s?; resource_type:i8; \
         resource_name:s; configs:[name:s; value:s?; read_only:bool; config_source:i8; \
         is_sensitive:bool; synonyms:[name:s; value:s?; source:i8]; config_type:i8 3+; \
         documentation:s? 3+]]",
    ),
    // AlterConfigs
    flexible(
        33,
        2,
        "throttle_time_ms:i32; responses:[error_code:i16; error_message:s?; resource_type:i8; \
         resource_name:s]",
    ),
    // DescribeLogDirs
    flexible(
        35,
        2,
        "throttle_time_ms:i32; error_code:i16 3+; results:[error_code:i16; log_dir:s; \
         topics:[name:s; partitions:[partition_index:i32; partition_size:i64; offset_lag:i64; \
         is_future_key:bool]]; total_bytes:i64 4+; usable_bytes:i64 4+]",
    ),
    // CreatePartitions
    flexible(
        37,
        2,
        "throttle_time_ms:i32; results:[name:s; error_code:i16; error_message:s?]",
    ),
    // DeleteGroups
    flexible(
        42,
        2,
        "throttle_time_ms:i32; results:[group_id:s; error_code:i16]",
    ),
    // ElectLeaders
    flexible(
        43,
        2,
        "throttle_time_ms:i32; error_code:i16 1+; replica_election_results:[topic:s; \
         partition_result:[partition_id:i32; error_code:i16; error_message:s?]]",
    ),
    // IncrementalAlterConfigs
    flexible(
        44,
        1,
        "throttle_time_ms:i32; responses:[error_code:i16; error_message:s?; resource_type:i8; \
         resource_name:s]",
    ),
    // AlterPartitionReassignments
    flexible(
        45,
        0,
        "throttle_time_ms:i32; allow_replication_factor_change:bool 1+; error_code:i16; \
         error_message:s?; responses:[name:s; partitions:[partition_index:i32; \
         error_code:i16; error_message:s?]]",
    ),
    // ListPartitionReassignments
    flexible(
        46,
        0,
        "throttle_time_ms:i32; error_code:i16; error_message:s?; topics:[name:s; \
         partitions:[partition_index:i32; replicas:[i32]; adding_replicas:[i32]; \
         removing_replicas:[i32]]]",
    ),
    // OffsetDelete
    Schema {
        api_key: 47,
        flexible_min: None,
        fields: "error_code:i16; throttle_time_ms:i32; topics:[name:s; \
         partitions:[partition_index:i32; error_code:i16]]",
    },
    // DescribeClientQuotas
    flexible(
        48,
        1,
        "throttle_time_ms:i32; error_code:i16; error_message:s?; \
         entries:[entity:[entity_type:s; entity_name:s?]; values:[key:s; value:f64]]?",
    ),
    // AlterClientQuotas
    flexible(
        49,
        1,
        "throttle_time_ms:i32; entries:[error_code:i16; error_message:s?; \
         entity:[entity_type:s; entity_name:s?]]",
    ),
    // DescribeQuorum
    flexible(
        55,
        0,
        "error_code:i16; error_message:s? 2+; topics:[topic_name:s; \
         partitions:[partition_index:i32; error_code:i16; error_message:s? 2+; leader_id:i32; \
         leader_epoch:i32; high_watermark:i64; current_voters:[replica_id:i32; \
         replica_directory_id:uuid 2+; log_end_offset:i64; last_fetch_timestamp:i64 1+; \
         last_caught_up_timestamp:i64 1+]; observers:[replica_id:i32; \
         replica_directory_id:uuid 2+; log_end_offset:i64; last_fetch_timestamp:i64 1+; \
         last_caught_up_timestamp:i64 1+]]]; nodes:[node_id:i32; listeners:[name:s; host:s; \
         port:i16]] 2+",
    ),
    // UpdateFeatures
    flexible(
        57,
        0,
        "throttle_time_ms:i32; error_code:i16; error_message:s?; results:[feature:s; \
         error_code:i16; error_message:s?] 0-1",
    ),
    // DescribeCluster
    flexible(
        60,
        0,
        "throttle_time_ms:i32; error_code:i16; error_message:s?; endpoint_type:i8 1+; \
         cluster_id:s; controller_id:i32; brokers:[broker_id:i32; host:s; port:i32; rack:s?; \
         is_fenced:bool 2+]; cluster_authorized_operations:i32",
    ),
    // DescribeProducers
    flexible(
        61,
        0,
        "throttle_time_ms:i32; topics:[name:s; partitions:[partition_index:i32; \
         error_code:i16; error_message:s?; active_producers:[producer_id:i64; \
         producer_epoch:i32; last_sequence:i32; last_timestamp:i64; coordinator_epoch:i32; \
         current_txn_start_offset:i64]]]",
    ),
    // DescribeTransactions
    flexible(
        65,
        0,
        "throttle_time_ms:i32; transaction_states:[error_code:i16; transactional_id:s; \
         transaction_state:s; transaction_timeout_ms:i32; transaction_start_time_ms:i64; \
         producer_id:i64; producer_epoch:i16; topics:[topic:s; partitions:[i32]]]",
    ),
    // ListTransactions
    flexible(
        66,
        0,
        "throttle_time_ms:i32; error_code:i16; unknown_state_filters:[s]; \
         transaction_states:[transactional_id:s; producer_id:i64; transaction_state:s]",
    ),
    // ConsumerGroupDescribe
    flexible(
        69,
        0,
        "throttle_time_ms:i32; groups:[error_code:i16; error_message:s?; group_id:s; \
         group_state:s; group_epoch:i32; assignment_epoch:i32; assignor_name:s; \
         members:[member_id:s; instance_id:s?; rack_id:s?; member_epoch:i32; client_id:s; \
         client_host:s; subscribed_topic_names:[s]; subscribed_topic_regex:s?; \
         assignment:{topic_partitions:[topic_id:uuid; topic_name:s; partitions:[i32]]}; \
         target_assignment:{topic_partitions:[topic_id:uuid; topic_name:s; \
         partitions:[i32]]}; member_type:i8 1+]; authorized_operations:i32]",
    ),
    // ListConfigResources
    flexible(
        74,
        0,
        "throttle_time_ms:i32; error_code:i16; config_resources:[resource_name:s; \
         resource_type:i8 1+]",
    ),
    // DescribeTopicPartitions
    flexible(
        75,
        0,
        "throttle_time_ms:i32; topics:[error_code:i16; name:s?; topic_id:uuid; \
         is_internal:bool; partitions:[error_code:i16; partition_index:i32; leader_id:i32; \
         leader_epoch:i32; replica_nodes:[i32]; isr_nodes:[i32]; \
         eligible_leader_replicas:[i32]?; last_known_elr:[i32]?; offline_replicas:[i32]]; \
         topic_authorized_operations:i32]; next_cursor:{topic_name:s; partition_index:i32}?",
    ),
];

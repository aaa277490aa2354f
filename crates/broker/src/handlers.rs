//! One file per API; the table that leads from a request to its handler.

mod acls;
mod alter_client_quotas;
pub(crate) mod api_versions;
mod append;
mod configs;
mod create_partitions;
mod create_topics;
mod delete_records;
mod delete_topics;
mod describe_client_quotas;
mod describe_cluster;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_topic_partitions;
mod elect_leaders;
pub(crate) mod errors;
mod fetch;
mod find_coordinator;
mod groups;
mod list_offsets;
mod metadata;
mod offset_for_leader_epoch;
mod produce;
mod reassignments;
mod transactions;
mod update_features;
mod wire;

use highwater_net::Reply;
use highwater_protocol::{ApiKey, DecodeError};

use crate::service::Call;

/// Handles one request whose version is served.
pub(crate) fn dispatch(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let Ok(api) = ApiKey::try_from(call.responder.api_key) else {
        return Ok(Reply::Close);
    };
    match api {
        ApiKey::Produce => produce::handle(call),
        ApiKey::Fetch => fetch::handle(call),
        ApiKey::ListOffsets => list_offsets::handle(call),
        ApiKey::Metadata => metadata::handle(call),
        ApiKey::ApiVersions => api_versions::handle(call),
        ApiKey::InitProducerId => transactions::init_producer_id::handle(call),
        ApiKey::AddPartitionsToTxn => transactions::add_partitions::handle(call),
        ApiKey::AddOffsetsToTxn => transactions::add_offsets::handle(call),
        ApiKey::EndTxn => transactions::end::handle(call),
        ApiKey::TxnOffsetCommit => transactions::offset_commit::handle(call),
        ApiKey::WriteTxnMarkers => transactions::write_markers::handle(call),
        ApiKey::OffsetForLeaderEpoch => offset_for_leader_epoch::handle(call),
        ApiKey::DeleteRecords => delete_records::handle(call),
        ApiKey::FindCoordinator => find_coordinator::handle(call),
        ApiKey::JoinGroup => groups::join::handle(call),
        ApiKey::SyncGroup => groups::sync::handle(call),
        ApiKey::Heartbeat => groups::heartbeat::handle(call),
        ApiKey::LeaveGroup => groups::leave::handle(call),
        ApiKey::OffsetCommit => groups::offset_commit::handle(call),
        ApiKey::OffsetFetch => groups::offset_fetch::handle(call),
        ApiKey::OffsetDelete => groups::offset_delete::handle(call),
        ApiKey::DescribeGroups => groups::describe::handle(call),
        ApiKey::ConsumerGroupDescribe => groups::consumer_describe::handle(call),
        ApiKey::ListGroups => groups::list::handle(call),
        ApiKey::DeleteGroups => groups::delete::handle(call),
        _ => dispatch_admin(api, call),
    }
}

fn dispatch_admin(api: ApiKey, call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    match api {
        ApiKey::DescribeAcls => acls::describe(call),
        ApiKey::CreateAcls => acls::create(call),
        ApiKey::DeleteAcls => acls::delete(call),
        ApiKey::CreateTopics => create_topics::handle(call),
        ApiKey::DeleteTopics => delete_topics::handle(call),
        ApiKey::CreatePartitions => create_partitions::handle(call),
        ApiKey::DescribeConfigs => configs::describe::handle(call),
        ApiKey::AlterConfigs => configs::alter::handle(call),
        ApiKey::IncrementalAlterConfigs => configs::incremental::handle(call),
        ApiKey::ListConfigResources => configs::resources::handle(call),
        ApiKey::DescribeCluster => describe_cluster::handle(call),
        ApiKey::DescribeLogDirs => describe_log_dirs::handle(call),
        ApiKey::DescribeProducers => describe_producers::handle(call),
        ApiKey::DescribeQuorum => describe_quorum::handle(call),
        ApiKey::DescribeTopicPartitions => describe_topic_partitions::handle(call),
        ApiKey::DescribeTransactions => transactions::describe(call),
        ApiKey::ListTransactions => transactions::list(call),
        ApiKey::DescribeClientQuotas => describe_client_quotas::handle(call),
        ApiKey::AlterClientQuotas => alter_client_quotas::handle(call),
        ApiKey::ElectLeaders => elect_leaders::handle(call),
        ApiKey::AlterPartitionReassignments => reassignments::alter(call),
        ApiKey::ListPartitionReassignments => reassignments::list(call),
        ApiKey::UpdateFeatures => update_features::handle(call),
        // The table of served APIs lets nothing else through.
        _ => Ok(Reply::Close),
    }
}

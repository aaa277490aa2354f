//! DescribeCluster: brokers, controller, cluster id.

use highwater_metadata::BrokerState;
use highwater_net::Reply;
use highwater_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use highwater_protocol::messages::{
    BrokerId as WireBroker, DescribeClusterRequest, DescribeClusterResponse,
};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};
use highwater_security::{Resource, authorized_operations};

use crate::handlers::metadata::endpoint;
use crate::service::Call;

/// The brokers are asked for; 2 would be the controllers, which only controllers answer.
const BROKERS: i8 = 1;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: DescribeClusterRequest = call.decode()?;
    let mut response = DescribeClusterResponse::default()
        .with_endpoint_type(request.endpoint_type)
        .with_cluster_id(StrBytes::from_string(call.broker.cluster_id.clone()))
        .with_controller_id(WireBroker(call.broker.id.get()));
    if request.endpoint_type != BROKERS {
        response.error_code = ErrorCode::MISMATCHED_ENDPOINT_TYPE.code();
        return Ok(call.reply(&response));
    }
    let image = call.broker.metadata.image();
    for known in image.brokers() {
        let is_fenced = known.state == BrokerState::Fenced;
        if is_fenced && !request.include_fenced_brokers {
            continue;
        }
        let (host, port) = endpoint(known, &call.context.listener);
        response.brokers.push(
            DescribeClusterBroker::default()
                .with_broker_id(WireBroker(known.id.get()))
                .with_host(host)
                .with_port(port)
                .with_rack(
                    known
                        .rack
                        .as_ref()
                        .map(|r| StrBytes::from_string(r.to_string())),
                )
                .with_is_fenced(is_fenced),
        );
    }
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = authorized_operations(
            call.broker.authorizer.as_ref(),
            call.context,
            &Resource::CLUSTER,
        );
    }
    Ok(call.reply(&response))
}

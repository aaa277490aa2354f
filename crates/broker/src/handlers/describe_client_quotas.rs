//! DescribeClientQuotas.

use std::sync::Arc;

use highwater_metadata::{QuotaEntityType, QuotaFilter, QuotaMatch};
use highwater_net::Reply;
use highwater_protocol::messages::describe_client_quotas_request::ComponentData;
use highwater_protocol::messages::describe_client_quotas_response::{
    EntityData, EntryData, ValueData,
};
use highwater_protocol::messages::{DescribeClientQuotasRequest, DescribeClientQuotasResponse};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};

use crate::service::Call;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: DescribeClientQuotasRequest = call.decode()?;
    let mut filter = QuotaFilter {
        strict: request.strict,
        ..QuotaFilter::default()
    };
    for component in &request.components {
        if let Err(message) = add(&mut filter, component) {
            let response = DescribeClientQuotasResponse::default()
                .with_error_code(ErrorCode::INVALID_REQUEST.code())
                .with_error_message(Some(StrBytes::from_string(message)))
                .with_entries(None);
            return Ok(call.reply(&response));
        }
    }
    let image = call.broker.metadata.image();
    let entries = image.find_quotas(&filter).map(|(entity, quotas)| {
        let parts = entity.0.iter().map(|(kind, name)| {
            EntityData::default()
                .with_entity_type(StrBytes::from_static_str(kind.name()))
                .with_entity_name(name.as_ref().map(|n| StrBytes::from_string(n.to_string())))
        });
        let values = quotas.iter().map(|(key, value)| {
            ValueData::default()
                .with_key(StrBytes::from_string(key.to_string()))
                .with_value(*value)
        });
        EntryData::default()
            .with_entity(parts.collect())
            .with_values(values.collect())
    });
    let response = DescribeClientQuotasResponse::default().with_entries(Some(entries.collect()));
    Ok(call.reply(&response))
}

fn add(filter: &mut QuotaFilter, component: &ComponentData) -> Result<(), String> {
    let Some(kind) = QuotaEntityType::from_name(&component.entity_type) else {
        return Err(format!(
            "Custom entity type '{}' is not supported",
            component.entity_type
        ));
    };
    let wanted = match (component.match_type, &component._match) {
        (0, Some(name)) => QuotaMatch::Exactly(Arc::from(name.as_str())),
        (1, _) => QuotaMatch::Default,
        (2, _) => QuotaMatch::Any,
        (other, _) => return Err(format!("Invalid match type {other}")),
    };
    match filter.parts.insert(kind, wanted) {
        None => Ok(()),
        Some(_) => Err(format!(
            "Duplicate filter component for entity type '{}'",
            kind.name()
        )),
    }
}

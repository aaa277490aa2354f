//! AlterClientQuotas.

use highwater_metadata::QuotaAlteration;
use highwater_net::Reply;
use highwater_protocol::messages::alter_client_quotas_request::EntryData as AskedEntry;
use highwater_protocol::messages::alter_client_quotas_response::{EntityData, EntryData};
use highwater_protocol::messages::{AlterClientQuotasRequest, AlterClientQuotasResponse};
use highwater_protocol::{DecodeError, StrBytes};

use crate::handlers::errors;
use crate::handlers::wire::mode;
use crate::service::Call;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: AlterClientQuotasRequest = call.decode()?;
    Ok(call.blocking(move |broker, _| {
        let wanted: Vec<_> = request.entries.iter().map(alteration).collect();
        let mode = mode(request.validate_only);
        let submitted = broker.decide(|controller| controller.alter_client_quotas(&wanted, mode));
        let outcomes = errors::outcomes("client quotas", submitted, wanted.len(), errors::quota);
        let entries = request
            .entries
            .iter()
            .zip(outcomes)
            .map(|(asked, (error, message))| {
                let entity = asked.entity.iter().map(|part| {
                    EntityData::default()
                        .with_entity_type(part.entity_type.clone())
                        .with_entity_name(part.entity_name.clone())
                });
                EntryData::default()
                    .with_error_code(error.code())
                    .with_error_message(message.map(StrBytes::from_string))
                    .with_entity(entity.collect())
            });
        AlterClientQuotasResponse::default().with_entries(entries.collect())
    }))
}

fn alteration(asked: &AskedEntry) -> QuotaAlteration {
    QuotaAlteration {
        entity: asked
            .entity
            .iter()
            .map(|part| {
                let name = part.entity_name.as_ref().map(|name| name.to_string());
                (part.entity_type.to_string(), name)
            })
            .collect(),
        values: asked
            .ops
            .iter()
            .map(|op| (op.key.to_string(), (!op.remove).then_some(op.value)))
            .collect(),
    }
}

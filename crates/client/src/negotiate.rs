//! Asking a fresh connection which versions the broker serves.

use std::time::Duration;

use bytes::Bytes;
use highwater_protocol::StrBytes;
use highwater_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};

use crate::api::ServedVersions;
use crate::connection::Connection;
use crate::{Api, ClientError, ErrorCode, frame};

/// Where the error code stands in every version: right behind the correlation id.
const ERROR_CODE_AT: usize = 4;

/// Asks in our highest version; a broker that does not speak it answers with error 35 in
/// version 0, and then the range that this answer names for ApiVersions itself counts.
pub(crate) async fn served_versions(
    connection: &Connection,
    limit: Duration,
) -> Result<ServedVersions, ClientError> {
    let highest = *ApiVersionsRequest::VERSIONS.end();
    let answer = ask(connection, highest, limit).await?;
    let response = if error_code(&answer) == Some(ErrorCode::UNSUPPORTED_VERSION) {
        let refusal = frame::decode_response::<ApiVersionsRequest>(answer, 0)?;
        let named = table(&refusal).pick::<ApiVersionsRequest>();
        // A broker that names no range at all is old enough to speak version 0 only.
        let version = named.filter(|version| *version < highest).unwrap_or(0);
        let answer = ask(connection, version, limit).await?;
        frame::decode_response::<ApiVersionsRequest>(answer, version)?
    } else {
        frame::decode_response::<ApiVersionsRequest>(answer, highest)?
    };
    ClientError::check("ApiVersions", response.error_code, None)?;
    Ok(table(&response))
}

async fn ask(connection: &Connection, version: i16, limit: Duration) -> Result<Bytes, ClientError> {
    let request = ApiVersionsRequest::default()
        .with_client_software_name(StrBytes::from_static_str("highwater"))
        .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
    connection.call_raw(version, &request, limit).await
}

fn error_code(frame: &[u8]) -> Option<ErrorCode> {
    let code = frame.get(ERROR_CODE_AT..)?.first_chunk()?;
    Some(ErrorCode::from_code(i16::from_be_bytes(*code)))
}

fn table(response: &ApiVersionsResponse) -> ServedVersions {
    let ranges = response.api_keys.iter();
    ServedVersions::new(
        ranges
            .map(|a| (a.api_key, a.min_version, a.max_version))
            .collect(),
    )
}

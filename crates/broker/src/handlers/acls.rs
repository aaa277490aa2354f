//! DescribeAcls, CreateAcls and DeleteAcls where no access control is configured.
//!
//! Administrative clients ask whether there is any, and take an answer for one: without these
//! APIs they take the broker for one from before access control, and give up.

use highwater_net::Reply;
use highwater_protocol::messages::create_acls_response::AclCreationResult;
use highwater_protocol::messages::delete_acls_response::DeleteAclsFilterResult;
use highwater_protocol::messages::{
    CreateAclsRequest, CreateAclsResponse, DeleteAclsRequest, DeleteAclsResponse,
    DescribeAclsRequest, DescribeAclsResponse,
};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};

use crate::service::Call;

/// Tools look for these words as well as for the code.
const DISABLED: StrBytes = StrBytes::from_static_str("No Authorizer is configured on the broker.");

/// Handles DescribeAcls.
pub(crate) fn describe(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    call.decode::<DescribeAclsRequest>()?;
    let response = DescribeAclsResponse::default()
        .with_error_code(ErrorCode::SECURITY_DISABLED.code())
        .with_error_message(Some(DISABLED));
    Ok(call.reply(&response))
}

/// Handles CreateAcls.
pub(crate) fn create(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: CreateAclsRequest = call.decode()?;
    let refused = AclCreationResult::default()
        .with_error_code(ErrorCode::SECURITY_DISABLED.code())
        .with_error_message(Some(DISABLED));
    let results = vec![refused; request.creations.len()];
    Ok(call.reply(&CreateAclsResponse::default().with_results(results)))
}

/// Handles DeleteAcls.
pub(crate) fn delete(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: DeleteAclsRequest = call.decode()?;
    let refused = DeleteAclsFilterResult::default()
        .with_error_code(ErrorCode::SECURITY_DISABLED.code())
        .with_error_message(Some(DISABLED));
    let results = vec![refused; request.filters.len()];
    Ok(call.reply(&DeleteAclsResponse::default().with_filter_results(results)))
}

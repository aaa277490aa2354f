//! The seam between handlers and whatever decides.

use crate::{Operation, RequestContext, Resource};

/// The answer of an [`Authorizer`].
#[must_use = "a verdict that nobody reads protects nothing"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Allowed,
    /// Answer with the authorisation error of the resource's type, and nothing else.
    Denied,
}

impl Verdict {
    /// Whether to go on.
    pub fn is_allowed(self) -> bool {
        self == Self::Allowed
    }
}

/// Decides whether the sender of a request may do what it asks.
///
/// Called from any thread while a request waits, so an implementation answers from memory and
/// without waiting. Not every handler asks yet; one that does not allows everything.
pub trait Authorizer: Send + Sync {
    /// Decides about one operation on one resource.
    fn authorize(
        &self,
        context: &RequestContext,
        operation: Operation,
        resource: &Resource<'_>,
    ) -> Verdict;

    /// Whether rules are in force; if not, requests that manage rules are answered with
    /// SECURITY_DISABLED, and handlers may skip per-resource filtering.
    fn is_enabled(&self) -> bool;
}

/// The authoriser of a broker on which no access control is configured.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl Authorizer for AllowAll {
    fn authorize(
        &self,
        _context: &RequestContext,
        _operation: Operation,
        _resource: &Resource<'_>,
    ) -> Verdict {
        Verdict::Allowed
    }

    fn is_enabled(&self) -> bool {
        false
    }
}

/// The set of operations that the sender may perform on a resource, as the bit field that
/// clients ask for with `include_*_authorized_operations` (KIP-430).
pub fn authorized_operations(
    authorizer: &dyn Authorizer,
    context: &RequestContext,
    resource: &Resource<'_>,
) -> i32 {
    resource
        .kind
        .operations()
        .iter()
        .filter(|operation| {
            authorizer
                .authorize(context, **operation, resource)
                .is_allowed()
        })
        .fold(0, |set, operation| set | operation.bit())
}

//! Who is asking, what they ask to do, and to what: the words in which every request is
//! authorised, and the seam at which an authoriser is put in.
//!
//! Handlers ask an [`Authorizer`] before they look anything up, so that a refused client learns
//! nothing, not even whether the resource exists. Until access control lists are configured
//! [`AllowAll`] answers.

mod authorizer;
mod context;
mod operation;
mod resource;

pub use authorizer::{AllowAll, Authorizer, Verdict, authorized_operations};
pub use context::{Principal, PrincipalError, RequestContext, SecurityProtocol};
pub use operation::Operation;
pub use resource::{CLUSTER_NAME, Resource, ResourceType};

#[cfg(test)]
mod tests;

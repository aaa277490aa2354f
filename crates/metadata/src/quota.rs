//! Whom a client quota is for, and how quotas are looked for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// One kind of name that a quota can be bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuotaEntityType {
    /// The name of a principal.
    User,
    /// What a client calls itself.
    ClientId,
    /// The address of a client.
    Ip,
}

impl QuotaEntityType {
    /// The name that the wire and the log carry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::ClientId => "client-id",
            Self::Ip => "ip",
        }
    }

    /// The type of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::User, Self::ClientId, Self::Ip]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// Whom a quota is for: a name of each kind that it binds, `None` standing for the default of
/// that kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct QuotaEntity(pub BTreeMap<QuotaEntityType, Option<Arc<str>>>);

impl fmt::Display for QuotaEntity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (kind, name)) in self.0.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(
                f,
                "{comma}{}={}",
                kind.name(),
                name.as_deref().unwrap_or("<default>")
            )?;
        }
        Ok(())
    }
}

/// The quotas of one entity.
pub type QuotaMap = BTreeMap<Arc<str>, f64>;

/// How one part of an entity must look to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuotaMatch {
    /// This name.
    Exactly(Arc<str>),
    /// The default.
    Default,
    /// Any name, or the default.
    Any,
}

/// What DescribeClientQuotas asks for.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct QuotaFilter {
    /// Which parts an entity must have.
    pub parts: BTreeMap<QuotaEntityType, QuotaMatch>,
    /// Whether it may have no others.
    pub strict: bool,
}

impl QuotaFilter {
    /// Whether an entity is asked for.
    pub fn matches(&self, entity: &QuotaEntity) -> bool {
        let found = self
            .parts
            .iter()
            .all(|(kind, wanted)| match (entity.0.get(kind), wanted) {
                (None, _) => false,
                (Some(_), QuotaMatch::Any) | (Some(None), QuotaMatch::Default) => true,
                (Some(Some(name)), QuotaMatch::Exactly(exactly)) => name == exactly,
                (Some(Some(_)), QuotaMatch::Default) | (Some(None), QuotaMatch::Exactly(_)) => {
                    false
                }
            });
        found && (!self.strict || entity.0.len() == self.parts.len())
    }
}

//! The members of one classic group and what is counted over them.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::ids::{InstanceId, MemberId, Waiter};
use crate::records::MemberMetadata;
use crate::requests::{JoinProtocol, JoinRequest};

/// A request of a member that waits for the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Parked {
    /// None waits.
    #[default]
    Nothing,
    /// One waits.
    Waiting(Waiter),
    /// One waited and its connection closed. It still counts, as the member may be alive and
    /// knock again.
    Abandoned,
}

impl Parked {
    pub(crate) fn is_parked(self) -> bool {
        self != Self::Nothing
    }

    pub(crate) fn waiter(self) -> Option<Waiter> {
        match self {
            Self::Waiting(waiter) => Some(waiter),
            Self::Nothing | Self::Abandoned => None,
        }
    }
}

/// One member.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: MemberId,
    pub(crate) instance_id: Option<InstanceId>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) session_timeout_ms: i32,
    /// The preferred first. Of a member that was loaded from the log only the chosen one is known.
    pub(crate) protocols: Vec<JoinProtocol>,
    pub(crate) assignment: Bytes,
    /// Whether the member has never been in a generation; then its session may end even while it
    /// is parked.
    pub(crate) is_new: bool,
    /// Whether the client has been told the id, so that it can come back with it.
    pub(crate) knows_its_id: bool,
    join: Parked,
    pub(crate) sync: Parked,
}

impl Member {
    /// A member that joins for the first time, or an instance that comes back under a new id.
    pub(crate) fn joining(
        id: MemberId,
        request: &JoinRequest,
        protocols: Vec<JoinProtocol>,
    ) -> Self {
        Self {
            knows_its_id: request.member_id == id,
            id,
            instance_id: request.group_instance_id.clone(),
            client_id: request.client_id.clone(),
            client_host: request.client_host.clone(),
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            session_timeout_ms: request.session_timeout_ms,
            protocols,
            assignment: Bytes::new(),
            is_new: false,
            join: Parked::Nothing,
            sync: Parked::Nothing,
        }
    }

    pub(crate) fn from_record(record: MemberMetadata, protocol: Option<&str>) -> Self {
        Self {
            id: record.member_id,
            instance_id: record.group_instance_id,
            client_id: record.client_id,
            client_host: record.client_host,
            rebalance_timeout_ms: record.rebalance_timeout_ms,
            session_timeout_ms: record.session_timeout_ms,
            protocols: vec![JoinProtocol {
                name: protocol.unwrap_or_default().to_owned(),
                metadata: record.subscription,
            }],
            assignment: record.assignment,
            is_new: false,
            knows_its_id: true,
            join: Parked::Nothing,
            sync: Parked::Nothing,
        }
    }

    pub(crate) fn to_record(&self, protocol: Option<&str>, assignment: Bytes) -> MemberMetadata {
        MemberMetadata {
            member_id: self.id.clone(),
            group_instance_id: self.instance_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            session_timeout_ms: self.session_timeout_ms,
            subscription: self.metadata(protocol),
            assignment,
        }
    }

    /// The member as the log has it, with what the log does not know: what it has parked, and the
    /// protocols it speaks besides the chosen one, if that is still the one it was chosen for.
    pub(crate) fn recorded_as(mut self, mut recorded: Self, protocol: Option<&str>) -> Self {
        if self.metadata(protocol) == recorded.metadata(protocol) {
            recorded.protocols = std::mem::take(&mut self.protocols);
        }
        Self {
            is_new: self.is_new,
            join: self.join,
            sync: self.sync,
            ..recorded
        }
    }

    /// The metadata for one protocol; empty if the member does not speak it.
    pub(crate) fn metadata(&self, protocol: Option<&str>) -> Bytes {
        let spoken = self
            .protocols
            .iter()
            .find(|spoken| Some(spoken.name.as_str()) == protocol);
        spoken
            .map(|spoken| spoken.metadata.clone())
            .unwrap_or_default()
    }

    pub(crate) fn join(&self) -> Parked {
        self.join
    }

    /// Parked members do not send heartbeats and need not.
    pub(crate) fn is_excused(&self) -> bool {
        !self.is_new && (self.join.is_parked() || self.sync.is_parked())
    }
}

/// All members of a group by id, with the counts that a rebalance asks for at every step.
#[derive(Debug, Default)]
pub(crate) struct Members {
    by_id: BTreeMap<MemberId, Member>,
    by_instance: BTreeMap<InstanceId, MemberId>,
    /// How many members speak each protocol.
    speakers: BTreeMap<String, usize>,
    /// How many members are parked in a join.
    joined: usize,
}

impl Members {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// How many members are parked in a join.
    pub(crate) fn joined(&self) -> usize {
        self.joined
    }

    pub(crate) fn get(&self, id: &MemberId) -> Option<&Member> {
        self.by_id.get(id)
    }

    /// For changes that touch none of the counts: not the protocols, not a parked join.
    pub(crate) fn get_mut(&mut self, id: &MemberId) -> Option<&mut Member> {
        self.by_id.get_mut(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.by_id.values()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Member> {
        self.by_id.values_mut()
    }

    pub(crate) fn ids(&self) -> Vec<MemberId> {
        self.by_id.keys().cloned().collect()
    }

    pub(crate) fn first_id(&self) -> Option<&MemberId> {
        self.by_id.first_key_value().map(|(id, _)| id)
    }

    pub(crate) fn by_instance(&self, instance: &InstanceId) -> Option<&MemberId> {
        self.by_instance.get(instance)
    }

    /// Adds a member, in the place of one of the same id.
    pub(crate) fn insert(&mut self, member: Member) {
        self.remove(&member.id.clone());
        if let Some(instance) = &member.instance_id {
            self.by_instance.insert(instance.clone(), member.id.clone());
        }
        self.count_protocols(&member.protocols);
        self.joined += usize::from(member.join.is_parked());
        self.by_id.insert(member.id.clone(), member);
    }

    pub(crate) fn remove(&mut self, id: &MemberId) -> Option<Member> {
        let member = self.by_id.remove(id)?;
        if let Some(instance) = &member.instance_id
            && self.by_instance.get(instance) == Some(id)
        {
            self.by_instance.remove(instance);
        }
        self.uncount_protocols(&member.protocols);
        self.joined -= usize::from(member.join.is_parked());
        Some(member)
    }

    /// Parks a join, takes one out or marks it abandoned; what was there comes back.
    pub(crate) fn set_join(&mut self, id: &MemberId, join: Parked) -> Parked {
        let Some(member) = self.by_id.get_mut(id) else {
            return Parked::Nothing;
        };
        let before = std::mem::replace(&mut member.join, join);
        self.joined += usize::from(join.is_parked());
        self.joined -= usize::from(before.is_parked());
        before
    }

    pub(crate) fn set_protocols(&mut self, id: &MemberId, protocols: Vec<JoinProtocol>) {
        self.count_protocols(&protocols);
        let Some(member) = self.by_id.get_mut(id) else {
            return self.uncount_protocols(&protocols);
        };
        let before = std::mem::replace(&mut member.protocols, protocols);
        self.uncount_protocols(&before);
    }

    fn count_protocols(&mut self, protocols: &[JoinProtocol]) {
        for protocol in protocols {
            match self.speakers.get_mut(&protocol.name) {
                Some(count) => *count += 1,
                None => {
                    self.speakers.insert(protocol.name.clone(), 1);
                }
            }
        }
    }

    fn uncount_protocols(&mut self, protocols: &[JoinProtocol]) {
        for protocol in protocols {
            if let Some(count) = self.speakers.get_mut(&protocol.name) {
                *count -= 1;
                if *count == 0 {
                    self.speakers.remove(&protocol.name);
                }
            }
        }
    }

    /// Whether every member speaks the protocol.
    pub(crate) fn all_speak(&self, protocol: &str) -> bool {
        self.speakers.get(protocol).copied().unwrap_or(0) == self.len()
    }

    /// The protocol for the next generation: of those that all members speak, the one that most
    /// of them prefer; of equals the first by name, so that every replica of this decision agrees.
    ///
    /// `instead` is asked with each member for the protocols it is about to have.
    pub(crate) fn select_protocol<'a>(
        &'a self,
        instead: Option<(&MemberId, &'a [JoinProtocol])>,
    ) -> Option<&'a str> {
        let of = |member: &'a Member| match instead {
            Some((id, protocols)) if *id == member.id => protocols,
            _ => member.protocols.as_slice(),
        };
        let replaced = instead.and_then(|(id, protocols)| Some((self.get(id)?, protocols)));
        let speaks = |protocols: &[JoinProtocol], name: &str| {
            usize::from(protocols.iter().any(|protocol| protocol.name == name))
        };
        let common = |name: &str| match replaced {
            None => self.all_speak(name),
            Some((old, new)) => {
                let count = self.speakers.get(name).copied().unwrap_or(0) + speaks(new, name);
                count - speaks(&old.protocols, name) == self.len()
            }
        };
        let mut candidates: BTreeMap<&str, (bool, usize)> = BTreeMap::new();
        for member in self.iter() {
            for protocol in of(member) {
                let name = protocol.name.as_str();
                let (is_common, votes) =
                    candidates.entry(name).or_insert_with(|| (common(name), 0));
                if *is_common {
                    *votes += 1;
                    break;
                }
            }
        }
        let mut best: Option<(&str, usize)> = None;
        for (name, (is_common, votes)) in candidates {
            if is_common && best.is_none_or(|(_, most)| votes > most) {
                best = Some((name, votes));
            }
        }
        best.map(|(name, _)| name)
    }

    /// How long the slowest member may take to rejoin.
    pub(crate) fn rebalance_timeout_ms(&self) -> u64 {
        let slowest = self.iter().map(|member| member.rebalance_timeout_ms).max();
        u64::try_from(slowest.unwrap_or(0)).unwrap_or(0)
    }
}

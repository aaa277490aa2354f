//! Membership in a classic group: join, sync, heartbeat, leave.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use highwater_protocol::messages::consumer_protocol_assignment::TopicPartition as WirePartitions;
use highwater_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use highwater_protocol::messages::leave_group_request::MemberIdentity;
use highwater_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use highwater_protocol::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, GroupId, HeartbeatRequest,
    JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
};
use highwater_protocol::{Encodable, StrBytes, consumer_protocol};
use highwater_types::{TopicName, TopicPartition};
use tokio::sync::watch;
use tokio::time::sleep;

use super::join_deadline;
use super::range::{self, Subscriber};
use crate::admin::{Committer, decode_assignment};
use crate::client::wire_topic;
use crate::code::Verdict as _;
use crate::{Admin, AutoCreate, Client, ClientError, Deadline, ErrorCode, Lane, Target};

/// The settings of a member of a group.
#[derive(Clone, Debug)]
pub struct GroupOptions {
    /// The id of the group.
    pub id: String,
    /// What to read.
    pub topics: BTreeSet<TopicName>,
    /// The name of a static member (KIP-345).
    pub instance_id: Option<String>,
    /// Without a heartbeat for so long, a member counts as gone.
    pub session_timeout: Duration,
    /// How long members have to rejoin.
    pub rebalance_timeout: Duration,
    /// How often to say that one is there.
    pub heartbeat_interval: Duration,
}

impl GroupOptions {
    /// Kafka's defaults for a group that reads `topics`.
    pub fn new(id: &str, topics: BTreeSet<TopicName>) -> Self {
        Self {
            id: id.to_owned(),
            topics,
            instance_id: None,
            session_timeout: Duration::from_secs(45),
            rebalance_timeout: Duration::from_secs(300),
            heartbeat_interval: Duration::from_secs(3),
        }
    }
}

const PROTOCOL_TYPE: &str = "consumer";
const PROTOCOL_NAME: &str = "range";
/// The version in which we write subscriptions and assignments; all brokers and members read it.
const EMBEDDED_VERSION: i16 = 1;
/// What a join may take beyond the rebalance, for the way there and back.
const JOIN_GRACE: Duration = Duration::from_secs(10);
/// From here on members leave by a list.
const LEAVE_BATCHED: i16 = 3;

/// Whether the group is as it was when we joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// We have an assignment.
    Settled,
    /// The members must join again.
    Rebalancing,
    /// The coordinator has forgotten us.
    Forgotten,
}

/// One member.
pub(super) struct Membership {
    client: Client,
    options: Arc<GroupOptions>,
    member_id: String,
    generation: i32,
    standing: watch::Receiver<Standing>,
    heartbeat: Option<tokio::task::AbortHandle>,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.stop_heartbeat();
    }
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn duration_ms(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

impl Membership {
    pub(super) fn new(client: Client, options: GroupOptions) -> Self {
        // The sender is gone at once, so nothing wakes anyone before the first join.
        let (_, standing) = watch::channel(Standing::Rebalancing);
        Self {
            client,
            options: Arc::new(options),
            member_id: String::new(),
            generation: -1,
            standing,
            heartbeat: None,
        }
    }

    pub(super) fn group(&self) -> &str {
        &self.options.id
    }

    pub(super) fn committer(&self) -> Committer {
        Committer {
            generation: self.generation,
            member_id: self.member_id.clone(),
            instance_id: self.options.instance_id.clone(),
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        *self.standing.borrow() == Standing::Settled
    }

    /// Returns when the member has to join again.
    pub(super) async fn rebalance_wanted(&self) {
        let mut standing = self.standing.clone();
        if standing
            .wait_for(|standing| *standing != Standing::Settled)
            .await
            .is_err()
        {
            std::future::pending::<()>().await;
        }
    }

    fn stop_heartbeat(&mut self) {
        if let Some(task) = self.heartbeat.take() {
            task.abort();
        }
    }

    fn target(&self) -> Target {
        Target::GroupCoordinator(self.options.id.clone())
    }

    /// Joins until the group has settled on who reads what; gives what this member reads.
    pub(super) async fn join(&mut self, admin: &Admin) -> Result<Vec<TopicPartition>, ClientError> {
        self.stop_heartbeat();
        if *self.standing.borrow() == Standing::Forgotten {
            self.member_id.clear();
        }
        let deadline = join_deadline(&self.options);
        let mut failures = 0;
        loop {
            let failure = match self.join_once(admin, deadline).await {
                Ok(assigned) => {
                    self.start_heartbeat();
                    return Ok(assigned);
                }
                Err(e) => e,
            };
            match failure.code() {
                // The id came with the refusal; joining with it is the second half of a join.
                Some(ErrorCode::MEMBER_ID_REQUIRED) => continue,
                Some(ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION) => {
                    self.member_id.clear();
                }
                Some(ErrorCode::REBALANCE_IN_PROGRESS) => {}
                _ if failure.is_retriable() => self.client.forget_after(&failure),
                _ => return Err(failure),
            }
            failures += 1;
            let wait = self
                .client
                .options()
                .backoff
                .wait(failures, crate::backoff::random());
            if wait >= deadline.remaining() {
                return Err(deadline.error("joining the group", Some(&failure)));
            }
            sleep(wait).await;
        }
    }

    async fn join_once(
        &mut self,
        admin: &Admin,
        deadline: Deadline,
    ) -> Result<Vec<TopicPartition>, ClientError> {
        let limit = deadline.at_most(self.options.rebalance_timeout + JOIN_GRACE);
        let request = self.join_request()?;
        let target = self.target();
        let (_, joined) = self
            .client
            .call(&target, Lane::Group, limit, |_| request)
            .await?;
        let what = || format!("join of group {}", self.options.id);
        if joined.error_code != 0 {
            if ErrorCode::from_code(joined.error_code) == ErrorCode::MEMBER_ID_REQUIRED {
                let refused = ClientError::check(what(), joined.error_code, None);
                self.member_id = joined.member_id.to_string();
                refused?;
            }
            ClientError::check(what(), joined.error_code, None)?;
        }
        self.member_id = joined.member_id.to_string();
        self.generation = joined.generation_id;
        let leads = joined.leader == joined.member_id && !joined.skip_assignment;
        let assignments = if leads {
            self.lead(admin, &joined).await?
        } else {
            Vec::new()
        };
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(text(&self.options.id)))
            .with_generation_id(self.generation)
            .with_member_id(text(&self.member_id))
            .with_group_instance_id(self.options.instance_id.as_deref().map(text))
            .with_protocol_type(Some(text(PROTOCOL_TYPE)))
            .with_protocol_name(Some(text(PROTOCOL_NAME)))
            .with_assignments(assignments);
        let (version, connection) = {
            let connection = self.client.connection(&target, Lane::Group).await?;
            (connection.version::<SyncGroupRequest>()?, connection)
        };
        let request = if version >= 5 {
            request
        } else {
            request.with_protocol_type(None).with_protocol_name(None)
        };
        let synced = connection.call(version, &request, limit).await?;
        ClientError::check(
            format!("sync of group {}", self.options.id),
            synced.error_code,
            None,
        )?;
        decode_assignment(&synced.assignment).ok_or_else(|| ClientError::Malformed {
            what: "assignment",
            reason: format!("of group {}", self.options.id),
        })
    }

    fn join_request(&self) -> Result<JoinGroupRequest, ClientError> {
        let topics = self.options.topics.iter().map(|topic| text(topic.as_str()));
        let subscription = ConsumerProtocolSubscription::default().with_topics(topics.collect());
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(text(PROTOCOL_NAME))
            .with_metadata(embedded(&subscription)?);
        Ok(JoinGroupRequest::default()
            .with_group_id(GroupId(text(&self.options.id)))
            .with_session_timeout_ms(duration_ms(self.options.session_timeout))
            .with_rebalance_timeout_ms(duration_ms(self.options.rebalance_timeout))
            .with_member_id(text(&self.member_id))
            .with_group_instance_id(self.options.instance_id.as_deref().map(text))
            .with_protocol_type(text(PROTOCOL_TYPE))
            .with_protocols(vec![protocol]))
    }

    /// As the leader of the group: decides who reads what.
    async fn lead(
        &self,
        admin: &Admin,
        joined: &JoinGroupResponse,
    ) -> Result<Vec<SyncGroupRequestAssignment>, ClientError> {
        let subscribers: Vec<_> = joined
            .members
            .iter()
            .map(|member| {
                let instance_id = member.group_instance_id.as_deref();
                // A member whose wishes cannot be read gets nothing, and the others go on.
                let topics = decode_subscription(&member.metadata).unwrap_or_default();
                Subscriber::new(&member.member_id, instance_id, topics)
            })
            .collect();
        let topics: BTreeSet<_> = subscribers.iter().flat_map(|s| s.topics.clone()).collect();
        let fetch = || admin.client().topics(&topics, AutoCreate::No);
        let found = admin
            .client()
            .retrying("Metadata", admin.client().deadline(), fetch)
            .await?;
        let counts: BTreeMap<_, _> = found
            .into_iter()
            .map(|(name, topic)| (name, topic.partitions.len()))
            .collect();
        let assigned = range::assign(subscribers, &counts);
        assigned
            .iter()
            .map(|(member, partitions)| encode_assignment(member, partitions))
            .collect()
    }

    fn start_heartbeat(&mut self) {
        let (sender, receiver) = watch::channel(Standing::Settled);
        self.standing = receiver;
        let request = HeartbeatRequest::default()
            .with_group_id(GroupId(text(&self.options.id)))
            .with_generation_id(self.generation)
            .with_member_id(text(&self.member_id))
            .with_group_instance_id(self.options.instance_id.as_deref().map(text));
        let beat = heartbeats(
            self.client.clone(),
            self.target(),
            request,
            Arc::clone(&self.options),
            sender,
        );
        self.heartbeat = Some(tokio::spawn(beat).abort_handle());
    }

    /// Tells the group that the member is going; a static member stays until its session ends.
    pub(super) async fn leave(mut self) -> Result<(), ClientError> {
        self.stop_heartbeat();
        if self.member_id.is_empty() || self.options.instance_id.is_some() {
            return Ok(());
        }
        let build = |version: i16| {
            let request =
                LeaveGroupRequest::default().with_group_id(GroupId(text(&self.options.id)));
            if version >= LEAVE_BATCHED {
                let member = MemberIdentity::default().with_member_id(text(&self.member_id));
                request.with_members(vec![member])
            } else {
                request.with_member_id(text(&self.member_id))
            }
        };
        let what = || format!("leaving group {}", self.options.id);
        self.client
            .ask(
                &self.target(),
                self.client.deadline(),
                build,
                |_, response| match ErrorCode::from_code(response.error_code) {
                    ErrorCode::UNKNOWN_MEMBER_ID => Ok(()),
                    code => ClientError::check(what(), code.code(), None),
                },
            )
            .await
    }
}

async fn heartbeats(
    client: Client,
    target: Target,
    request: HeartbeatRequest,
    options: Arc<GroupOptions>,
    standing: watch::Sender<Standing>,
) {
    loop {
        sleep(options.heartbeat_interval).await;
        let beat = client.call(&target, Lane::Group, options.session_timeout, |_| {
            request.clone()
        });
        let failure = match beat.await {
            Ok((_, response)) => match ErrorCode::from_code(response.error_code) {
                ErrorCode::NONE => continue,
                // The heartbeats go on, or the member would be thrown out before it rejoins.
                ErrorCode::REBALANCE_IN_PROGRESS => {
                    standing.send_replace(Standing::Rebalancing);
                    continue;
                }
                code if code.is_stale_coordinator() => ClientError::refused("heartbeat", code),
                code => {
                    tracing::info!(group = %options.id, %code, "no longer a member of the group");
                    standing.send_replace(Standing::Forgotten);
                    return;
                }
            },
            Err(e) => e,
        };
        client.forget_after(&failure);
    }
}

fn embedded<M: Encodable>(message: &M) -> Result<Bytes, ClientError> {
    let mut bytes = BytesMut::new();
    bytes.put_i16(EMBEDDED_VERSION);
    message
        .encode(&mut bytes, EMBEDDED_VERSION)
        .map_err(|e| ClientError::Unencodable {
            what: "group protocol",
            reason: e.to_string(),
        })?;
    Ok(bytes.freeze())
}

fn decode_subscription(bytes: &Bytes) -> Option<BTreeSet<TopicName>> {
    let subscription = consumer_protocol::decode_subscription(bytes).ok()?;
    subscription
        .topics
        .iter()
        .map(|topic| TopicName::new(topic).ok())
        .collect()
}

fn encode_assignment(
    member: &str,
    partitions: &[TopicPartition],
) -> Result<SyncGroupRequestAssignment, ClientError> {
    let mut topics: BTreeMap<&TopicName, WirePartitions> = BTreeMap::new();
    for partition in partitions {
        let name = &partition.topic;
        let entry = topics
            .entry(name)
            .or_insert_with(|| WirePartitions::default().with_topic(wire_topic(name)));
        entry.partitions.push(partition.partition.get());
    }
    let assignment = ConsumerProtocolAssignment::default()
        .with_assigned_partitions(topics.into_values().collect());
    Ok(SyncGroupRequestAssignment::default()
        .with_member_id(text(member))
        .with_assignment(embedded(&assignment)?))
}

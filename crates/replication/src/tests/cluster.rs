//! Three replicas, a controller, a network that delays and repeats, and power that fails, all
//! from one seed; and the promises, checked after every step.
//!
//! [`Rules`] names the rules that make the promises hold. Each can be broken by itself, and then
//! some seed must show it: otherwise the checks prove nothing (see `controls`).

use std::fmt::Write;

use highwater_types::{BrokerId, LeaderEpoch, Now, Offset};

use crate::{
    Acknowledgement, Acks, Durability, Effect, Effects, EpochLineage, FollowerFetch, IsrProposal,
    LogEnds, NextFetch, PartitionState, Replica, ReplicaSettings, Role,
};

const NODES: usize = 3;

/// Which rules are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Acknowledge when every member has it, not when the leader has it.
    pub(super) acknowledge_after_isr: bool,
    /// Refuse fetches of another epoch, and those that do not continue our log.
    pub(super) fence_fetches: bool,
    /// Cut at the divergence point, not at the high watermark.
    pub(super) cut_at_divergence: bool,
    /// A flush that is reported has happened.
    pub(super) flush_truly: bool,
    /// Who has lost power leads no more, or if nobody else can, in a new epoch.
    pub(super) new_epoch_after_crash: bool,
}

impl Rules {
    pub(super) const KEPT: Self = Self {
        acknowledge_after_isr: true,
        fence_fetches: true,
        cut_at_divergence: true,
        flush_truly: true,
        new_epoch_after_crash: true,
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    epoch: LeaderEpoch,
    value: u64,
}

struct Node {
    log: Vec<Record>,
    /// How much of the log outlives a loss of power.
    on_disk: usize,
    replica: Replica,
    is_up: bool,
    /// What producers wait for: the end of their record, where it is, and what it is.
    waiting: Vec<(usize, u64)>,
}

#[derive(Clone, Copy)]
struct Message {
    from: usize,
    to: usize,
    fetch: NextFetch,
}

pub(super) struct Cluster {
    rules: Rules,
    random: u64,
    now: Now,
    nodes: Vec<Node>,
    /// What the controller believes.
    state: PartitionState,
    network: Vec<Message>,
    acknowledged: Vec<(usize, u64)>,
    next_value: u64,
    trace: String,
}

/// A promise that was broken, and how it came to that.
pub(super) type Broken = String;

fn broker(node: usize) -> BrokerId {
    BrokerId(node as i32)
}

fn settings() -> ReplicaSettings {
    ReplicaSettings {
        durability: Durability::Fsync,
        min_insync_replicas: 2,
        replica_lag_ms_max: 100,
    }
}

fn open(node: usize, log: &[Record], high_watermark: Offset) -> Replica {
    let end = Offset(log.len() as i64);
    let mut lineage = EpochLineage::new();
    for (offset, record) in (0..).zip(log) {
        lineage.assign(record.epoch, Offset(offset));
    }
    let ends = LogEnds {
        log_start: Offset(0),
        log_end: end,
        flushed_end: end,
    };
    Replica::new(broker(node), ends, high_watermark, lineage, settings())
}

impl Cluster {
    pub(super) fn new(seed: u64, rules: Rules) -> Self {
        let brokers: Vec<BrokerId> = (0..NODES).map(broker).collect();
        let nodes = (0..NODES)
            .map(|node| Node {
                log: Vec::new(),
                on_disk: 0,
                replica: open(node, &[], Offset(0)),
                is_up: true,
                waiting: Vec::new(),
            })
            .collect();
        Self {
            rules,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            now: Now::at(0, 0),
            nodes,
            state: PartitionState {
                leader: broker(0),
                leader_epoch: LeaderEpoch(0),
                partition_epoch: 0,
                replicas: brokers.clone(),
                isr: brokers,
            },
            network: Vec::new(),
            acknowledged: Vec::new(),
            next_value: 0,
            trace: String::new(),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 33) as usize % bound
    }

    /// Runs `steps` random steps, then lets the cluster heal; the promises are checked all the
    /// way.
    pub(super) fn run(mut self, steps: usize) -> Result<usize, Broken> {
        for _ in 0..steps {
            self.step();
            self.check()?;
        }
        self.heal()?;
        Ok(self.acknowledged.len())
    }

    fn step(&mut self) {
        let node = self.below(NODES);
        self.now.mono_ms += 1;
        match self.below(100) {
            0..18 => self.produce(node),
            18..36 => self.flush(node),
            36..56 => self.send_fetch(node),
            56..84 => self.deliver(),
            84..93 => self.hear_state(node),
            93 => self.tick(node),
            94 => self.elect(node),
            95 => self.lose_power(node),
            _ => self.restart(node),
        }
        self.answer_waiting();
    }

    fn note(&mut self, what: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.trace, "{:>4} {what}", self.now.mono_ms);
    }

    fn produce(&mut self, node: usize) {
        let Node {
            log,
            replica,
            is_up,
            waiting,
            ..
        } = &mut self.nodes[node];
        if !*is_up || replica.check_produce(Acks::All).is_err() {
            return;
        }
        let value = self.next_value;
        self.next_value += 1;
        log.push(Record {
            epoch: replica.leader_epoch(),
            value,
        });
        let end = log.len();
        let _ = replica.appended(Offset(end as i64));
        if self.rules.acknowledge_after_isr {
            waiting.push((end, value));
        } else {
            self.acknowledged.push((end - 1, value));
        }
        self.note(format_args!("{node} appends {value} at {}", end - 1));
    }

    fn flush(&mut self, node: usize) {
        let Node {
            log,
            on_disk,
            replica,
            is_up,
            ..
        } = &mut self.nodes[node];
        if !*is_up {
            return;
        }
        if self.rules.flush_truly {
            *on_disk = log.len();
        }
        let end = log.len();
        let _ = replica.flushed(Offset(end as i64));
        self.note(format_args!("{node} flushes to {end}"));
    }

    fn send_fetch(&mut self, node: usize) {
        let Node { replica, is_up, .. } = &self.nodes[node];
        if let (true, Some(fetch)) = (*is_up, replica.next_fetch()) {
            let to = replica.leader().get() as usize;
            self.network.push(Message {
                from: node,
                to,
                fetch,
            });
        }
    }

    /// Delivers some message; now and then it stays in the network and comes again later.
    fn deliver(&mut self) {
        if self.network.is_empty() {
            return;
        }
        let at = self.below(self.network.len());
        let message = self.network[at];
        if self.below(4) > 0 {
            self.network.swap_remove(at);
        }
        self.exchange(message);
    }

    fn exchange(&mut self, Message { from, to, fetch }: Message) {
        let rules = self.rules;
        let leader = &mut self.nodes[to];
        if !leader.is_up || !leader.replica.is_leader() {
            return;
        }
        let leader_epoch = rules.fence_fetches.then_some(fetch.leader_epoch);
        if leader.replica.check_leader(leader_epoch).is_err() {
            return;
        }
        if let Some(last) = fetch.last_fetched_epoch.filter(|_| rules.fence_fetches) {
            match leader.replica.diverging(fetch.fetch_offset, last) {
                Err(_) => return,
                Ok(Some(end)) if rules.cut_at_divergence => {
                    let follower = &mut self.nodes[from];
                    if follower.is_up && follower.replica.next_fetch() == Some(fetch) {
                        let effects = follower.replica.diverged(end);
                        self.carry_out(from, effects);
                    }
                    return;
                }
                Ok(_) => {}
            }
        }
        let report = FollowerFetch {
            log_start: fetch.log_start,
            log_end: fetch.fetch_offset,
            flushed_end: Some(fetch.flushed_end),
            leader_epoch,
        };
        let offset = fetch.fetch_offset.get() as usize;
        let effects = leader
            .replica
            .follower_fetched(self.now, broker(from), report);
        let records = leader.log.get(offset..).unwrap_or_default().to_vec();
        let high_watermark = leader.replica.high_watermark();
        self.carry_out(to, effects.unwrap_or_default());
        self.receive(from, fetch, &records, high_watermark);
    }

    fn receive(&mut self, node: usize, sent: NextFetch, records: &[Record], told: Offset) {
        let follower = &mut self.nodes[node];
        let awaits = follower.replica.next_fetch().is_some_and(|next| {
            next.fetch_offset == sent.fetch_offset && next.leader_epoch == sent.leader_epoch
        });
        if !follower.is_up || !awaits {
            return;
        }
        for record in records {
            let _ = follower
                .replica
                .epoch_begins(record.epoch, Offset(follower.log.len() as i64));
            follower.log.push(*record);
        }
        let end = follower.log.len();
        let _ = follower.replica.appended(Offset(end as i64));
        let _ = follower.replica.leader_high_watermark(told);
        self.note(format_args!("{node} has received up to {end}, told {told}"));
    }

    fn hear_state(&mut self, node: usize) {
        if !self.nodes[node].is_up {
            return;
        }
        let was_following = matches!(self.nodes[node].replica.role(), Role::Follower(_));
        let epoch_before = self.nodes[node].replica.leader_epoch();
        let effects = self.nodes[node]
            .replica
            .state_changed(self.now, self.state.clone());
        self.carry_out(node, effects.unwrap_or_default());
        let replica = &self.nodes[node].replica;
        let is_new = replica.leader_epoch() > epoch_before;
        if is_new && was_following && !replica.is_leader() && !self.rules.cut_at_divergence {
            let to = replica.high_watermark();
            self.carry_out(
                node,
                vec![Effect::Truncate {
                    to,
                    loses_committed: false,
                }],
            );
        }
    }

    fn tick(&mut self, node: usize) {
        self.now.mono_ms += 5;
        if self.nodes[node].is_up {
            let effects = self.nodes[node].replica.tick(self.now);
            self.carry_out(node, effects);
        }
    }

    fn carry_out(&mut self, node: usize, effects: Effects) {
        for effect in effects {
            match effect {
                Effect::Truncate { to, .. } => {
                    let Node {
                        log,
                        on_disk,
                        replica,
                        ..
                    } = &mut self.nodes[node];
                    log.truncate(to.get() as usize);
                    *on_disk = (*on_disk).min(log.len());
                    replica.truncated(to);
                    self.note(format_args!("{node} cuts its log to {to}"));
                }
                Effect::FailWaiters => self.nodes[node].waiting.clear(),
                Effect::ProposeIsr(proposal) => self.decide(node, proposal),
                Effect::PersistEpoch(_)
                | Effect::HighWatermark(_)
                | Effect::Follow { .. }
                | Effect::StopFetching => {}
            }
        }
    }

    /// The controller agrees if nothing has changed since and all that would be in sync are up.
    fn decide(&mut self, node: usize, proposal: IsrProposal) {
        let is_current = proposal.leader_epoch == self.state.leader_epoch
            && proposal.partition_epoch == self.state.partition_epoch;
        let are_up = proposal
            .isr
            .iter()
            .all(|id| self.nodes[id.get() as usize].is_up);
        if is_current && are_up {
            self.note(format_args!("in sync are {:?}", proposal.isr));
            self.state.isr = proposal.isr;
            self.state.partition_epoch += 1;
        } else {
            let effects = self.nodes[node].replica.proposal_refused();
            self.carry_out(node, effects);
        }
    }

    /// The controller makes somebody else lead who is in sync and up.
    fn elect(&mut self, node: usize) {
        if self.nodes[node].is_up && self.state.isr.contains(&broker(node)) {
            self.lead(broker(node));
        }
    }

    fn lead(&mut self, leader: BrokerId) {
        self.state.leader = leader;
        self.state.leader_epoch = LeaderEpoch(self.state.leader_epoch.get() + 1);
        self.state.partition_epoch += 1;
        let leader_epoch = self.state.leader_epoch;
        self.note(format_args!("{leader} leads in epoch {leader_epoch}"));
    }

    fn lose_power(&mut self, node: usize) {
        if !self.nodes[node].is_up {
            return;
        }
        let lost = self.nodes[node].log.len() - self.nodes[node].on_disk;
        let survives = self.nodes[node].on_disk + self.below(lost + 1);
        let crashed = &mut self.nodes[node];
        crashed.is_up = false;
        crashed.waiting.clear();
        crashed.log.truncate(survives);
        self.note(format_args!(
            "{node} loses power, {survives} records survive"
        ));
        if self.below(2) == 0 {
            self.step_back(node);
        }
    }

    /// The controller trusts others in sync before this node; without others nobody leads.
    fn step_back(&mut self, node: usize) {
        if !self.rules.new_epoch_after_crash {
            return;
        }
        let id = broker(node);
        let is_up = |id: &BrokerId| self.nodes[id.get() as usize].is_up;
        let other = self
            .state
            .isr
            .iter()
            .copied()
            .find(|other| *other != id && is_up(other));
        match other {
            Some(other) => {
                self.state.isr.retain(|member| *member != id);
                if self.state.leader == id {
                    self.lead(other);
                } else {
                    self.state.partition_epoch += 1;
                }
            }
            None if self.state.leader == id => self.lead(BrokerId::NONE),
            None => {}
        }
    }

    fn restart(&mut self, node: usize) {
        if self.nodes[node].is_up {
            return;
        }
        self.step_back(node);
        let checkpoint = self.below(self.nodes[node].log.len() + 1);
        let started = &mut self.nodes[node];
        let high_watermark = started
            .replica
            .high_watermark()
            .min(Offset(checkpoint as i64));
        started.replica = open(node, &started.log, high_watermark);
        // What recovery finds it flushes before it serves it.
        if self.rules.flush_truly {
            started.on_disk = started.log.len();
        }
        started.is_up = true;
        self.note(format_args!("{node} is back"));
        if self.state.leader == BrokerId::NONE && self.state.isr.contains(&broker(node)) {
            self.lead(broker(node));
        }
        self.hear_state(node);
    }

    fn answer_waiting(&mut self) {
        for Node {
            replica, waiting, ..
        } in &mut self.nodes
        {
            waiting.retain(|(end, value)| {
                match replica.acknowledgement(Offset(*end as i64)) {
                    Acknowledgement::Pending => return true,
                    Acknowledgement::Done => self.acknowledged.push((end - 1, *value)),
                    Acknowledgement::Failed(_) => {}
                }
                false
            });
        }
    }

    fn check(&self) -> Result<(), Broken> {
        let broken = |what: String| Err(format!("{what}\n{}", self.trace));
        for (node, leader) in self.nodes.iter().enumerate().filter(|(_, node)| node.is_up) {
            let leads = leader.replica.is_leader()
                && leader.replica.leader_epoch() == self.state.leader_epoch;
            if !leads {
                continue;
            }
            for (offset, value) in &self.acknowledged {
                if leader.log.get(*offset).map(|record| record.value) != Some(*value) {
                    return broken(format!("{node} leads without {value} at {offset}"));
                }
            }
        }
        for (a, first) in self.nodes.iter().enumerate() {
            for (b, second) in self.nodes.iter().enumerate().skip(a + 1) {
                let both = first
                    .replica
                    .high_watermark()
                    .min(second.replica.high_watermark());
                let both = both.get() as usize;
                let is_equal = !first.is_up
                    || !second.is_up
                    || first.log.get(..both) == second.log.get(..both);
                if !is_equal {
                    return broken(format!("{a} and {b} differ below {both}"));
                }
            }
        }
        Ok(())
    }

    /// No more faults: all come back, hear of everything and catch up.
    fn heal(&mut self) -> Result<(), Broken> {
        (0..NODES).for_each(|node| self.restart(node));
        self.network.clear();
        for _ in 0..40 {
            for node in 0..NODES {
                self.now.mono_ms += 1;
                self.hear_state(node);
                self.flush(node);
                self.send_fetch(node);
                while let Some(message) = self.network.pop() {
                    self.exchange(message);
                }
            }
            self.answer_waiting();
            self.check()?;
        }
        let converged = self.nodes.iter().all(|node| {
            node.log == self.nodes[0].log
                && node.replica.high_watermark().get() as usize == node.log.len()
        });
        if converged && self.state.isr.len() == NODES {
            return Ok(());
        }
        Err(format!("the replicas have not converged\n{}", self.trace))
    }
}

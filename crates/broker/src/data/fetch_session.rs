//! Incremental fetch sessions (KIP-227): a consumer of 10,000 partitions names them once.
//!
//! A session remembers what its client asked for and what it was last told of each partition.
//! A later fetch carries only changes of the question and gets only changes of the answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use highwater_protocol::{ErrorCode, StrBytes};
use highwater_types::limits::TOPIC_NAME_LEN_MAX;
use highwater_types::{LeaderEpoch, Offset, PartitionIndex, TopicId};
use parking_lot::Mutex;

/// A session that was used this recently is not evicted for another.
const EVICTION_MS_MIN: u64 = 120_000;
/// Partitions that all sessions together cover at most: what clients name costs nothing but
/// their saying so, and stays in memory. A hundred consumers of 10,000 partitions fit.
const PARTITIONS_MAX: usize = 1_000_000;
/// The epoch of a request that wants no session.
pub(crate) const FINAL_EPOCH: i32 = -1;
/// The epoch of a request that wants a new session.
pub(crate) const INITIAL_EPOCH: i32 = 0;

/// A topic as the client names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TopicKey {
    pub(crate) id: TopicId,
    pub(crate) name: StrBytes,
}

/// One partition of a fetch: the question, and the last answer.
#[derive(Clone, Debug)]
pub(crate) struct SessionPartition {
    pub(crate) topic: TopicKey,
    pub(crate) partition: PartitionIndex,
    pub(crate) fetch_offset: Offset,
    pub(crate) max_bytes: i32,
    pub(crate) current_leader_epoch: LeaderEpoch,
    pub(crate) last_fetched_epoch: LeaderEpoch,
    pub(crate) told: Told,
}

/// What a client has last been told of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) error: ErrorCode,
    pub(crate) high_watermark: Offset,
    pub(crate) log_start: Offset,
}

impl Told {
    /// Nothing yet.
    pub(crate) const NOTHING: Self = Self {
        error: ErrorCode::NONE,
        high_watermark: Offset::UNKNOWN,
        log_start: Offset::UNKNOWN,
    };
}

/// How many partitions all sessions cover.
#[derive(Debug)]
struct Covered {
    count: AtomicUsize,
    max: usize,
}

impl Covered {
    fn take(&self) -> bool {
        let more = |count| (count < self.max).then_some(count + 1);
        self.count
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .is_ok()
    }

    fn give(&self, partitions: usize) {
        self.count.fetch_sub(partitions, Ordering::AcqRel);
    }
}

/// There is no room for what a client wants to be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

/// How the requests of a session name topics; all of them do it alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TopicsBy {
    /// By name, in versions of Fetch before 13.
    Name,
    /// By id.
    Id,
}

/// Where an incremental fetch says that it is in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionStep {
    /// The id of the session.
    pub(crate) id: i32,
    /// The epoch that the session must have.
    pub(crate) epoch: i32,
}

/// One session.
#[derive(Debug)]
pub(crate) struct FetchSession {
    pub(crate) id: i32,
    pub(crate) epoch: i32,
    topics_by: TopicsBy,
    partitions: Vec<SessionPartition>,
    positions: HashMap<(TopicKey, PartitionIndex), usize>,
    /// Where the next answer begins, so that no partition starves behind a busy one.
    first: usize,
    last_used_ms: u64,
    covered: Arc<Covered>,
}

impl Drop for FetchSession {
    fn drop(&mut self) {
        self.covered.give(self.partitions.len());
    }
}

impl FetchSession {
    /// Takes in what the client adds or changes.
    pub(crate) fn upsert(&mut self, partition: SessionPartition) -> Result<(), TooMany> {
        let key = (partition.topic.clone(), partition.partition);
        match self
            .positions
            .get(&key)
            .and_then(|at| self.partitions.get_mut(*at))
        {
            Some(known) => {
                *known = SessionPartition {
                    told: known.told,
                    ..partition
                }
            }
            // No topic has a name of that length, and it would be kept for nothing.
            None if key.0.name.len() > TOPIC_NAME_LEN_MAX => return Err(TooMany),
            None if !self.covered.take() => return Err(TooMany),
            None => {
                self.positions.insert(key, self.partitions.len());
                self.partitions.push(partition);
            }
        }
        Ok(())
    }

    /// Drops what the client has no more interest in.
    pub(crate) fn forget(&mut self, topic: TopicKey, partition: PartitionIndex) {
        let Some(at) = self.positions.remove(&(topic, partition)) else {
            return;
        };
        self.partitions.swap_remove(at);
        self.covered.give(1);
        if let Some(moved) = self.partitions.get(at) {
            self.positions
                .insert((moved.topic.clone(), moved.partition), at);
        }
    }

    /// The question as it stands, beginning where the last answer left off.
    pub(crate) fn question(&mut self) -> Vec<SessionPartition> {
        let len = self.partitions.len();
        if len == 0 {
            return Vec::new();
        }
        self.first = (self.first + 1) % len;
        let (head, tail) = self.partitions.split_at(self.first);
        tail.iter().chain(head).cloned().collect()
    }

    /// Notes what the client is told of a partition; false if it knows already.
    pub(crate) fn tell(&mut self, key: &(TopicKey, PartitionIndex), told: Told) -> bool {
        let Some(known) = self
            .positions
            .get(key)
            .and_then(|at| self.partitions.get_mut(*at))
        else {
            return true;
        };
        let is_news = known.told != told || told.error.is_error();
        known.told = told;
        is_news
    }

    /// How many partitions the session covers.
    pub(crate) fn len(&self) -> usize {
        self.partitions.len()
    }
}

#[derive(Default)]
struct Sessions {
    by_id: HashMap<i32, Arc<Mutex<FetchSession>>>,
    next_id: i32,
}

/// The sessions of the broker.
pub(crate) struct FetchSessions {
    sessions: Mutex<Sessions>,
    slots: usize,
    covered: Arc<Covered>,
}

impl FetchSessions {
    pub(crate) fn new(slots: usize) -> Self {
        Self::with_room_for(slots, PARTITIONS_MAX)
    }

    fn with_room_for(slots: usize, partitions_max: usize) -> Self {
        Self {
            sessions: Mutex::new(Sessions::default()),
            slots,
            covered: Arc::new(Covered {
                count: AtomicUsize::new(0),
                max: partitions_max,
            }),
        }
    }

    /// Opens a session of these partitions; `None` if all slots are taken by sessions in use, or
    /// there is no room for so many partitions. The client does without one then.
    pub(crate) fn open(
        &self,
        now_ms: u64,
        topics_by: TopicsBy,
        partitions: &[SessionPartition],
    ) -> Option<Arc<Mutex<FetchSession>>> {
        let mut session = FetchSession {
            id: 0,
            epoch: 1,
            topics_by,
            partitions: Vec::new(),
            positions: HashMap::new(),
            first: 0,
            last_used_ms: now_ms,
            covered: Arc::clone(&self.covered),
        };
        for partition in partitions {
            session.upsert(partition.clone()).ok()?;
        }
        let mut sessions = self.sessions.lock();
        if sessions.by_id.len() >= self.slots {
            let (id, used) = sessions
                .by_id
                .iter()
                .filter_map(|(id, session)| Some((*id, session.try_lock()?.last_used_ms)))
                .min_by_key(|(_, used)| *used)?;
            if now_ms.saturating_sub(used) < EVICTION_MS_MIN {
                return None;
            }
            sessions.by_id.remove(&id);
        }
        // Ids are not reused soon, and 0 means none.
        let id = loop {
            sessions.next_id = sessions.next_id.checked_add(1).unwrap_or(1);
            if !sessions.by_id.contains_key(&sessions.next_id) {
                break sessions.next_id;
            }
        };
        session.id = id;
        let session = Arc::new(Mutex::new(session));
        sessions.by_id.insert(id, Arc::clone(&session));
        Some(session)
    }

    /// The session of an incremental fetch, with its epoch moved on.
    pub(crate) fn resume(
        &self,
        now_ms: u64,
        step: SessionStep,
        topics_by: TopicsBy,
    ) -> Result<Arc<Mutex<FetchSession>>, ErrorCode> {
        let found = self.sessions.lock().by_id.get(&step.id).cloned();
        let session = found.ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        {
            let mut session = session.lock();
            if session.epoch != step.epoch {
                return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
            }
            if session.topics_by != topics_by {
                return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
            }
            session.epoch = step.epoch.checked_add(1).unwrap_or(1);
            session.last_used_ms = now_ms;
        }
        Ok(session)
    }

    /// Ends a session; one that does not exist is as good as ended.
    pub(crate) fn close(&self, id: i32) {
        self.sessions.lock().by_id.remove(&id);
    }

    /// How many sessions there are, and how many partitions they cover.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let sessions = self.sessions.lock();
        let partitions = sessions
            .by_id
            .values()
            .filter_map(|s| Some(s.try_lock()?.len()))
            .sum();
        (sessions.by_id.len(), partitions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(index: i32, offset: i64) -> SessionPartition {
        SessionPartition {
            topic: TopicKey {
                id: TopicId::ZERO,
                name: StrBytes::from_static_str("t"),
            },
            partition: PartitionIndex(index),
            fetch_offset: Offset(offset),
            max_bytes: 100,
            current_leader_epoch: LeaderEpoch::UNKNOWN,
            last_fetched_epoch: LeaderEpoch::UNKNOWN,
            told: Told::NOTHING,
        }
    }

    #[test]
    fn names_that_no_topic_can_have_are_not_remembered() {
        let sessions = FetchSessions::new(2);
        let named = |len: usize| SessionPartition {
            topic: TopicKey {
                id: TopicId::ZERO,
                name: StrBytes::from_string("n".repeat(len)),
            },
            ..partition(0, 0)
        };
        assert!(sessions.open(0, TopicsBy::Name, &[named(250)]).is_none());
        let session = sessions
            .open(0, TopicsBy::Name, &[named(249)])
            .expect("room");
        assert_eq!(session.lock().upsert(named(250)), Err(TooMany));
    }

    #[test]
    fn a_session_remembers_the_question_and_tells_only_news() {
        let sessions = FetchSessions::new(2);
        let first: Vec<_> = (0..2).map(|index| partition(index, 0)).collect();
        let session = sessions
            .open(0, TopicsBy::Name, &first)
            .expect("a free slot");
        let id = session.lock().id;
        assert_eq!(session.lock().upsert(partition(2, 0)), Ok(()));
        session
            .lock()
            .forget(partition(0, 0).topic, PartitionIndex(0));
        assert_eq!(session.lock().upsert(partition(2, 7)), Ok(()));
        let mut asked: Vec<_> = session
            .lock()
            .question()
            .iter()
            .map(|p| (p.partition.get(), p.fetch_offset.get()))
            .collect();
        asked.sort_unstable();
        assert_eq!(asked, [(1, 0), (2, 7)]);
        let told = Told {
            error: ErrorCode::NONE,
            high_watermark: Offset(1),
            log_start: Offset(0),
        };
        let key = || (partition(1, 0).topic, PartitionIndex(1));
        assert!(session.lock().tell(&key(), told));
        assert!(!session.lock().tell(&key(), told));
        let resumed = |id, epoch, by| sessions.resume(1, SessionStep { id, epoch }, by).err();
        assert_eq!(
            resumed(id, 1, TopicsBy::Id),
            Some(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR)
        );
        assert_eq!(resumed(id, 1, TopicsBy::Name), None);
        assert_eq!(
            resumed(id, 1, TopicsBy::Name),
            Some(ErrorCode::INVALID_FETCH_SESSION_EPOCH)
        );
        assert_eq!(
            resumed(99, 1, TopicsBy::Name),
            Some(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)
        );
    }

    #[test]
    fn a_session_in_use_is_not_evicted() {
        let sessions = FetchSessions::new(1);
        assert!(sessions.open(0, TopicsBy::Name, &[]).is_some());
        assert!(
            sessions
                .open(EVICTION_MS_MIN - 1, TopicsBy::Name, &[])
                .is_none()
        );
        assert!(
            sessions
                .open(EVICTION_MS_MIN, TopicsBy::Name, &[])
                .is_some()
        );
        assert_eq!(sessions.counts(), (1, 0));
    }

    #[test]
    fn sessions_cover_no_more_partitions_than_there_is_room_for() {
        let sessions = FetchSessions::with_room_for(10, 5);
        let asked = |count| -> Vec<_> { (0..count).map(|index| partition(index, 0)).collect() };
        assert!(sessions.open(0, TopicsBy::Name, &asked(6)).is_none());
        let three = sessions.open(0, TopicsBy::Name, &asked(3)).expect("room");
        assert!(sessions.open(0, TopicsBy::Name, &asked(3)).is_none());
        // The same partition twice is one.
        let twice = [asked(2), asked(2)].concat();
        assert!(sessions.open(0, TopicsBy::Name, &twice).is_some());
        assert_eq!(three.lock().upsert(partition(3, 0)), Err(TooMany));
        assert_eq!(three.lock().upsert(partition(2, 9)), Ok(()));
        let gone = partition(0, 0);
        three.lock().forget(gone.topic, gone.partition);
        assert_eq!(three.lock().upsert(partition(3, 0)), Ok(()));
        let id = three.lock().id;
        drop(three);
        sessions.close(id);
        assert!(sessions.open(0, TopicsBy::Name, &asked(3)).is_some());
    }
}

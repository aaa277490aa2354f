//! Transactional ids that nobody has used for long.
//!
//! The search goes through all of them in small slices, so that it neither holds up requests nor
//! makes a batch of records that is too large for the log.

use std::collections::BTreeMap;
use std::ops::Bound;

use highwater_types::{Now, TrustedClock};

use crate::config::TransactionConfig;
use crate::ids::TransactionalId;
use crate::output::{Notice, Output, Record};
use crate::records::{RecordKey, TransactionState, TransactionValue};
use crate::shard::TICK_RECORDS_MAX;
use crate::transaction::Transaction;

/// How many transactional ids one slice looks at.
const SLICE_IDS_MAX: usize = 20_000;

/// How far the search has come; from the first transactional id if `None`.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    done_to: Option<TransactionalId>,
    /// A wall clock that has jumped ahead makes nothing older.
    clock: TrustedClock,
}

impl Sweep {
    /// Begins to follow the wall clock.
    pub(crate) fn watch(&mut self, now: Now) {
        self.clock.wall_ms(now);
    }

    /// Looks through one slice and says in how many milliseconds to go on.
    pub(crate) fn run(
        &mut self,
        now: Now,
        config: &TransactionConfig,
        transactions: &BTreeMap<TransactionalId, Transaction>,
        out: &mut Output,
    ) -> u64 {
        let from = match self.done_to.take() {
            Some(id) => Bound::Excluded(id),
            None => Bound::Unbounded,
        };
        let wall_ms = self.clock.wall_ms(now);
        let slice = transactions.range((from, Bound::Unbounded));
        for (looked_at, (id, transaction)) in (1..).zip(slice) {
            if is_expired(wall_ms, config, &transaction.value) {
                out.records.push(Record {
                    key: RecordKey::encode(id),
                    value: None,
                });
                out.notices.push(Notice::TransactionalIdExpired {
                    transactional_id: id.clone(),
                });
            }
            if looked_at >= SLICE_IDS_MAX || out.records.len() >= TICK_RECORDS_MAX {
                self.done_to = Some(id.clone());
                return 1;
            }
        }
        config.expiration_check_interval_ms.max(1)
    }
}

/// Whether nothing is open, and nothing has happened for long.
fn is_expired(wall_ms: i64, config: &TransactionConfig, value: &TransactionValue) -> bool {
    use TransactionState::{CompleteAbort, CompleteCommit, Empty};
    let is_idle = matches!(value.state, Empty | CompleteCommit | CompleteAbort);
    let age_ms = wall_ms.saturating_sub(value.last_update_ms);
    is_idle && age_ms >= config.transactional_id_expiration_ms
}

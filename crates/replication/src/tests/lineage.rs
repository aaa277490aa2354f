//! The lineage against a log that knows the epoch of each of its records.

use highwater_types::{LeaderEpoch, Offset};
use proptest::prelude::*;

use crate::{EpochEnd, EpochEntry, EpochLineage};

fn lineage(entries: &[(i32, i64)]) -> EpochLineage {
    EpochLineage::from_entries(entries.iter().map(|(epoch, start)| EpochEntry {
        epoch: LeaderEpoch(*epoch),
        start: Offset(*start),
    }))
}

fn entries(lineage: &EpochLineage) -> Vec<(i32, i64)> {
    lineage
        .iter()
        .map(|entry| (entry.epoch.get(), entry.start.get()))
        .collect()
}

#[test]
fn the_end_of_an_epoch_is_the_start_of_the_next() {
    let lineage = lineage(&[(2, 10), (5, 20), (7, 30)]);
    // Requested epoch, epoch found, its end; the log ends at 40.
    let table = [
        (-1, -1, -1),
        (0, 0, 10),
        (2, 2, 20),
        (3, 2, 20),
        (5, 5, 30),
        (6, 5, 30),
        (7, 7, 40),
        (8, -1, -1),
    ];
    for (requested, epoch, end) in table {
        let expected = EpochEnd {
            epoch: LeaderEpoch(epoch),
            end: Offset(end),
        };
        let found = lineage.end_offset_for(LeaderEpoch(requested), Offset(40));
        assert_eq!(found, expected, "epoch {requested}");
    }
    assert!(
        EpochLineage::new()
            .end_offset_for(LeaderEpoch(0), Offset(9))
            .is_unknown()
    );
}

#[test]
fn an_assignment_drops_what_it_contradicts() {
    type Entries = &'static [(i32, i64)];
    let table: [(Entries, Entries); 6] = [
        (&[(0, 0), (1, 10)], &[(0, 0), (1, 10)]),
        // An epoch in which nothing was written.
        (&[(0, 0), (1, 10), (2, 10)], &[(0, 0), (2, 10)]),
        // The same epoch later changes nothing, earlier moves its start.
        (&[(0, 0), (1, 10), (1, 12)], &[(0, 0), (1, 10)]),
        (&[(0, 0), (1, 10), (1, 8)], &[(0, 0), (1, 8)]),
        // A start before others means that they were cut off.
        (&[(0, 0), (1, 10), (2, 20), (3, 5)], &[(0, 0), (3, 5)]),
        (&[(-1, 0), (0, -1)], &[]),
    ];
    for (given, expected) in table {
        assert_eq!(entries(&lineage(given)), expected, "{given:?}");
    }
}

#[test]
fn truncation_keeps_the_epochs_of_what_remains() {
    let full = lineage(&[(1, 0), (3, 10), (4, 20)]);
    for (log_end, expected) in [
        (25, &[(1, 0), (3, 10), (4, 20)][..]),
        (20, &[(1, 0), (3, 10)]),
        (11, &[(1, 0), (3, 10)]),
        (10, &[(1, 0)]),
        (0, &[]),
    ] {
        let mut cut = full.clone();
        assert_eq!(
            cut.truncate_from_end(Offset(log_end)),
            cut != full,
            "{log_end}"
        );
        assert_eq!(entries(&cut), expected, "{log_end}");
    }
    for (log_start, expected) in [
        (0, &[(1, 0), (3, 10), (4, 20)][..]),
        (5, &[(1, 5), (3, 10), (4, 20)]),
        (10, &[(3, 10), (4, 20)]),
        (99, &[(4, 99)]),
    ] {
        let mut cut = full.clone();
        assert_eq!(
            cut.truncate_from_start(Offset(log_start)),
            cut != full,
            "{log_start}"
        );
        assert_eq!(entries(&cut), expected, "{log_start}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append { epochs_later: i32, records: usize },
    CutEnd(usize),
    CutStart(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_i32, 0..5_usize).prop_map(|(epochs_later, records)| Step::Append {
            epochs_later,
            records,
        }),
        1 => (0..60_usize).prop_map(Step::CutEnd),
        1 => (0..60_usize).prop_map(Step::CutStart),
    ]
}

proptest! {
    #[test]
    fn the_lineage_knows_the_epoch_of_every_record(
        steps in prop::collection::vec(step(), 0..40),
    ) {
        // The epoch of each record, from offset 0, and where the log begins.
        let mut log: Vec<i32> = Vec::new();
        let mut start = 0_usize;
        let mut epoch = 0;
        let mut lineage = EpochLineage::new();
        for step in steps {
            match step {
                Step::Append { epochs_later, records } => {
                    epoch += epochs_later;
                    lineage.assign(LeaderEpoch(epoch), Offset(log.len() as i64));
                    log.extend(std::iter::repeat_n(epoch, records));
                }
                Step::CutEnd(len) => {
                    log.truncate(len.max(start));
                    lineage.truncate_from_end(Offset(log.len() as i64));
                }
                Step::CutStart(to) => {
                    start = start.max(to.min(log.len()));
                    lineage.truncate_from_start(Offset(start as i64));
                }
            }
            let entries = entries(&lineage);
            prop_assert!(entries.windows(2).all(|pair| pair[0].0 < pair[1].0
                && pair[0].1 < pair[1].1));
            for (offset, epoch) in log.iter().enumerate().skip(start) {
                let found = lineage.epoch_at(Offset(offset as i64));
                prop_assert_eq!(found, Some(LeaderEpoch(*epoch)), "offset {}", offset);
            }
        }
    }
}

//! The promises hold for many seeds; and for each rule that is broken, some seed shows it.

use super::cluster::{Broken, Cluster, Rules};

const SEEDS: u64 = 400;
const STEPS: usize = 600;

fn first_broken(rules: Rules) -> Option<(u64, Broken)> {
    (0..SEEDS).find_map(|seed| Some((seed, Cluster::new(seed, rules).run(STEPS).err()?)))
}

#[test]
fn nothing_acknowledged_is_lost_and_logs_agree_up_to_the_high_watermark() {
    if let Some((seed, broken)) = first_broken(Rules::KEPT) {
        panic!("seed {seed}: {broken}");
    }
}

#[test]
fn the_clusters_do_acknowledge() {
    let acknowledged: usize = (0..50)
        .map(|seed| Cluster::new(seed, Rules::KEPT).run(STEPS).unwrap())
        .sum();
    assert!(
        acknowledged > 50 * 10,
        "only {acknowledged} records were acknowledged"
    );
}

#[test]
fn acknowledging_before_the_members_have_it_is_caught() {
    let rules = Rules {
        acknowledge_after_isr: false,
        ..Rules::KEPT
    };
    assert!(first_broken(rules).is_some());
}

#[test]
fn fetching_without_epoch_fence_is_caught() {
    let rules = Rules {
        fence_fetches: false,
        ..Rules::KEPT
    };
    assert!(first_broken(rules).is_some());
}

#[test]
fn cutting_at_the_high_watermark_is_caught() {
    let rules = Rules {
        cut_at_divergence: false,
        ..Rules::KEPT
    };
    assert!(first_broken(rules).is_some());
}

#[test]
fn a_flush_that_does_nothing_is_caught() {
    let rules = Rules {
        flush_truly: false,
        ..Rules::KEPT
    };
    assert!(first_broken(rules).is_some());
}

#[test]
fn going_on_in_the_old_epoch_after_a_crash_is_caught() {
    let rules = Rules {
        new_epoch_after_crash: false,
        ..Rules::KEPT
    };
    assert!(first_broken(rules).is_some());
}

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Insert(u16, u32),
    Remove(u16),
    Change(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..600_u16, any::<u32>()).prop_map(|(key, value)| Step::Insert(key, value)),
        2 => (0..600_u16).prop_map(Step::Remove),
        1 => (0..600_u16).prop_map(Step::Change),
    ]
}

proptest! {
    #[test]
    fn it_holds_what_a_plain_map_holds(steps in prop::collection::vec(step(), 0..1500)) {
        let mut model = BTreeMap::new();
        let mut map = SharedMap::new();
        for step in steps {
            match step {
                Step::Insert(key, value) => {
                    prop_assert_eq!(map.insert(key, value), model.insert(key, value));
                }
                Step::Remove(key) => prop_assert_eq!(map.remove(&key), model.remove(&key)),
                Step::Change(key) => {
                    let changed = map.get_mut(&key).map(|value| { *value ^= 1; *value });
                    let expected = model.get_mut(&key).map(|value| { *value ^= 1; *value });
                    prop_assert_eq!(changed, expected);
                }
            }
            prop_assert_eq!(map.len(), model.len());
        }
        prop_assert!(map.iter().eq(model.iter()));
        for from in [0_u16, 1, 17, 300, 599, 600] {
            prop_assert!(map.iter_from(&from).eq(model.range(from..)));
        }
    }

    #[test]
    fn a_clone_does_not_see_later_changes(
        before in prop::collection::btree_map(0..300_u16, any::<u8>(), 0..300),
        steps in prop::collection::vec(step(), 0..100),
    ) {
        let old: SharedMap<u16, u32> =
            before.iter().map(|(key, value)| (*key, u32::from(*value))).collect();
        let kept: Vec<(u16, u32)> = old.iter().map(|(key, value)| (*key, *value)).collect();
        let mut new = old.clone();
        for step in steps {
            match step {
                Step::Insert(key, value) => { new.insert(key, value); }
                Step::Remove(key) => { new.remove(&key); }
                Step::Change(key) => if let Some(value) = new.get_mut(&key) { *value ^= 1 },
            }
        }
        prop_assert!(old.iter().map(|(key, value)| (*key, *value)).eq(kept));
    }
}

#[test]
fn removing_everything_leaves_an_empty_map_that_can_be_filled_again() {
    let mut map: SharedMap<u32, u32> = (0..5000).map(|n| (n, n)).collect();
    for n in (0..5000).rev() {
        assert_eq!(map.remove(&n), Some(n));
    }
    assert!(map.is_empty());
    assert_eq!(map.iter().next(), None);
    map.insert(7, 7);
    assert_eq!(map.get(&7), Some(&7));
}

#[test]
fn a_change_copies_the_way_to_one_leaf_only() {
    let old: SharedMap<u32, Arc<u32>> = (0..10_000).map(|n| (n, Arc::new(n))).collect();
    let mut new = old.clone();
    new.insert(5000, Arc::new(0));
    // A value that was copied along with its leaf is referenced from both maps.
    let copied = old
        .values()
        .filter(|value| Arc::strong_count(value) > 1)
        .count();
    assert!(copied < NODE_LEN_MAX, "{copied} entries were copied");
}

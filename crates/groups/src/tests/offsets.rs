//! Committed offsets: who may commit, what comes back.

use expect_test::expect;

use highwater_types::{Offset, PartitionIndex, TopicId, TopicName};

use super::check;
use crate::FetchOffsetsRequest;
use crate::offsets::{self, Committed, GroupOffsets};
use crate::records::OffsetCommitValue;

#[test]
fn a_client_without_a_group_commits_and_fetches() {
    check(
        "
        commit g t-0=5 t-1=7 u-0=9 epoch=3 metadata=note
        commit g t-0=6
        fetch g t-0 t-1 t-2 v-0
        fetch g
        fetch h t-0
        fetch h
        describe g
        describe h
        list
        ",
        &expect![[r##"
            #1 commit g t-0=5 t-1=7 u-0=9 epoch=3 metadata=note
              log: g t-0 = 5
              log: g t-1 = 7
              log: g u-0 = 9
              #1: committed t-0 ok t-1 ok u-0 ok
            #2 commit g t-0=6
              log: g t-0 = 6
              #2: committed t-0 ok
            #3 fetch g t-0 t-1 t-2 v-0
              #3: fetched t-0=6 t-1=7/epoch 3/"note" t-2=none v-0=none
            #4 fetch g
              #4: fetched t-0=6 t-1=7/epoch 3/"note" u-0=9/epoch 3/"note"
            #5 fetch h t-0
              #5: fetched t-0=none
            #6 fetch h
              #6: fetched
            #7 describe g
              #7: Empty '' ''
            #8 describe h
              #8: Dead '' '' GroupIdNotFound
            #9 list
              #9: g classic '' Empty; listed
        "##]],
    );
}

#[test]
fn only_members_of_the_generation_commit_while_there_are_members() {
    check(
        "
        config delay=0
        join g a instance=i
        commit g id=i-1 instance=i gen=1 t-0=1
        sync g id=i-1 instance=i gen=1 assign=i-1:A
        commit g t-0=1
        commit g id=i-1 gen=0 t-0=1
        commit g id=i-1 gen=-1 t-0=1
        commit g id=x gen=1 t-0=1
        commit g id=i-0 instance=i gen=1 t-0=1
        commit g id=i-1 instance=k gen=1 t-0=1
        commit g id=i-1 instance=i gen=1 t-0=1
        commit h id=i-1 gen=1 t-0=1
        leave g instance=i
        commit g t-0=2
        commit g id=i-1 gen=1 t-0=2
        ",
        &expect![[r#"
            config delay=0
            #1 join g a instance=i
              g rebalances after 0: adding member i-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: i-1 joined generation=1 protocol=range leader=i-1 i-1/i:'m'
            #2 commit g id=i-1 instance=i gen=1 t-0=1
              #2: RebalanceInProgress
            #3 sync g id=i-1 instance=i gen=1 assign=i-1:A
              log: g generation=1 protocol=range leader=i-1 i-1='A'
              #3: synced consumer range 'A'
            #4 commit g t-0=1
              #4: UnknownMemberId
            #5 commit g id=i-1 gen=0 t-0=1
              #5: IllegalGeneration
            #6 commit g id=i-1 gen=-1 t-0=1
              #6: IllegalGeneration
            #7 commit g id=x gen=1 t-0=1
              #7: UnknownMemberId
            #8 commit g id=i-0 instance=i gen=1 t-0=1
              #8: FencedInstanceId
            #9 commit g id=i-1 instance=k gen=1 t-0=1
              #9: UnknownMemberId
            #10 commit g id=i-1 instance=i gen=1 t-0=1
              log: g t-0 = 1
              #10: committed t-0 ok
            #11 commit h id=i-1 gen=1 t-0=1
              #11: GroupIdNotFound
            #12 leave g instance=i
              g rebalances after 1: members left: i-1
              log: g generation=2
              #12: /i ok; left
            #13 commit g t-0=2
              log: g t-0 = 2
              #13: committed t-0 ok
            #14 commit g id=i-1 gen=1 t-0=2
              #14: UnknownMemberId
        "#]],
    );
}

#[test]
fn metadata_that_is_too_long_is_refused_for_its_partition() {
    check(
        "
        config metadata=4
        commit g t-0=1 metadata=12345
        commit g t-0=1 metadata=1234
        commit g t-0=1 metadata=éééé
        fetch g
        ",
        &expect![[r#"
            config metadata=4
            #1 commit g t-0=1 metadata=12345
              #1: committed t-0 OffsetMetadataTooLarge
            #2 commit g t-0=1 metadata=1234
              log: g t-0 = 1
              #2: committed t-0 ok
            #3 commit g t-0=1 metadata=éééé
              log: g t-0 = 1
              #3: committed t-0 ok
            #4 fetch g
              #4: fetched t-0=1/"éééé"
        "#]],
    );
}

#[test]
fn an_offset_of_a_deleted_topic_is_not_told_for_its_successor() {
    check(
        "
        commit g t-0=5 topic_id=1
        fetch g t-0 topic_id=1
        fetch g t-0 topic_id=2
        fetch g t-0
        drop-topics t topic_id=2
        drop-topics t topic_id=1
        fetch g
        ",
        &expect![[r#"
            #1 commit g t-0=5 topic_id=1
              log: g t-0 = 5
              #1: committed t-0 ok
            #2 fetch g t-0 topic_id=1
              #2: fetched t-0=5
            #3 fetch g t-0 topic_id=2
              #3: fetched t-0=none
            #4 fetch g t-0
              #4: fetched t-0=5
            #5 drop-topics t topic_id=2
              #5: forgot 0
            #6 drop-topics t topic_id=1
              log: g t-0 deleted
              #6: forgot 1
            #7 fetch g
              #7: fetched
        "#]],
    );
}

#[test]
fn of_all_offsets_those_of_a_deleted_topic_are_not_told_for_its_successor_either() {
    let topic = TopicName::new("t").unwrap();
    let mut offsets = GroupOffsets::default();
    for (partition, topic_id) in [(0, Some(1)), (1, Some(2)), (2, None)] {
        let value = OffsetCommitValue {
            offset: Offset(i64::from(partition)),
            leader_epoch: None,
            metadata: "".into(),
            commit_timestamp_ms: 0,
            expire_timestamp_ms: None,
            topic_id: topic_id.map(|id| TopicId([id; 16])),
        };
        let committed = Committed { value, order: 0 };
        offsets.insert(topic.clone(), PartitionIndex(partition), committed);
    }
    let request = FetchOffsetsRequest {
        group_id: "g".into(),
        topics: None,
        require_stable: false,
    };
    let all = offsets::fetch(Some(&offsets), request);
    for (current, expected) in [(1, vec![0, 2]), (2, vec![1, 2]), (3, vec![2])] {
        let mut fetched = all[0].clone();
        fetched.keep_those_of(TopicId([current; 16]));
        assert_eq!(fetched.topic_id, Some(TopicId([current; 16])));
        let kept = fetched.partitions.iter().map(|(index, _)| index.get());
        assert_eq!(kept.collect::<Vec<_>>(), expected, "{current}");
    }
}

#[test]
fn deleted_topics_are_forgotten_in_every_group() {
    check(
        "
        commit g t-0=1 t-1=2 u-0=3
        commit h t-0=4
        drop-topics t v
        fetch g
        fetch h
        ",
        &expect![[r#"
            #1 commit g t-0=1 t-1=2 u-0=3
              log: g t-0 = 1
              log: g t-1 = 2
              log: g u-0 = 3
              #1: committed t-0 ok t-1 ok u-0 ok
            #2 commit h t-0=4
              log: h t-0 = 4
              #2: committed t-0 ok
            #3 drop-topics t v
              log: g t-0 deleted
              log: g t-1 deleted
              log: h t-0 deleted
              #3: forgot 3
            #4 fetch g
              #4: fetched u-0=3
            #5 fetch h
              #5: fetched
        "#]],
    );
}

#[test]
fn offsets_of_subscribed_topics_are_not_deleted() {
    check(
        "
        config delay=0
        delete-offsets g t-0
        join g a topics=t
        sync g id=a-2 gen=1 assign=a-2:A
        commit g id=a-2 gen=1 t-0=1 u-0=1
        delete-offsets g t-0 u-0 u-1
        fetch g
        leave g id=a-2
        delete-offsets g t-0
        ",
        &expect![[r#"
            config delay=0
            #1 delete-offsets g t-0
              #1: GroupIdNotFound
            #2 join g a topics=t
              g rebalances after 0: adding member a-2; client reason: not provided
              log: g generation=0
              at 0 ms:
              #2: a-2 joined generation=1 protocol=range leader=a-2 a-2:'\x00\x00\x00\x00\x00\x01\x00\x01t\xff\xff\xff\xff'
            #3 sync g id=a-2 gen=1 assign=a-2:A
              log: g generation=1 protocol=range leader=a-2 a-2='A'
              #3: synced consumer range 'A'
            #4 commit g id=a-2 gen=1 t-0=1 u-0=1
              log: g t-0 = 1
              log: g u-0 = 1
              #4: committed t-0 ok u-0 ok
            #5 delete-offsets g t-0 u-0 u-1
              log: g u-0 deleted
              #5: deleted t-0 GroupSubscribedToTopic u-0 ok u-1 ok
            #6 fetch g
              #6: fetched t-0=1
            #7 leave g id=a-2
              g rebalances after 1: members left: a-2
              log: g generation=2
              #7: a-2 ok; left
            #8 delete-offsets g t-0
              log: g t-0 deleted
              #8: deleted t-0 ok
        "#]],
    );
}

#[test]
fn offsets_of_groups_that_are_not_consumers_are_deleted_only_when_they_are_empty() {
    check(
        "
        config delay=0
        join g a type=connect
        sync g id=a-1 gen=1 assign=a-1:A
        delete-offsets g t-0
        leave g id=a-1
        delete-offsets g t-0
        ",
        &expect![[r#"
            config delay=0
            #1 join g a type=connect
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 sync g id=a-1 gen=1 assign=a-1:A
              log: g generation=1 protocol=range leader=a-1 a-1='A'
              #2: synced connect range 'A'
            #3 delete-offsets g t-0
              #3: NonEmptyGroup
            #4 leave g id=a-1
              g rebalances after 1: members left: a-1
              log: g generation=2
              #4: a-1 ok; left
            #5 delete-offsets g t-0
              #5: deleted t-0 ok
        "#]],
    );
}

#[test]
fn a_group_is_deleted_with_its_offsets_once_it_is_empty() {
    check(
        "
        config delay=0
        delete g
        join g a
        sync g id=a-2 gen=1 assign=a-2:A
        commit g id=a-2 gen=1 t-0=1
        delete g
        leave g id=a-2
        delete g
        describe g
        list
        commit s t-0=1
        delete s
        stats
        ",
        &expect![[r#"
            config delay=0
            #1 delete g
              #1: GroupIdNotFound
            #2 join g a
              g rebalances after 0: adding member a-2; client reason: not provided
              log: g generation=0
              at 0 ms:
              #2: a-2 joined generation=1 protocol=range leader=a-2 a-2:'m'
            #3 sync g id=a-2 gen=1 assign=a-2:A
              log: g generation=1 protocol=range leader=a-2 a-2='A'
              #3: synced consumer range 'A'
            #4 commit g id=a-2 gen=1 t-0=1
              log: g t-0 = 1
              #4: committed t-0 ok
            #5 delete g
              #5: NonEmptyGroup
            #6 leave g id=a-2
              g rebalances after 1: members left: a-2
              log: g generation=2
              #6: a-2 ok; left
            #7 delete g
              log: g t-0 deleted
              log: g deleted
              #7: ok
            #8 describe g
              #8: Dead '' '' GroupIdNotFound
            #9 list
              #9: listed
            #10 commit s t-0=1
              log: s t-0 = 1
              #10: committed t-0 ok
            #11 delete s
              log: s t-0 deleted
              log: s deleted
              #11: ok
            stats
              empty=0 preparing=0 completing=0 stable=0 members=0 offsets=0 parked=0 skipped=0
        "#]],
    );
}

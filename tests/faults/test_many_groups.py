"""Thousands of groups: their positions survive a kill, and they cost little."""

import confluent_kafka as ck
import pytest
from confluent_kafka.admin import AdminClient

from harness.clients import driver

GROUPS = 3000
AT_ONCE = 100
pytestmark = [pytest.mark.own_broker, pytest.mark.timeout(600)]


def commit(admin, topic, numbers):
    """Commits the number of each group as its position."""
    positions = [
        ck.ConsumerGroupTopicPartitions(f"group-{number}", [ck.TopicPartition(topic, 0, number)]) for number in numbers
    ]
    # The client takes one group at a time.
    waiting = [future for one in positions for future in admin.alter_consumer_group_offsets([one]).values()]
    for future in waiting:
        for partition in future.result(60).topic_partitions:
            assert partition.error is None, partition


def committed(admin, topic, number):
    asked = ck.ConsumerGroupTopicPartitions(f"group-{number}", [ck.TopicPartition(topic, 0)])
    (future,) = admin.list_consumer_group_offsets([asked]).values()
    return future.result(60).topic_partitions[0].offset


@pytest.mark.allow_log(r"(?i)torn|truncat|cut|recover|unclean|rebuil|crash")
def test_positions_of_thousands_of_groups_survive_a_kill(own_broker, topic):
    assert driver("confluent-kafka").admin(own_broker.bootstrap, "create-topic", topic=topic, partitions=1) == {}
    before = own_broker.rss_bytes()
    admin = AdminClient({"bootstrap.servers": own_broker.bootstrap})
    for start in range(0, GROUPS, AT_ONCE):
        commit(admin, topic, range(start, start + AT_ONCE))
    each = (own_broker.rss_bytes() - before) / GROUPS
    assert each < 16 << 10, f"a group costs {each / 1024:.1f} KiB"
    for _ in range(2):
        own_broker.kill()
        own_broker.start()
        listed = admin.list_consumer_groups().result(60)
        assert listed.errors == []
        ids = {group.group_id for group in listed.valid}
        assert ids >= {f"group-{number}" for number in range(GROUPS)}
        for number in range(0, GROUPS, 97):
            assert committed(admin, topic, number) == number

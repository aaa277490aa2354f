#!/usr/bin/env python3
"""Make one client send every kind of request it has.

    drive.py kafka-python|confluent-kafka|aiokafka|java BOOTSTRAP

Run it against capture.py. The Python clients come from `pip install kafka-python
confluent-kafka aiokafka`; for the Java client, KAFKA_LIBS names a directory with Kafka's jars.
What a broker answers is not checked, and calls that fail are reported and passed over: the
requests are what counts.
"""

import asyncio
import os
import subprocess
import sys
import time
import traceback


def attempt(what, call):
    try:
        return call()
    except Exception as error:  # Whatever a client raises, the next call is still of use.
        print(f"{what}: {type(error).__name__}: {error}", file=sys.stderr)
        return None


def kafka_python(bootstrap):
    import kafka
    from kafka import admin as model
    from kafka.structs import OffsetAndMetadata, TopicPartition

    admin = kafka.KafkaAdminClient(bootstrap_servers=bootstrap, client_id="golden")
    topic, group = "golden-kp", "golden-kp-group"
    attempt("create", lambda: admin.create_topics([
        model.NewTopic(topic, 2, 1, topic_configs={"retention.ms": "3600000"})]))
    attempt("partitions", lambda: admin.create_partitions({topic: model.NewPartitions(3)}))
    for options in ({}, {"compression_type": "gzip"}, {"acks": 1, "enable_idempotence": False}):
        producer = kafka.KafkaProducer(bootstrap_servers=bootstrap, client_id="golden", **options)
        for index in range(3):
            producer.send(topic, key=b"k%d" % index, value=b"value", headers=[("h", b"1")])
        producer.flush()
        producer.close()
    consumer = kafka.KafkaConsumer(
        topic, bootstrap_servers=bootstrap, client_id="golden", group_id=group,
        auto_offset_reset="earliest", heartbeat_interval_ms=300, group_instance_id="instance-1")
    deadline = time.time() + 10
    while time.time() < deadline and not consumer.poll(500):
        pass
    attempt("commit", consumer.commit)
    consumer.poll(1500)
    partition = TopicPartition(topic, 0)
    attempt("times", lambda: consumer.offsets_for_times({partition: 1}))
    attempt("ends", lambda: consumer.end_offsets([partition]))
    attempt("committed", lambda: consumer.committed(partition))
    attempt("describe groups", lambda: admin.describe_groups([group]))
    attempt("list groups", admin.list_groups)
    attempt("group offsets", lambda: admin.list_group_offsets(group))
    consumer.close()
    manual = kafka.KafkaConsumer(bootstrap_servers=bootstrap, client_id="golden")
    manual.assign([partition])
    manual.seek_to_beginning(partition)
    manual.poll(1000)
    manual.close()
    resource = model.ConfigResource(model.ConfigResourceType.TOPIC, topic)
    changed = model.ConfigResource(
        model.ConfigResourceType.TOPIC, topic, configs={"retention.ms": "7200000"})
    acl = model.ACL(
        "User:golden", "*", model.ACLOperation.READ, model.ACLPermissionType.ALLOW,
        model.ResourcePattern(model.ResourceType.TOPIC, topic))
    acls = model.ACLFilter(
        None, None, model.ACLOperation.ANY, model.ACLPermissionType.ANY,
        model.ResourcePatternFilter(
            model.ResourceType.TOPIC, topic, model.ACLResourcePatternType.MATCH))
    calls = {
        "topics": admin.list_topics,
        "describe": lambda: admin.describe_topics([topic]),
        "cluster": admin.describe_cluster,
        "configs": lambda: admin.describe_configs([resource]),
        "alter": lambda: admin.alter_configs([changed]),
        "create acls": lambda: admin.create_acls([acl]),
        "describe acls": lambda: admin.describe_acls(acls),
        "delete acls": lambda: admin.delete_acls([acls]),
        "log dirs": admin.describe_log_dirs,
        "records": lambda: admin.delete_records({partition: 1}),
        "elect": lambda: admin.elect_leaders(0, [partition]),
        "reassignments": lambda: admin.list_partition_reassignments(),
        "reassign": lambda: admin.alter_partition_reassignments({partition: [1]}),
        "alter offsets": lambda: admin.alter_group_offsets(
            group, {partition: OffsetAndMetadata(1, "m", -1)}),
        "delete offsets": lambda: admin.delete_group_offsets(group, [partition]),
        "delete group": lambda: admin.delete_groups([group]),
        "quorum": lambda: admin.describe_metadata_quorum(),
        "features": lambda: admin.describe_features(),
        "topic partitions": lambda: admin.describe_topic_partitions([topic]),
        "replaced": lambda: admin.alter_configs([changed], incremental=False),
        "reset": lambda: admin.reset_group_offsets(group, {partition: 0}),
        "update features": lambda: admin.update_features({"group.version": 1}),
        "transactions": lambda: admin.list_transactions(),
        "describe transactions": lambda: admin.describe_transactions(["golden"]),
        "producers": lambda: admin.describe_producers([partition]),
        "resources": lambda: admin.list_config_resources(),
        "delete": lambda: admin.delete_topics([topic]),
    }
    for what, call in calls.items():
        attempt(what, call)
    admin.close()


def confluent(bootstrap):
    import confluent_kafka as ck
    from confluent_kafka import admin as model

    admin = model.AdminClient({"bootstrap.servers": bootstrap, "client.id": "golden"})
    topic, group = "golden-ck", "golden-ck-group"

    def wait(futures):
        for future in futures.values() if isinstance(futures, dict) else [futures]:
            attempt("admin", lambda: future.result(timeout=10))

    wait(admin.create_topics([model.NewTopic(topic, 2, 1, config={"retention.ms": "3600000"})]))
    wait(admin.create_partitions([model.NewPartitions(topic, 3)]))
    for options in ({}, {"compression.type": "zstd", "enable.idempotence": True}):
        producer = ck.Producer({"bootstrap.servers": bootstrap, "client.id": "golden", **options})
        for index in range(3):
            producer.produce(topic, b"value", b"k%d" % index, headers=[("h", b"1"), ("h", b"2")])
        producer.flush(10)
    consumer = ck.Consumer({
        "bootstrap.servers": bootstrap, "client.id": "golden", "group.id": group,
        "auto.offset.reset": "earliest", "heartbeat.interval.ms": 300,
        "group.instance.id": "instance-1", "check.crcs": True})
    consumer.subscribe([topic])
    deadline = time.time() + 10
    while time.time() < deadline and not consumer.consume(1, 1.0):
        pass
    attempt("commit", lambda: consumer.commit(asynchronous=False))
    consumer.poll(1.5)
    partition = ck.TopicPartition(topic, 0)
    attempt("times", lambda: consumer.offsets_for_times([ck.TopicPartition(topic, 0, 1)]))
    attempt("watermarks", lambda: consumer.get_watermark_offsets(partition))
    attempt("committed", lambda: consumer.committed([partition]))
    attempt("describe groups", lambda: wait(admin.describe_consumer_groups([group])))
    attempt("list groups", lambda: wait(admin.list_consumer_groups()))
    consumer.close()
    # A position with an epoch is checked against the leader's epochs before it is fetched.
    manual = ck.Consumer({
        "bootstrap.servers": bootstrap, "client.id": "golden", "group.id": group + "-manual"})
    manual.assign([ck.TopicPartition(topic, 0, 1, leader_epoch=0)])
    manual.consume(1, 2.0)
    manual.close()
    resource = model.ConfigResource(model.ResourceType.TOPIC, topic)
    changed = model.ConfigResource(model.ResourceType.TOPIC, topic)
    changed.add_incremental_config(model.ConfigEntry(
        "retention.ms", "7200000",
        incremental_operation=model.AlterConfigOpType.SET))
    replaced = model.ConfigResource(
        model.ResourceType.TOPIC, topic, set_config={"retention.ms": "1"})
    acl = model.AclBinding(
        model.ResourceType.TOPIC, topic, model.ResourcePatternType.LITERAL, "User:golden", "*",
        model.AclOperation.READ, model.AclPermissionType.ALLOW)
    acls = model.AclBindingFilter(
        model.ResourceType.TOPIC, topic, model.ResourcePatternType.MATCH, None, None,
        model.AclOperation.ANY, model.AclPermissionType.ANY)
    calls = {
        "topics": lambda: admin.list_topics(timeout=10),
        "describe": lambda: wait(admin.describe_topics(ck.TopicCollection([topic]))),
        "cluster": lambda: wait(admin.describe_cluster()),
        "configs": lambda: wait(admin.describe_configs([resource])),
        "incremental": lambda: wait(admin.incremental_alter_configs([changed])),
        "alter": lambda: wait(admin.alter_configs([replaced])),
        "create acls": lambda: wait(admin.create_acls([acl])),
        "describe acls": lambda: wait(admin.describe_acls(acls)),
        "delete acls": lambda: wait(admin.delete_acls([acls])),
        "offsets": lambda: wait(admin.list_offsets({partition: model.OffsetSpec.latest()})),
        "elect": lambda: wait(admin.elect_leaders(ck.ElectionType.PREFERRED, [partition])),
        "records": lambda: wait(admin.delete_records([ck.TopicPartition(topic, 0, 1)])),
        "group offsets": lambda: wait(admin.list_consumer_group_offsets(
            [ck.ConsumerGroupTopicPartitions(group, [partition])])),
        "alter offsets": lambda: wait(admin.alter_consumer_group_offsets(
            [ck.ConsumerGroupTopicPartitions(group, [ck.TopicPartition(topic, 0, 1)])])),
        "delete groups": lambda: wait(admin.delete_consumer_groups([group])),
        "delete": lambda: wait(admin.delete_topics([topic])),
    }
    for what, call in calls.items():
        attempt(what, call)


def aiokafka(bootstrap):
    import aiokafka as ak
    from aiokafka import admin as model

    async def run():
        topic, group = "golden-ak", "golden-ak-group"
        admin = model.AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id="golden")
        await admin.start()
        await admin.create_topics([model.NewTopic(topic, 2, 1)])
        await admin.create_partitions({topic: model.NewPartitions(3)})
        for options in ({}, {"enable_idempotence": True}, {"compression_type": "gzip"}):
            producer = ak.AIOKafkaProducer(
                bootstrap_servers=bootstrap, client_id="golden", **options)
            await producer.start()
            for index in range(3):
                await producer.send_and_wait(topic, b"value", b"k%d" % index)
            await producer.stop()
        consumer = ak.AIOKafkaConsumer(
            topic, bootstrap_servers=bootstrap, client_id="golden", group_id=group,
            auto_offset_reset="earliest", heartbeat_interval_ms=300)
        await consumer.start()
        deadline = time.time() + 10
        while time.time() < deadline and not await consumer.getmany(timeout_ms=500):
            pass
        await consumer.commit()
        await consumer.getmany(timeout_ms=1500)
        partition = ak.TopicPartition(topic, 0)
        await consumer.offsets_for_times({partition: 1})
        await consumer.committed(partition)
        await consumer.seek_to_end(partition)
        await admin.list_consumer_groups()
        await admin.describe_consumer_groups([group])
        await admin.list_consumer_group_offsets(group)
        await consumer.stop()
        resource = model.config_resource.ConfigResource(
            model.config_resource.ConfigResourceType.TOPIC, topic)
        changed = model.config_resource.ConfigResource(
            model.config_resource.ConfigResourceType.TOPIC, topic,
            configs={"retention.ms": "7200000"})
        for call in (
            admin.list_topics, admin.describe_cluster,
            lambda: admin.describe_topics([topic]),
            lambda: admin.describe_configs([resource]),
            lambda: admin.alter_configs([changed]),
            lambda: admin.delete_records({partition: model.RecordsToDelete(1)}),
            lambda: admin.delete_topics([topic]),
        ):
            try:
                await call()
            except Exception:
                traceback.print_exc()
        await admin.close()

    asyncio.run(run())


def java(bootstrap):
    libs, topic, group = os.environ["KAFKA_LIBS"], "golden-java", "golden-java-group"
    server = f"--bootstrap-server {bootstrap}"
    tools = "org.apache.kafka.tools."
    partition = '{"partitions":[{"topic":"%s","partition":0%s}]%s}'
    files = {
        "delete": partition % (topic, ',"offset":1', ',"version":1'),
        "elect": partition % (topic, "", ""),
        "reassign": partition % (topic, ',"replicas":[1]', ',"version":1'),
    }
    for name, content in files.items():
        with open(f"/tmp/golden-{name}.json", "w", encoding="utf8") as file:
            file.write(content)
    commands = f"""
        {tools}TopicCommand {server} --create --topic {topic} --partitions 2 --config retention.ms=3600000
        {tools}TopicCommand {server} --alter --topic {topic} --partitions 3
        {tools}TopicCommand {server} --describe --topic {topic}
        {tools}TopicCommand {server} --list
        {tools}ConsoleProducer {server} --topic {topic} --reader-property parse.key=true --compression-codec zstd
        {tools}consumer.ConsoleConsumer {server} --topic {topic} --group {group} --from-beginning --max-messages 3 --timeout-ms 15000 --consumer-property heartbeat.interval.ms=300
        {tools}consumer.ConsoleConsumer {server} --topic {topic} --partition 0 --offset earliest --isolation-level read_committed --timeout-ms 3000
        {tools}GetOffsetShell {server} --topic {topic} --time -1
        {tools}GetOffsetShell {server} --topic {topic} --time max-timestamp
        {tools}consumer.group.ConsumerGroupCommand {server} --list --state
        {tools}consumer.group.ConsumerGroupCommand {server} --describe --group {group}
        {tools}consumer.group.ConsumerGroupCommand {server} --describe --group {group} --members
        {tools}consumer.group.ConsumerGroupCommand {server} --reset-offsets --to-earliest --group {group} --topic {topic} --execute
        {tools}consumer.group.ConsumerGroupCommand {server} --delete-offsets --group {group} --topic {topic}
        {tools}consumer.group.ConsumerGroupCommand {server} --delete --group {group}
        kafka.admin.ConfigCommand {server} --describe --entity-type topics --entity-name {topic} --all
        kafka.admin.ConfigCommand {server} --alter --entity-type topics --entity-name {topic} --add-config retention.ms=7200000
        kafka.admin.ConfigCommand {server} --alter --entity-type clients --entity-name golden --add-config producer_byte_rate=100000000
        kafka.admin.ConfigCommand {server} --describe --entity-type clients --entity-name golden
        kafka.admin.ConfigCommand {server} --describe --entity-type client-metrics
        {tools}AclCommand {server} --list --topic {topic}
        {os.path.join(os.path.dirname(os.path.abspath(__file__)), "CreateAcls.java")} {bootstrap}
        {tools}AclCommand {server} --remove --allow-principal User:golden --operation Read --topic {topic} --force
        {tools}DeleteRecordsCommand {server} --offset-json-file /tmp/golden-delete.json
        {tools}LogDirsCommand {server} --describe --topic-list {topic}
        {tools}LeaderElectionCommand {server} --election-type preferred --path-to-json-file /tmp/golden-elect.json
        {tools}reassign.ReassignPartitionsCommand {server} --list
        {tools}reassign.ReassignPartitionsCommand {server} --execute --reassignment-json-file /tmp/golden-reassign.json
        {tools}MetadataQuorumCommand {server} describe --status
        {tools}FeatureCommand {server} describe
        {tools}FeatureCommand {server} upgrade --feature transaction.version=2
        {tools}TransactionsCommand {server} list
        {tools}TransactionsCommand {server} describe --transactional-id golden
        {tools}TransactionsCommand {server} describe-producers --topic {topic} --partition 0
        {tools}ClusterTool cluster-id {server}
        {tools}ClusterTool list-endpoints {server}
        {tools}TopicCommand {server} --delete --topic {topic}
    """
    for command in commands.strip().splitlines():
        result = subprocess.run(
            ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{libs}/*", *command.split()],
            input="k1\tvalue 1\nk2\tvalue 2\nk3\tvalue 3\n",
            capture_output=True, text=True, timeout=120)
        if result.returncode:
            print(command, result.stdout[-300:], result.stderr[-300:], file=sys.stderr)


CLIENTS = {
    "kafka-python": kafka_python,
    "confluent-kafka": confluent,
    "aiokafka": aiokafka,
    "java": java,
}

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in CLIENTS:
        sys.exit(__doc__)
    CLIENTS[sys.argv[1]](sys.argv[2])

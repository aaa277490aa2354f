"""What a client concludes from the versions that the broker advertises."""

from kafka import KafkaConsumer


def test_kafka_python_takes_the_broker_for_the_latest_kafka_whose_apis_it_has(broker):
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap)
    try:
        # 4.1 is where Produce 13 came; Kafka 4.2 would serve ListOffsets 11, which is for tiered storage.
        assert consumer.config["api_version"] >= (4, 1)
    finally:
        consumer.close()

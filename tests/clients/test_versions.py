"""What a client concludes from the versions that the broker advertises."""

from kafka import KafkaConsumer


def test_kafka_python_takes_the_broker_for_the_latest_kafka_whose_apis_it_has(broker):
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap)
    try:
        # 4.2 is where ListOffsets 11 came.
        assert consumer.config["api_version"] >= (4, 2)
    finally:
        consumer.close()

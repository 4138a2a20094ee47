"""Reads a whole topic from a real broker."""

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from tests.builders.waiting import LIMIT_S


def read_topic(address: str, topic: str) -> list[KafkaMessage]:
    """Every record, partition after partition, up to the ends found now."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "reader", "enable.auto.commit": False})
    try:
        partitions = sorted(consumer.list_topics(topic, timeout=LIMIT_S).topics[topic].partitions)
        return [message for partition in partitions for message in _read_partition(consumer, topic, partition)]
    finally:
        consumer.close()


def _read_partition(consumer: Consumer, topic: str, partition: int) -> list[KafkaMessage]:
    low, high = _read_ends(consumer, topic, partition)
    consumer.assign([TopicPartition(topic, partition, low)])
    return [message for _ in range(high - low) if (message := consumer.poll(LIMIT_S)) is not None]


def _read_ends(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """First and next offset; a topic that was just made again has no leader for a moment."""
    while True:
        try:
            return consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=LIMIT_S)
        except KafkaException:
            continue

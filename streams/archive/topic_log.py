"""What the broker says of the topics that are archived: their ids, partitions and ends."""

from confluent_kafka import Consumer, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from homeostat.schemas.errors import BrokerUnavailable, TopicsUnfit
from homeostat.streams.archive.columns import FileHead
from homeostat.streams.kafka_config import client_config
from homeostat.streams.settings import KafkaSettings
from homeostat.streams.watermarks import read_watermarks

_LIMIT_S = 30.0


def describe_topic(kafka: KafkaSettings, topic: str) -> FileHead:
    """The head that the files of a topic get. Raises `BrokerUnavailable`, or `TopicsUnfit` where it is missing."""
    admin = AdminClient(client_config(kafka))
    try:
        known = admin.list_topics(topic, timeout=_LIMIT_S).topics[topic]
    except KafkaException as error:
        raise BrokerUnavailable(f"no broker answers ({error}): start one, or give --bootstrap") from None
    if known.error is not None:
        raise TopicsUnfit(f"{topic}: {known.error.str()}: run `homeostat topics create`")
    return FileHead(topic, len(known.partitions), _read_id(admin, topic))


def read_ends(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """First offset and the one after the last committed one. Raises `BrokerUnavailable`."""
    try:
        return read_watermarks(consumer, topic, partition, _LIMIT_S)
    except KafkaException as error:
        raise BrokerUnavailable(
            f"the ends of {topic}/{partition} cannot be read ({error}): is the broker up?"
        ) from None


def reader_config(kafka: KafkaSettings, group: str) -> dict[str, str | int | float | bool]:
    """Committed records only; an offset that the broker no longer has is an error, never a silent jump."""
    return {
        **client_config(kafka),
        "group.id": group,
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "fetch.queue.backoff.ms": 2,
        "queued.max.messages.kbytes": 16_384,
    }


def _read_id(admin: AdminClient, topic: str) -> str:
    """The topic's id, which a topic made again under the same name does not have; empty where brokers give none."""
    try:
        described = admin.describe_topics(TopicCollection([topic]), request_timeout=_LIMIT_S)[topic].result(_LIMIT_S)
    except KafkaException:
        return ""
    return str(described.topic_id)

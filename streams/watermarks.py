"""Where a partition begins and ends, asked again where the broker is about to know."""

import time
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

_MOMENTARY: Final = frozenset(
    {
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
    }
)
_PAUSE_S: Final = 0.05


def read_watermarks(consumer: Consumer, topic: str, partition: int, limit_s: float) -> tuple[int, int]:
    """The first offset and the one after the last. Raises `KafkaException` after `limit_s` (s), or for what stays so.

    A partition that was just made, or has moved, has no leader that the client knows: that is asked again.
    """
    deadline = time.monotonic() + limit_s
    while True:
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=limit_s)
        except KafkaException as error:
            if error.args[0].code() not in _MOMENTARY or time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE_S)
            consumer.list_topics(topic, timeout=limit_s)
        else:
            return low, high

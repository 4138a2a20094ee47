"""Making the broker compact now what it would compact some day."""

from collections.abc import Iterable

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public names, not re-exported for checkers
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from homeostat.schemas.topics import ROLE_STAGES, state_topic
from homeostat.streams.backtest.kafka_dump import TopicReader
from tests.builders.waiting import wait_for
from tests.chaos.installation import Installation

EAGER_CLEANER = {"log.cleaner.backoff.ms": "200"}
"""What a broker needs so that compaction comes within a second."""

_EAGER_TOPIC = {"segment.ms": "200", "max.compaction.lag.ms": "500"}


def compact_states(trial: Installation, role: str) -> None:
    """Compact the state topics of a role, and wait until nothing is left of what newer records had replaced."""
    topics = [state_topic(stage) for stage in ROLE_STAGES[role]]
    ends = {topic: _read_ends(trial, topic) for topic in topics}
    _set(trial, topics, AlterConfigOpType.SET)
    wait_for(lambda: not any(_has_repeats(trial, topic, ends[topic]) for topic in topics), "states to be compacted")
    _set(trial, topics, AlterConfigOpType.DELETE)


def _read_ends(trial: Installation, topic: str) -> dict[int, int]:
    with TopicReader(trial.kafka, topic) as reader:
        return {part: end for part, (_, end) in reader.ends.items()}


def _has_repeats(trial: Installation, topic: str, ends: dict[int, int]) -> bool:
    """Whether a key comes more than once below the ends."""
    seen: set[tuple[int, bytes | None]] = set()
    with TopicReader(trial.kafka, topic) as reader:
        for row in reader.read():
            if row.record.offset < ends[row.partition]:
                if (row.partition, row.record.key) in seen:
                    return True
                seen.add((row.partition, row.record.key))
    return False


def _set(trial: Installation, topics: Iterable[str], operation: AlterConfigOpType) -> None:
    admin = AdminClient({"bootstrap.servers": trial.broker.address, "log_level": 0})
    resources = [
        ConfigResource(
            ResourceType.TOPIC,
            topic,
            incremental_configs=[
                ConfigEntry(name, value, incremental_operation=operation) for name, value in _EAGER_TOPIC.items()
            ],
        )
        for topic in topics
    ]
    for future in admin.incremental_alter_configs(resources).values():
        future.result(20)

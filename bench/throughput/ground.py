"""The ground the systems run on: a real broker on one core, the input, and topics emptied between our turns."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public names, not re-exported for checkers
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from homeostat.infra.broker.local import LocalBroker
from homeostat.infra.topics.create import create_topics
from homeostat.infra.topics.expected import Platform
from homeostat.schemas.topics import TOPICS, TRACES, Timestamps

_LIMIT_S = 30.0
_TABLE = {
    name: spec._replace(timestamps=Timestamps.CREATE) if name == TRACES else spec for name, spec in TOPICS.items()
}
"""While it is written, the input takes the writer's times: log time passes at the declared pace, not at its speed."""


def choose_cores() -> tuple[int, int]:
    """(core of the broker and the harness, core of the systems); -1, -1 where there is only one or no choice."""
    if not hasattr(os, "sched_getaffinity"):
        return -1, -1
    cores = sorted(os.sched_getaffinity(0))
    return (cores[0], cores[-1]) if len(cores) > 1 else (-1, -1)


@contextmanager
def run_broker(core: int) -> Iterator[LocalBroker]:
    """A broker pinned, with this process, to one core."""
    if core >= 0:
        os.sched_setaffinity(0, {core})
    with LocalBroker(heap_mib=1024) as broker:
        yield broker


class Ground:
    """Topics of one run."""

    def __init__(self, address: str, partitions: int) -> None:
        self.address = address
        self._platform = Platform(partitions)
        self._admin = AdminClient({"bootstrap.servers": address, "log_level": 0})

    def create_topics(self) -> None:
        create_topics(self._admin, _TABLE, self._platform, _LIMIT_S)

    def settle_input(self) -> None:
        """Set the input as the table of topics says, now that it is written; its records keep their times."""
        entry = ConfigEntry(
            "message.timestamp.type",
            TOPICS[TRACES].timestamps.value,
            incremental_operation=AlterConfigOpType.SET,
        )
        resource = ConfigResource(ResourceType.TOPIC, TRACES, incremental_configs=[entry])
        for future in self._admin.incremental_alter_configs([resource]).values():
            future.result(_LIMIT_S)

    def clear_outputs(self) -> None:
        """Make every topic but the input anew: our worker starts without state, and its outputs lie alone."""
        names = [name for name in TOPICS if name != TRACES]
        for future in self._admin.delete_topics(names, operation_timeout=_LIMIT_S).values():
            future.result()
        while set(names) & self._admin.list_topics(timeout=_LIMIT_S).topics.keys():
            continue
        self.create_topics()

    def ends(self, topic: str) -> dict[str, int]:
        """The end offset of every partition."""
        client = Consumer({"bootstrap.servers": self.address, "group.id": "bench-ends", "log_level": 0})
        try:
            parts = self._admin.list_topics(topic, timeout=_LIMIT_S).topics[topic].partitions
            return {
                str(part): client.get_watermark_offsets(TopicPartition(topic, part), timeout=_LIMIT_S)[1]
                for part in sorted(parts)
            }
        finally:
            client.close()

"""What a broker should say of each topic: the table of the contract, spread over a platform."""

from collections.abc import Mapping
from typing import NamedTuple

from homeostat.schemas.topics import TOPICS, Cleanup, Spread, TopicSpec

TopicTable = Mapping[str, TopicSpec]
DEFAULT_PARTITIONS = 16
"""Partitions of a stage's input when nobody says otherwise; fixed for life once records are in."""


class Platform(NamedTuple):
    """What the table leaves to the installation; `min_insync` None means two of three replicas, else one."""

    partitions: int = DEFAULT_PARTITIONS
    replication: int = 1
    min_insync: int | None = None

    @property
    def min_insync_replicas(self) -> int:
        """How many replicas must have a write before it counts."""
        if self.min_insync is not None:
            return self.min_insync
        return 2 if self.replication >= 3 else 1


ALL_TOPICS: TopicTable = TOPICS
ONE_BROKER = Platform()
"""What `homeostat broker start` gives: one replica of everything."""


def count_partitions(spec: TopicSpec, platform: Platform) -> int:
    """The number of partitions that the topic should have."""
    return platform.partitions if spec.spread is Spread.PLATFORM else 1


def expected_configs(spec: TopicSpec, platform: Platform) -> dict[str, str]:
    """The topic's settings by Kafka's names, those that are created and checked.

    Time does not end a compacted topic's records, so its retention is left out.
    """
    configs = {
        "cleanup.policy": spec.cleanup.value,
        "message.timestamp.type": spec.timestamps.value,
        "min.insync.replicas": str(platform.min_insync_replicas),
        "max.message.bytes": str(spec.max_message_bytes),
    }
    if spec.cleanup is Cleanup.DELETE:
        configs |= {"retention.ms": str(spec.retention_ms), "retention.bytes": "-1"}
    return configs


def creation_configs(spec: TopicSpec, platform: Platform) -> dict[str, str]:
    """The settings to create the topic with: those expected, and smaller segments where the log is compacted.

    The cleaner never touches the segment being written, so at Kafka's 1 GB a checkpoint topic would be restored with
    all its history.
    """
    configs = expected_configs(spec, platform)
    if spec.cleanup is Cleanup.COMPACT:
        configs |= {"segment.bytes": "33554432", "min.cleanable.dirty.ratio": "0.2"}
    return configs

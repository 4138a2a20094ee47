"""What a role is made of: its stages, and what the transport is given from outside."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from homeostat.detectors.stage import Stage
from homeostat.schemas.topics import TOPICS, Cleanup

StageFactory = Callable[[int, int], Stage]
"""(partition, partition count) to an empty stage."""

Signer = Callable[[str, bytes, str], bytes]
"""(role, payload, topic) to the signed envelope's bytes."""


class StageSpec(NamedTuple):
    """One stage of a role: it reads one topic and keeps its state in the same-numbered partition of another."""

    name: str
    input_topic: str
    state_topic: str
    factory: StageFactory


def refuse_to_sign(role: str, payload: bytes, topic: str) -> bytes:  # noqa: ARG001 the shape of a Signer
    """The signer of a process without keys. Raises PermissionError."""
    raise PermissionError(f"an output for {topic} wants the key of {role}, and this process has none")


def is_compacted(topic: str) -> bool:
    """Tell whether the topics table says that a topic is compacted. Raises KeyError for a topic not in it."""
    return TOPICS[topic].cleanup is Cleanup.COMPACT


@dataclass(frozen=True)
class Wiring:
    """What the composition root hands to the transport besides settings."""

    sign: Signer = refuse_to_sign
    is_compacted: Callable[[str], bool] = is_compacted


class Coordinates(NamedTuple):
    """Where a runner stands: the stage, its input partition, and how many there are."""

    stage: str
    topic: str
    partition: int
    partition_count: int

"""What a role is made of: its stages, and what the transport is given from outside."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from homeostat.detectors.stage import Stage
from homeostat.schemas.log import Output
from homeostat.schemas.topics import TOPICS, Cleanup
from homeostat.streams.transport.errors import SignerMissing

StageFactory = Callable[[int, int], Stage]
"""(partition, partition count) to an empty stage."""

Finisher = Callable[[Output], Output]
"""An output as the core gives it, to the output as it leaves: signed by the role it names, or sealed."""


class StageSpec(NamedTuple):
    """One stage of a role: it reads one topic and keeps its state in the same-numbered partition of another."""

    name: str
    input_topic: str
    state_topic: str
    factory: StageFactory


def refuse_to_sign(output: Output) -> Output:
    """The finisher of a process without keys. Raises `SignerMissing` for an output that wants one."""
    if output.signer is None:
        return output
    raise SignerMissing(
        f"an output for {output.topic} wants the key of {output.signer}: set keys.private_key_path to that role's key"
    )


def is_compacted(topic: str) -> bool:
    """Tell whether the topics table says that a topic is compacted. Raises KeyError for a topic not in it."""
    return TOPICS[topic].cleanup is Cleanup.COMPACT


@dataclass(frozen=True)
class Wiring:
    """What the composition root hands to the transport besides settings."""

    finish: Finisher = refuse_to_sign
    is_compacted: Callable[[str], bool] = is_compacted


class Coordinates(NamedTuple):
    """Where a runner stands: the stage, its input partition, and how many there are."""

    stage: str
    topic: str
    partition: int
    partition_count: int

"""A log's record and a stage's output: the two shapes that cross every border of the system."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

Headers = Sequence[tuple[str, bytes]]


class Record(Protocol):
    """What a stage reads: any object with these attributes.

    `timestamp` is in ms since the epoch, as the broker gives it.
    """

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...


class LogRecord(NamedTuple):
    """A record of our own making: dumps, backtests, tests. Times in ms since the epoch."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Output(NamedTuple):
    """One record that a stage writes.

    `partition` None means murmur2 of the key over the topic's partitions. `signer` names the role whose key
    wraps `value` in a DSSE envelope before it leaves (the core holds no private key); None sends it as it is.
    A `value` of None is a tombstone of a compacted topic. `timestamp` is the writer's log time, ms since the epoch.
    """

    topic: str
    key: bytes
    value: bytes | None
    timestamp: int
    headers: Headers = ()
    partition: int | None = None
    signer: str | None = None

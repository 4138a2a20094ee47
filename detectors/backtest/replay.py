"""One stage over the dump of its own input: what the live worker's outputs and state are held against."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from homeostat.detectors.stage import Stage
from homeostat.schemas.log import Output, Record


class Replayed(NamedTuple):
    """What a stage made of a log: its outputs in order (before signing), and its final state."""

    outputs: list[Output]
    state: dict[bytes, bytes]
    next_offset: int


def replay_stage(stage: Stage, records: Iterable[Record], batch_records: int = 500) -> Replayed:
    """Run an empty stage over its partition's log, in batches whose size does not show."""
    return replay_batches(stage, split_batches(records, batch_records))


def replay_batches(stage: Stage, batches: Iterable[Sequence[Record]], drain_records: int = 0) -> Replayed:
    """Run an empty stage over batches; what changed is forgotten each time that so many records were applied."""
    outputs: list[Output] = []
    since = 0
    for batch in batches:
        outputs += stage.apply(batch)
        since += len(batch)
        if since >= drain_records:
            stage.drain_changes()
            since = 0
    return Replayed(outputs, stage.state_records(), stage.next_offset)


def split_batches(records: Iterable[Record], size: int) -> Iterable[Sequence[Record]]:
    """Cut into batches of at most `size` records. Raises ValueError for a size below 1.

    >>> [len(batch) for batch in split_batches([], 2)]
    []
    """
    if size < 1:
        raise ValueError(f"batches of {size} records: at least 1")
    source = iter(records)
    while batch := list(islice(source, size)):
        yield batch

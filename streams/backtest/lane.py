"""One partition of a log that is fed in the order of time together with others."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.record_block import RecordBlock
from homeostat.detectors.record_index import OFFSET, TIMESTAMP
from homeostat.schemas.log import Record
from homeostat.streams.archive.reader import Part


class Moment(NamedTuple):
    """A record's place in the order of all partitions; time is the running maximum in its partition."""

    time_ms: int
    partition: int
    offset: int


class _Held(NamedTuple):
    block: RecordBlock
    times: NDArray[np.int64]
    offsets: NDArray[np.int64]
    controls: NDArray[np.int64]


class Lane:
    """Parts of a partition; `take` gives what comes before a moment, `controls` the control records in their order."""

    def __init__(self, partition: int, parts: Iterable[Part]) -> None:
        self.partition = partition
        self._parts = iter(parts)
        self._time_ms = 0
        self._held: deque[_Held] = deque()
        self._taken = 0

    def controls(self) -> Iterator[tuple[Moment, Record]]:
        """Every control record; what lies between two of them is held until it is taken."""
        while (held := self._load()) is not None:
            for at in held.controls.tolist():
                yield Moment(int(held.times[at]), self.partition, int(held.offsets[at])), held.block[at]

    def take(self, moment: Moment | None) -> Iterator[RecordBlock]:
        """What was not taken yet and comes at or before a moment; None for all that is left.

        A moment may be the next of all partitions' control records: up to there parts were read to find it.
        """
        for held, first, end in self._pass_by(moment):
            yield held.block[first:end]

    def _pass_by(self, moment: Moment | None) -> Iterator[tuple[_Held, int, int]]:
        """What is held, from where to where it is to be taken."""
        while self._held:
            held = self._held[0]
            end = len(held.block) if moment is None else self._find(held, moment)
            if end > self._taken:
                first, self._taken = self._taken, end
                yield held, first, end
            if end < len(held.block):
                return
            self._held.popleft()
            self._taken = 0

    def take_data(self, moment: Moment | None) -> Iterator[RecordBlock]:
        """As `take`, without the control records."""
        for held, first, end in self._pass_by(moment):
            controls = held.controls[(held.controls >= first) & (held.controls < end)].tolist()
            for start, stop in zip([first, *(at + 1 for at in controls)], [*controls, end], strict=True):
                if stop > start:
                    yield held.block[start:stop]

    def _find(self, held: _Held, moment: Moment) -> int:
        if moment.partition == self.partition:
            return int(np.searchsorted(held.offsets, moment.offset, side="right"))
        if self.partition < moment.partition:
            return int(np.searchsorted(held.times, moment.time_ms, side="right"))
        return int(np.searchsorted(held.times, moment.time_ms, side="left"))

    def _load(self) -> _Held | None:
        for block, controls in self._parts:
            if len(block):
                times = np.maximum(np.maximum.accumulate(block.spans[:, TIMESTAMP]), self._time_ms)
                self._time_ms = int(times[-1])
                self._held.append(_Held(block, times, block.spans[:, OFFSET], controls))
                return self._held[-1]
        return None

"""What a report reads of a leaf stage: the one place that knows how the leaf keeps its cohorts.

A leaf has one slot, or one for each part of the week, and its evidence in one of them: a leaf's evidence is the largest
over its slots, and what is counted is added up.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.fixed_point import VALUE_SCALE
from homeostat.detectors.leaf.leaf_key import LeafKey
from homeostat.detectors.leaf.plan import WORK
from homeostat.detectors.leaf.stage import LeafStage
from homeostat.detectors.leaf.world import World
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import SignalSpec

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Readout(NamedTuple):
    """The slots of one leaf stage as they are now; every array has a row a slot and a column a watched column.

    `sessions` and `totals` (sums on [0, 1]) are since the beginning; `reference` [slot, column, (n, mean, lower,
    upper)] of the slot's baseline, n = 0 for none yet; `evidence` [slot, column, (up, down)] mixtures.
    """

    sessions: Ints
    totals: Floats
    reference: Floats
    evidence: Floats


class Progress(NamedTuple):
    """How far a leaf is: sessions with work, sessions collected for a baseline (in either lane), and those wanted."""

    sessions: int
    collected: int
    wanted: int


class LeafReader:
    """One leaf stage, read."""

    def __init__(self, stage: LeafStage) -> None:
        self._stage = stage

    @property
    def world(self) -> World | None:
        """The stage's stores; None before a policy."""
        return self._stage.world

    @property
    def counts(self) -> Mapping[str, int]:
        """What the stage counted."""
        return self._stage.counts

    @property
    def policy(self) -> Policy | None:
        """The policy it runs by."""
        return None if self.world is None else self.world.plan.policy

    @property
    def specs(self) -> Sequence[SignalSpec]:
        """The watched columns."""
        return () if self.world is None else self.world.plan.specs

    def leaves(self) -> list[LeafKey]:
        """The leaf that each slot is of, by slot."""
        return [] if self.world is None else [key._replace(part="") for key in self.world.cohorts.keys]

    def read(self) -> Readout:
        """Read every slot; copies, so that they stay as they are."""
        assert self.world is not None
        slots, arrays = len(self.world.cohorts.keys), self.world.cohorts.arrays
        moments = arrays.moments[:slots]
        return Readout(
            sessions=moments[:, :, 0].copy(),
            totals=moments[:, :, 1] / VALUE_SCALE,
            reference=arrays.reference[arrays.home[:slots]],
            evidence=arrays.evidence[:slots].mean(axis=3),
        )

    def known(self, slots: Sequence[int]) -> NDArray[np.bool_]:
        """Whether each column has a baseline in any of the slots."""
        assert self.world is not None
        arrays = self.world.cohorts.arrays
        return np.any(arrays.reference[arrays.home[list(slots)], :, 0] > 0, axis=0)  # type: ignore[no-any-return] # numpy says Any

    def seen(self, slots: Sequence[int]) -> NDArray[np.bool_]:
        """Whether any session had a value, by column."""
        assert self.world is not None
        return np.any(self.world.cohorts.arrays.moments[list(slots), :, 0] > 0, axis=0)  # type: ignore[no-any-return] # numpy says Any

    def histograms(self, slots: Sequence[int], column: int) -> Ints:
        """Sessions by bin of [0, 1] of one column, added up over slots."""
        assert self.world is not None
        chosen = self.world.cohorts.arrays.histogram[list(slots), column]
        counts: Ints = chosen.sum(axis=0, dtype=np.int64)
        return counts

    def recent(self, slots: Sequence[int], column: int, since_ms: int) -> Floats:
        """Values of one column of the sessions that began at `since_ms` or later, as far as the slots remember."""
        assert self.world is not None
        arrays, plan = self.world.cohorts.arrays, self.world.plan
        lane = plan.lanes[column]
        found = []
        for slot in slots:
            count, rows = int(arrays.ring_count[slot, lane]), arrays.ring.shape[1]
            places = np.arange(max(0, count - rows), count) % rows
            values, began_ms = arrays.ring[slot, places, column], arrays.ring_ms[slot, lane, places] - plan.session_ms
            found.append(values[(values >= 0) & (began_ms >= since_ms)] / VALUE_SCALE)
        return np.concatenate([np.zeros(0), *found])

    def monitors(self) -> int:
        """Monitors that bet: a leaf's column in one direction, where a null is known and a bet has a stake."""
        assert self.world is not None
        arrays, running = self.world.cohorts.arrays, set()
        for slot, leaf in enumerate(self.leaves()):
            home = arrays.home[slot]
            running |= {(leaf, column, side) for column, side in np.argwhere(arrays.stakes[home, :, :, 0]).tolist()}
        return len(running)

    def works(self) -> int:
        """Sessions with work, so far."""
        assert self.world is not None
        return int(self.world.cohorts.arrays.ring_count[: len(self.world.cohorts.keys), WORK].sum())

    def progress(self, slots: Sequence[int]) -> Progress:
        """How far the slots of one leaf are."""
        assert self.world is not None
        arrays, chosen = self.world.cohorts.arrays, list(slots)
        collected = (arrays.seal_seen[chosen] * arrays.pending[chosen]).sum(axis=0)
        sessions = int(arrays.ring_count[chosen, WORK].sum())
        return Progress(sessions, int(collected.max(initial=0)), int(arrays.seal_sessions[chosen].max()))


def leaf_readers(stages: Mapping[tuple[str, int], object]) -> list[LeafReader]:
    """The leaf stages of a topology, in the order of their partitions."""
    return [LeafReader(stage) for _, stage in sorted(stages.items()) if isinstance(stage, LeafStage)]

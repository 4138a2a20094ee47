"""What a report reads of the parents stages: the one place that knows how they keep their cohorts."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from homeostat.detectors.fixed_point import VALUE_SCALE
from homeostat.detectors.parents.cohort_state import CohortState
from homeostat.detectors.parents.stage import ParentsStage
from homeostat.schemas.cohort import Cohort
from homeostat.schemas.signal import Direction


class ParentSums(NamedTuple):
    """One column of one parent since the beginning: sessions, their sum, those bet on, what is expected."""

    sessions: int
    total: float
    bet_sessions: int
    expected: float
    up: float
    down: float


class ParentReading(NamedTuple):
    """One parent cohort as it is now."""

    cohort: Cohort
    last_bucket: int
    records: int
    no_data_buckets: int
    state: CohortState

    def columns(self) -> Iterator[tuple[str, ParentSums]]:
        """Every column by its name, with the mixtures of both monitors."""
        for name, sums in self.state.signals.items():
            total, expected = sums.total / VALUE_SCALE, sums.expected / VALUE_SCALE
            up, down = (_mixture(self.state, name, side) for side in (Direction.UP, Direction.DOWN))
            yield name, ParentSums(sums.sessions, total, sums.bet_sessions, expected, up, down)


def read_parents(stages: Mapping[tuple[str, int], object]) -> Iterator[ParentReading]:
    """Every parent cohort of a topology's parents stages."""
    for _, stage in sorted(stages.items()):
        if isinstance(stage, ParentsStage):
            for state in stage.cohorts.values():
                yield ParentReading(state.cohort, state.last_bucket, state.records, state.no_data, state)


def _mixture(state: CohortState, signal: str, side: Direction) -> float:
    try:
        return float(np.mean(state.monitors.wealth_of(signal, side)))
    except KeyError:
        return 0.0

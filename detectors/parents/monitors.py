"""One parent cohort's monitors, of each signal in each direction: an e-Shiryaev–Roberts step a sealed bucket."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, NamedTuple

import numpy as np
from pydantic import PlainSerializer, PlainValidator

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import LIMIT, LOG_E_SCALE, Fixed, Floats
from homeostat.detectors.statistics.e_shiryaev_roberts import LOG_E_CAP, carrier, note_starts, step_sum
from homeostat.schemas.signal import Direction
from homeostat.schemas.summary import SignalSummary

ONSET_RATIO: Final = math.exp(-2.0)
"""A bet whose likeliest start has at least this share of the best one's likelihood widens the onset's interval."""
_PARTS: Final = 4
_LANE, _FIRST, _BETS, _GIVEN, _LOG_E_AT, _PART = range(6)


def _floats(given: Sequence[float]) -> Floats:
    return np.array(given, np.float64)


def _integers(given: Sequence[int]) -> Fixed:
    return np.array(given, np.int64)


def _sums(given: Sequence[Sequence[int]]) -> Fixed:
    return np.array(given, np.int64).reshape(-1, _PARTS)


def _to_list(array: Floats | Fixed) -> list[Any]:
    rows: list[Any] = array.tolist()
    return rows


FloatRow = Annotated[Floats, PlainValidator(_floats), PlainSerializer(_to_list)]
FixedRow = Annotated[Fixed, PlainValidator(_integers), PlainSerializer(_to_list)]
SumRows = Annotated[Fixed, PlainValidator(_sums), PlainSerializer(_to_list)]


class Since(NamedTuple):
    """Sums since a bet's likeliest start; `total` and `expected` are fixed-point 2⁻²⁰."""

    sessions: int
    total: int
    bet_sessions: int
    expected: int


class Crossing(NamedTuple):
    """A monitor at its threshold: evidence, the sums since the carrying bet's start, onset in buckets (inclusive)."""

    signal: str
    direction: Direction
    evidence: float
    since: Since
    onset_from: int
    onset_to: int


class Lane(NamedTuple):
    """One monitor's bets: `bets` rows from `first` on."""

    signal: str
    direction: Direction
    first: int
    bets: int


@compiled
def fold_lanes(
    wealth: Floats,
    peaks: Floats,
    starts: Fixed,
    sums: Fixed,
    last: Fixed,
    steps: Fixed,
    log_e: Fixed,
    parts: Fixed,
    weight: float,
    bucket: int,
    evidence: Floats,
) -> None:
    """Fold one bucket into the lanes of `steps` (int64 [step, (lane, first row, rows, bets given, log-e at, part)]).

    `log_e` are summed log-e (int64, 2⁻³² nats) of the bets given; a bet that is not given counts as e = 1. `parts`
    (int64 [part, 4], as `Since`) are added to the sums of each bet; those of a bet that starts anew begin with them. A
    lane's weight is that of the buckets since its last step. `evidence` [step] is Σ π_k M_k.
    """
    for number in range(steps.shape[0]):
        lane, first, bets = steps[number, _LANE], steps[number, _FIRST], steps[number, _BETS]
        elapsed = 1 if last[lane] < 0 else bucket - last[lane]
        last[lane] = bucket
        given = np.zeros(bets, np.int64)
        for k in range(steps[number, _GIVEN]):
            given[k] = min(max(log_e[steps[number, _LOG_E_AT] + k], -LIMIT), LIMIT)
        rows = slice(first, first + bets)
        e_row = np.empty(bets)
        before = starts[rows].copy()
        for k in range(bets):
            e_row[k] = math.exp(min(given[k] / LOG_E_SCALE, LOG_E_CAP))
        note_starts(peaks[rows], starts[rows], e_row, weight * elapsed, bucket)
        for k in range(bets):
            if starts[first + k] != before[k]:
                sums[first + k, :] = 0
            for part in range(parts.shape[1]):
                sums[first + k, part] += parts[steps[number, _PART], part]
        evidence[number] = step_sum(wealth[rows], given, weight * elapsed)


@dataclass(eq=False)
class Monitors:
    """A mixture of bets a lane; it alarms at Σ π_k M_k ≥ A and then starts again from 0.

    `wealth` is M by bet, `peaks` and `starts` (buckets) date the onset; see `e_shiryaev_roberts`. `sums` [bet, part] as
    in `Since`; `last_bucket` [lane] of its last step, −1 for none.
    """

    lanes: list[Lane] = field(default_factory=list)
    wealth: FloatRow = field(default_factory=lambda: _floats([]))
    peaks: FloatRow = field(default_factory=lambda: _floats([]))
    starts: FixedRow = field(default_factory=lambda: _integers([]))
    sums: SumRows = field(default_factory=lambda: _sums([]))
    last_bucket: FixedRow = field(default_factory=lambda: _integers([]))

    def __post_init__(self) -> None:
        self._index_lanes()

    def _index_lanes(self) -> None:
        self._places = {(lane.signal, lane.direction): place for place, lane in enumerate(self.lanes)}

    def wealth_of(self, signal: str, direction: Direction) -> Floats:
        """M by bet of one monitor."""
        lane = self.lanes[self._places[signal, direction]]
        return self.wealth[lane.first : lane.first + lane.bets]

    def step(
        self, sums: Mapping[str, SignalSummary], bucket: int, weight_per_bucket: float, threshold: float
    ) -> Iterator[Crossing]:
        """Take a bucket's sums by signal; gives crossings in their order, up before down.

        A direction without bets takes no step: the time counts for the next.
        """
        given = {
            (signal, direction): log_e
            for signal, found in sums.items()
            for direction, log_e in ((Direction.UP, found.log_e_up), (Direction.DOWN, found.log_e_down))
            if log_e
        }
        if not given:
            return
        self._make_room(given)
        part_of = {signal: part for part, signal in enumerate(sums)}
        parts = [(found.sessions, found.total, found.bet_sessions, found.expected) for found in sums.values()]
        steps: list[tuple[int, ...]] = []
        log_e: list[int] = []
        for key, bets in given.items():
            place = self._places[key]
            lane = self.lanes[place]
            steps.append((place, lane.first, lane.bets, len(bets), len(log_e), part_of[key[0]]))
            log_e += bets
        evidence = np.zeros(len(steps))
        fold_lanes(
            self.wealth,
            self.peaks,
            self.starts,
            self.sums,
            self.last_bucket,
            np.array(steps, np.int64),
            np.array(log_e if _is_within(log_e) else [max(-LIMIT, min(LIMIT, x)) for x in log_e], np.int64),
            np.array(parts, np.int64),
            weight_per_bucket,
            bucket,
            evidence,
        )
        for number in np.flatnonzero(evidence >= threshold).tolist():
            yield self._cross(self.lanes[steps[number][_LANE]], float(evidence[number]))

    def _cross(self, lane: Lane, evidence: float) -> Crossing:
        """Say what a lane has come to, and let it start again."""
        rows = slice(lane.first, lane.first + lane.bets)
        peaks = self.peaks[rows]
        best = carrier(self.wealth[rows])
        near = self.starts[rows][peaks >= peaks[best] * ONSET_RATIO]
        since = Since(*self.sums[lane.first + best].tolist())
        self.wealth[rows], self.peaks[rows] = 0.0, 0.0
        self.starts[rows], self.sums[rows] = 0, 0
        return Crossing(lane.signal, lane.direction, evidence, since, int(near.min()), int(near.max()))

    def _make_room(self, given: Mapping[tuple[str, Direction], Sequence[int]]) -> None:
        """Make new lanes, and widen those with fewer bets than are given; new bets begin at nothing."""
        if all(key in self._places and self.lanes[self._places[key]].bets >= len(bets) for key, bets in given.items()):
            return
        held = {(lane.signal, lane.direction): lane for lane in self.lanes}
        lanes: list[Lane] = []
        sources: list[int] = []
        for signal, direction in [*held, *(key for key in given if key not in held)]:
            old = held.get((signal, direction), Lane(signal, direction, 0, 0))
            bets = max(old.bets, len(given.get((signal, direction), ())))
            lanes.append(Lane(signal, direction, len(sources), bets))
            sources += [*range(old.first, old.first + old.bets), *([-1] * (bets - old.bets))]
        self.wealth, self.peaks = _rearrange(self.wealth, sources), _rearrange(self.peaks, sources)
        self.starts, self.sums = _rearrange(self.starts, sources), _rearrange(self.sums, sources)
        self.last_bucket = np.append(self.last_bucket, np.full(len(lanes) - len(held), -1, np.int64))
        self.lanes = lanes
        self._index_lanes()


def _rearrange(rows: Any, sources: Sequence[int]) -> Any:
    """Rows by their old places, −1 for a row of zeros."""
    return np.concatenate([rows, np.zeros((1, *rows.shape[1:]), rows.dtype)])[sources]


def _is_within(log_e: Sequence[int]) -> bool:
    return min(log_e) >= -LIMIT and max(log_e) <= LIMIT

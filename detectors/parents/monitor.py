"""One parent cohort's monitor of one signal in one direction: an e-Shiryaev–Roberts step a sealed bucket."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import PlainSerializer, PlainValidator

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import LIMIT, LOG_E_SCALE, Fixed, Floats
from homeostat.detectors.statistics.e_shiryaev_roberts import LOG_E_CAP, carrier, note_starts, step_sum
from homeostat.schemas.summary import SignalSummary

ONSET_RATIO = math.exp(-2.0)
"""A bet whose likeliest start has at least this share of the best one's likelihood widens the onset's interval."""
_PARTS = 4


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

    evidence: float
    since: Since
    onset_from: int
    onset_to: int


@compiled
def fold_bucket(
    wealth: Floats, peaks: Floats, starts: Fixed, sums: Fixed, log_e: Fixed, parts: Fixed, weight: float, bucket: int
) -> float:
    """Fold one bucket's summed log-e (int64 [bet], 2⁻³² nats) into a monitor's rows, in place; its evidence Σ π_k M_k.

    `parts` (int64 [4], as `Since`) are added to the sums of each bet; those of a bet that starts anew begin with them.
    """
    e_row = np.empty(log_e.shape[0])
    before = starts.copy()
    for k in range(log_e.shape[0]):
        e_row[k] = math.exp(min(log_e[k] / LOG_E_SCALE, LOG_E_CAP))
    note_starts(peaks, starts, e_row, weight, bucket)
    for k in range(log_e.shape[0]):
        if starts[k] != before[k]:
            sums[k, :] = 0
        for part in range(parts.shape[0]):
            sums[k, part] += parts[part]
    return step_sum(wealth, log_e, weight)


@dataclass(eq=False)
class Monitor:
    """A mixture of bets; it alarms at Σ π_k M_k ≥ A and then starts again from 0.

    `wealth` is M by bet, `peaks` and `starts` (buckets) date the onset; see `e_shiryaev_roberts`. `sums` [bet, part] as
    in `Since`.
    """

    wealth: FloatRow = field(default_factory=lambda: _floats([]))
    peaks: FloatRow = field(default_factory=lambda: _floats([]))
    starts: FixedRow = field(default_factory=lambda: _integers([]))
    sums: SumRows = field(default_factory=lambda: _sums([]))
    last_bucket: int = -1

    def step(
        self, log_e: Sequence[int], bucket: int, sums: SignalSummary, weight_per_bucket: float, threshold: float
    ) -> Crossing | None:
        """Take the bucket's summed log-e of each bet (2⁻³² nats); no bets, no step: the time counts for the next."""
        if not log_e:
            return None
        self._widen(len(log_e), bucket)
        elapsed = 1 if self.last_bucket < 0 else bucket - self.last_bucket
        self.last_bucket = bucket
        evidence = self._fold(log_e, bucket, sums, weight_per_bucket * elapsed)
        if evidence < threshold:
            return None
        best = carrier(self.wealth)
        near = self.starts[self.peaks >= self.peaks[best] * ONSET_RATIO]
        crossing = Crossing(evidence, Since(*self.sums[best].tolist()), int(near.min()), int(near.max()))
        self.wealth, self.peaks, self.starts, self.sums = _floats([]), _floats([]), _integers([]), _sums([])
        return crossing

    def _widen(self, bets: int, bucket: int) -> None:
        new = bets - len(self.wealth)
        if new > 0:
            self.wealth = np.append(self.wealth, np.zeros(new))
            self.peaks = np.append(self.peaks, np.zeros(new))
            self.starts = np.append(self.starts, np.full(new, bucket))
            self.sums = np.concatenate([self.sums, np.zeros((new, _PARTS), np.int64)])

    def _fold(self, log_e: Sequence[int], bucket: int, sums: SignalSummary, weight: float) -> float:
        fixed = _integers(log_e) if _is_within(log_e) else _integers([max(-LIMIT, min(LIMIT, x)) for x in log_e])
        if len(fixed) < len(self.wealth):
            fixed = np.append(fixed, np.zeros(len(self.wealth) - len(fixed), np.int64))
        parts = _integers((sums.sessions, sums.total, sums.bet_sessions, sums.expected))
        return fold_bucket(self.wealth, self.peaks, self.starts, self.sums, fixed, parts, weight, bucket)


def _is_within(log_e: Sequence[int]) -> bool:
    return min(log_e) >= -LIMIT and max(log_e) <= LIMIT

"""One parent cohort's monitor of one signal in one direction: an e-Shiryaev–Roberts step a sealed bucket."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from homeostat.detectors.compiled import pure
from homeostat.detectors.fixed_point import LIMIT, LOG_E_SCALE
from homeostat.detectors.statistics.e_shiryaev_roberts import LOG_E_CAP, carrier, note_starts, step_sum
from homeostat.schemas.summary import SignalSummary

# For the few bets of a bucket the pure forms, over lists, are quicker than arrays made for the compiled ones.
_note_starts: Callable[[list[float], list[int], list[float], float, int], None] = pure(cast(Any, note_starts))
_step_sum: Callable[[list[float], list[int], float], float] = pure(cast(Any, step_sum))
_carrier: Callable[[list[float]], int] = pure(cast(Any, carrier))
ONSET_RATIO = math.exp(-2.0)
"""A bet whose likeliest start has at least this share of the best one's likelihood widens the onset's interval."""


@dataclass
class Since:
    """Sums since a bet's likeliest start; `total` and `expected` are fixed-point 2⁻²⁰."""

    sessions: int = 0
    total: int = 0
    bet_sessions: int = 0
    expected: int = 0

    def add(self, sums: SignalSummary) -> None:
        """Add one bucket's sums."""
        self.sessions += sums.sessions
        self.total += sums.total
        self.bet_sessions += sums.bet_sessions
        self.expected += sums.expected


class Crossing(NamedTuple):
    """A monitor at its threshold: evidence, the sums since the carrying bet's start, onset in buckets (inclusive)."""

    evidence: float
    since: Since
    onset_from: int
    onset_to: int


@dataclass
class Monitor:
    """A mixture of bets; it alarms at Σ π_k M_k ≥ A and then starts again from 0.

    `wealth` is M by bet, `peaks` and `starts` (buckets) date the onset; see `e_shiryaev_roberts`.
    """

    wealth: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    sums: list[Since] = field(default_factory=list)
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
        best = _carrier(self.wealth)
        near = [s for s, peak in zip(self.starts, self.peaks, strict=True) if peak >= self.peaks[best] * ONSET_RATIO]
        crossing = Crossing(evidence, self.sums[best], min(near), max(near))
        self.wealth, self.peaks, self.starts, self.sums = [], [], [], []
        return crossing

    def _widen(self, bets: int, bucket: int) -> None:
        new = bets - len(self.wealth)
        self.wealth += [0.0] * new
        self.peaks += [0.0] * new
        self.starts += [bucket] * new
        self.sums += [Since() for _ in range(new)]

    def _fold(self, log_e: Sequence[int], bucket: int, sums: SignalSummary, weight: float) -> float:
        fixed = [max(-LIMIT, min(LIMIT, value)) for value in log_e] + [0] * (len(self.wealth) - len(log_e))
        e_row = [math.exp(min(value / LOG_E_SCALE, LOG_E_CAP)) for value in fixed]
        before = list(self.starts)
        _note_starts(self.peaks, self.starts, e_row, weight, bucket)
        for k, start in enumerate(self.starts):
            if start != before[k]:
                self.sums[k] = Since()
            self.sums[k].add(sums)
        return _step_sum(self.wealth, fixed, weight)

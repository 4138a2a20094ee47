"""The mixture e-Shiryaev–Roberts detector as a River `base.DriftDetector`, for River's pipelines and its tests."""

import numpy as np
from river import base

from homeostat.detectors.statistics.bets import DOWN, MONITOR_BETS, UP, bounded_stakes
from homeostat.detectors.statistics.e_binary import binary_rows, e_binary
from homeostat.detectors.statistics.e_bounded import e_bounded
from homeostat.detectors.statistics.e_shiryaev_roberts import evidence, step_dated


class EShiryaevRoberts(base.DriftDetector):
    """Detect that a mean in [0, 1] has left its null in one direction, with a declared mean run length.

    M_k ← (M_k + 1)·e_k over eight sealed bets, drift when the mean of M_k reaches `run_length`, then M ← 0: under the
    null the mean number of observations between drifts is at least `run_length`.

    Args:
        mean: the null's mean, in [0, 1]: for an estimated baseline its confidence bound.
        run_length: A > 1, observations.
        increase: harm is up (null: mean at most `mean`), else down (null: at least `mean`).
        binary: observations are 0 or 1, else anything in [0, 1].

    Raises `ValueError` for an observation outside [0, 1], nan included. Source: Shin, Ramdas, Rinaldo (2022).

    >>> detector = EShiryaevRoberts(mean=0.1, run_length=1000)
    >>> for t in range(44):
    ...     detector.update(float(t >= 40))
    >>> detector.drift_detected, detector.onset
    (True, 40)
    """

    def __init__(
        self, mean: float = 0.5, run_length: float = 1e4, *, increase: bool = True, binary: bool = False
    ) -> None:
        super().__init__()
        self.mean = mean
        self.run_length = run_length
        self.increase = increase
        self.binary = binary
        self._n = 0
        self._seal()
        self._reset()

    def _seal(self) -> None:
        self._direction = UP if self.increase else DOWN
        self._bets = np.zeros((2, MONITOR_BETS))
        if self.binary:
            binary_rows(self.mean, self._direction, self._bets[0], self._bets[1])
        else:
            bounded_stakes(self.mean, self._direction, self._bets[0])
        self._e = np.ones(MONITOR_BETS)

    def _reset(self) -> None:
        super()._reset()
        self._m, self._peak = np.zeros(MONITOR_BETS), np.zeros(MONITOR_BETS)
        self._start = np.zeros(MONITOR_BETS, np.int64)
        self._onset: int | None = None

    @property
    def evidence(self) -> float:
        """Σ π_k M_k, compared with `run_length`; 0 at the start and right after a drift."""
        return float(evidence(self._m))

    @property
    def onset(self) -> int | None:
        """At a drift: index (from 0, over all updates) of the first observation after the change; None otherwise."""
        return self._onset

    def update(self, x: float) -> None:
        """Fold one observation in; `drift_detected` then says whether it completed an alarm; the next starts afresh."""
        if self._drift_detected:
            self._reset()
        if not 0.0 <= x <= 1.0:
            raise ValueError(f"observation {x} is outside [0, 1]")
        if self.binary:
            e_binary(float(x), self._bets[0], self._bets[1], self._e)
        else:
            e_bounded(float(x), self.mean, self._direction, self._bets[0], self._e)
        bet = step_dated(self._m, self._peak, self._start, self._e, 1.0, self.run_length, self._n)
        self._drift_detected = bet >= 0
        if bet >= 0:
            self._onset = int(self._start[bet])
        self._n += 1

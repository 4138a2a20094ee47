"""Any monitor of one number as a River `base.DriftDetector`."""

from river import base

from homeostat.detectors.statistics.monitor import Monitor, Result, State
from homeostat.detectors.statistics.monitors.binary import BinaryMonitor


class MonitorDetector(base.DriftDetector):
    """Run a monitor in River's pipelines: `update(x)`, then `drift_detected`, and the monitor's own result beside it.

    Args:
        monitor: the declaration; its null, guarantee and units hold here (by default a rate of .5).

    After a drift the next update starts afresh, as River's detectors do; the monitor's memory (ranks, rolling means)
    goes on. Raises `ValueError` for what is no value of the monitor, and in the constructor for one of several numbers.

    >>> detector = MonitorDetector(BinaryMonitor(rate=0.1, run_length=1000))
    >>> for t in range(45):
    ...     detector.update(float(t >= 40))
    >>> detector.drift_detected, detector.onset
    (True, 40)
    """

    def __init__(self, monitor: Monitor | None = None) -> None:
        super().__init__()
        self.monitor = monitor
        self._declared = BinaryMonitor(rate=0.5, run_length=1e4) if monitor is None else monitor
        if self._declared.width != 1:
            raise ValueError(f"a River detector takes one number, this monitor takes {self._declared.width}")
        self._state: State = self._declared.start()
        self._result: Result | None = None

    @property
    def evidence(self) -> float:
        """Σ π_k M_k after the last update, at a drift the value that crossed; nan before the first."""
        return float("nan") if self._result is None else self._result.evidence

    @property
    def onset(self) -> int | None:
        """At a drift: index (from 0, over all updates) of the first observation after the change; None otherwise."""
        return None if self._result is None else self._result.onset

    def update(self, x: float) -> None:
        """Take one observation; `drift_detected` then says whether it completed an alarm."""
        self._state, self._result = self._declared.update(self._state, float(x))
        self._drift_detected = self._result.alarm

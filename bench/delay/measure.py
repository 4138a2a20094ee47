"""What is measured of a detector: mean delays after a change, and the mean run length without one."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.delay.oracle import NEVER, Draw, Floats
from homeostat.detectors.statistics.monitor import Monitor

FirstAlarm = Callable[[Floats], int]
"""Index of the first alarm in a stream, or `NEVER`."""


class Figure(NamedTuple):
    """A mean with its standard error, and over how many."""

    mean: float
    error: float
    repeats: int


def summarise(values: list[float]) -> Figure:
    found = np.array(values)
    return Figure(float(found.mean()), float(found.std(ddof=1) / np.sqrt(found.size)), found.size)


def first_alarm(monitor: Monitor, xs: Floats, chunk: int = 256) -> int:
    """First alarm of a monitor, looking at a chunk at a time."""
    state = monitor.start()
    for begin in range(0, len(xs), chunk):
        state, run = monitor.run(state, xs[begin : begin + chunk])
        if run.alarms.size:
            return begin + int(run.alarms[0])
    return NEVER


def run_length(monitor_of: Callable[[int], Monitor], draw: Draw, rng: np.random.Generator, repeats: int) -> Figure:
    """Mean run length without a change; each repeat has its own monitor (a fresh reference) and stream."""
    lengths = []
    for repeat in range(repeats):
        monitor = monitor_of(repeat)
        state, taken = monitor.start(), 0
        while True:
            state, run = monitor.run(state, draw(rng, 8192))
            if run.alarms.size:
                lengths.append(taken + float(run.alarms[0]) + 1.0)
                break
            taken += 8192
    return summarise(lengths)


def delays(
    first_alarm_of: Callable[[int], FirstAlarm],
    before: Draw,
    after: Draw,
    rng: np.random.Generator,
    change: int,
    repeats: int,
    longest: int,
) -> Figure:
    """Mean observations from the change to the alarm, over streams without an alarm before it."""
    found: list[float] = []
    for repeat in range(repeats):
        stream = np.concatenate([before(rng, change), after(rng, longest)])
        at = first_alarm_of(repeat)(stream)
        if at == NEVER:
            found.append(float(longest))
        elif at >= change:
            found.append(at - change + 1.0)
    return summarise(found)


Array = NDArray[np.float64]

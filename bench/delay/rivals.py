"""River's detectors, given the references first and calibrated to the declared run length by simulation."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from river import drift

from bench.delay.cases import Case
from bench.delay.measure import Figure, delays
from bench.delay.oracle import NEVER, Floats

REFERENCES = 1000
_HALVINGS = 8
Make = Callable[[float], Any]


class Rival(NamedTuple):
    """A River detector: how to make one from its setting, between which ends the setting lies, on a log scale.

    The run length falls from the first end to the second.
    """

    name: str
    make: Make
    ends: tuple[float, float]


def rivals_of(case: Case, rng: np.random.Generator) -> list[Rival]:
    """ADWIN and Page–Hinkley; the latter with half of the true shift as its allowance, which no user would know."""
    if case.as_number is None:
        return []
    before, after = (case.as_number(draw(rng, 20_000)) for draw in (case.before, case.after))
    shift = float(after.mean() - before.mean())
    mode, allowance, scale = ("up" if shift > 0 else "down"), abs(shift) / 2.0, float(before.std())
    return [
        Rival("River ADWIN", lambda delta: drift.ADWIN(delta=delta), (1e-6, 0.999)),
        Rival(
            "River PageHinkley",
            lambda threshold: drift.PageHinkley(delta=allowance, threshold=threshold, mode=mode),
            (300.0 * scale, 0.3 * scale),
        ),
    ]


def first_alarm(make: Make, setting: float, reference: Floats, xs: Floats) -> int:
    """First alarm after the references; alarms among them are passed over."""
    detector = make(setting)
    for x in reference.tolist():
        detector.update(x)
    for i, x in enumerate(xs.tolist()):
        detector.update(x)
        if detector.drift_detected:
            return i
    return NEVER


def calibrate(case: Case, rival: Rival, run_length: float, rng: np.random.Generator, runs: int) -> tuple[float, Figure]:
    """The setting whose run length is the declared one, and the run length that it has; runs end at 3 × declared."""
    assert case.as_number is not None
    longest = int(3 * run_length)
    streams = [case.as_number(case.before(rng, REFERENCES + longest)) for _ in range(runs)]
    low, high = (float(np.log(end)) for end in rival.ends)
    best, found = float(np.exp(high)), Figure(np.nan, np.nan, 0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        figure = _run_length(rival, float(np.exp(middle)), streams, longest)
        if figure.mean >= run_length:
            low, best, found = middle, float(np.exp(middle)), figure
        else:
            high = middle
    return best, found


def _run_length(rival: Rival, setting: float, streams: list[Floats], longest: int) -> Figure:
    """Mean run length when runs are cut off: time at risk by alarms, as for exponential ones."""
    ends = [first_alarm(rival.make, setting, stream[:REFERENCES], stream[REFERENCES:]) for stream in streams]
    alarms = sum(end != NEVER for end in ends)
    total = sum(longest if end == NEVER else end + 1 for end in ends)
    mean = total / max(alarms, 0.5)
    return Figure(mean, mean / np.sqrt(max(alarms, 0.5)), len(streams))


def rival_delay(
    case: Case, rival: Rival, setting: float, rng: np.random.Generator, change: int, repeats: int, longest: int
) -> Figure:
    """Mean delay of a rival after a change, its references given first."""
    assert case.as_number is not None
    as_number = case.as_number

    def alarm_of(_: int) -> Callable[[Floats], int]:
        reference = as_number(case.before(rng, REFERENCES))
        return lambda xs: first_alarm(rival.make, setting, reference, as_number(xs))

    return delays(alarm_of, case.before, case.after, rng, change, repeats, longest)

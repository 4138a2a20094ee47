"""The power of a leaf's or a parent's monitor: how many steps it takes to notice a shift, from what is known of it.

Bet k grows by G_k = E ln(1 ± λ_k(x − m)) nats a step under the shifted values; from M_k = w·r/(1 − r) before the shift
(r = the mean of e_k of a step then) and w/(1 − e^{−G_k}) of the steps after it that start anew, the mixture follows
(1/K) Σ_k (M_k + w/(1 − e^{−G_k}))·e^{G_k·n}. The answer is the n at which that reaches A: its chances and the overshoot
are left out. Beside simulations of the same law it was .9 to 1.5 of the mean delay; the tests hold it to that.
Source: Shin, Ramdas, Rinaldo, 'E-detectors' (2022); Wald's identity.
"""

import math
from typing import Final, NamedTuple

import numpy as np

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Floats

BINS: Final = 32
_HALVINGS: Final = 16
_TILT_HALVINGS: Final = 18
_LEAST_E: Final = 1e-12
_MOST_NATS: Final = 600.0
_MOST_TILT: Final = 300.0


class Sources(NamedTuple):
    """What a monitor is fed by: the parts of a leaf, or those of all leaves of a parent; float64, a row each.

    `per_day` [n] sessions; `weights` [n, 32] shares of them by bin of [0, 1]; `mean` [n]; `null` [n] and `stakes`
    [n, bet] of the monitor's side. `is_binary`: values are 0 or 1, and the mean says all. `up`: the side.
    """

    per_day: Floats
    weights: Floats
    mean: Floats
    null: Floats
    stakes: Floats
    is_binary: bool
    up: bool

    @property
    def room(self) -> float:
        """The largest shift that the busiest source can make."""
        mean = float(self.mean[int(np.argmax(self.per_day))])
        return 1.0 - mean if self.up else mean


class Settings(NamedTuple):
    """A monitor's threshold A, its weight a day, and how many steps it takes a day."""

    threshold: float
    weight_per_day: float
    steps_per_day: float


class Delay(NamedTuple):
    """How long until a shift is noticed, on average; infinite where it lies inside the null."""

    sessions: float
    days: float


@compiled
def tilt(weights: Floats, theta: float, out: Floats) -> float:
    """Write shares ∝ weight·e^{θx} of the bins (float64 [32]) into `out`, and give their mean; weights have a sum > 0.

    >>> out = np.empty(32); round(tilt(np.full(32, 1.0), 0.0, out), 9)
    0.5
    """
    total, mean = 0.0, 0.0
    top = max(theta, 0.0)
    for i in range(BINS):
        out[i] = weights[i] * math.exp(theta * (i + 0.5) / BINS - top)
        total += out[i]
    for i in range(BINS):
        out[i] /= total
        mean += out[i] * (i + 0.5) / BINS
    return mean


@compiled
def shift_shares(weights: Floats, wanted: float, shares: Floats, values: Floats) -> None:
    """Write shares and values (float64 [32]) of mean `wanted`: tilted as far as that goes, then moved together."""
    low, high = -_MOST_TILT, _MOST_TILT
    for _ in range(_TILT_HALVINGS):
        middle = (low + high) / 2.0
        if tilt(weights, middle, shares) < wanted:
            low = middle
        else:
            high = middle
    rest = wanted - tilt(weights, (low + high) / 2.0, shares)
    for i in range(BINS):
        values[i] = min(max((i + 0.5) / BINS + rest, 0.0), 1.0)


@compiled
def growths(
    per_day: Floats,
    weights: Floats,
    mean: Floats,
    null: Floats,
    stakes: Floats,
    is_binary: bool,
    up: bool,
    shift: float,
    logs: Floats,
    means: Floats,
) -> None:
    """Add up, a day of all sources, E ln e into `logs` and ln E e into `means` (float64 [bet] both) under a shift."""
    shares, values = np.empty(BINS), np.empty(BINS)
    for source in range(per_day.shape[0]):
        wanted = min(max(mean[source] + (shift if up else -shift), 0.0), 1.0)
        count = 2 if is_binary else BINS
        if is_binary:
            values[0], values[1], shares[0], shares[1] = 0.0, 1.0, 1.0 - wanted, wanted
        else:
            shift_shares(weights[source], wanted, shares, values)
        for k in range(stakes.shape[1]):
            total, total_log = 0.0, 0.0
            for i in range(count):
                gain = values[i] - null[source] if up else null[source] - values[i]
                e = max(1.0 + stakes[source, k] * gain, _LEAST_E)
                total += shares[i] * e
                total_log += shares[i] * math.log(e)
            logs[k] += per_day[source] * total_log
            means[k] += per_day[source] * math.log(total)


def growth(sources: Sources, shift: float) -> tuple[Floats, Floats]:
    """Nats a day of each bet under a shift (float64 [bet]): E ln e, and ln E e.

    A binary signal's rate moves. Other values are seen more or less often, by e^{θx}: of all laws with the mean that
    the shift asks for it is the one nearest to what was there (least KL), so the hardest to notice; where no such law
    has it, values move together as well, and stop at 0 and 1.
    """
    logs, means = np.zeros(sources.stakes.shape[1]), np.zeros(sources.stakes.shape[1])
    growths(*sources, shift, logs, means)
    return logs, means


def find_delay(sources: Sources, settings: Settings, shift: float, before: Floats | None = None) -> Delay:
    """How long a shift takes to be noticed, on average; infinite for no sessions, or inside the null.

    `before` is `growth(sources, 0.0)[1]`, for those who ask about several shifts.

    >>> sources = Sources(np.array([100.0]), np.full((1, 32), 1 / 32), np.array([0.1]), np.array([0.2]),
    ...                   np.array([[2.5, 1.25]]), is_binary=True, up=True)
    >>> settings = Settings(threshold=1e4, weight_per_day=0.1, steps_per_day=100.0)
    >>> round(find_delay(sources, settings, 0.3).sessions), find_delay(sources, settings, 0.05).sessions
    (134, inf)
    """
    per_day = float(sources.per_day.sum())
    if per_day <= 0.0:
        return Delay(math.inf, math.inf)
    steps = settings.steps_per_day
    a_step = growth(sources, shift)[0] / steps
    grows = a_step > 0.0
    if not grows.any():
        return Delay(math.inf, math.inf)
    weight, bets = settings.weight_per_day / steps, a_step.size
    drift = (growth(sources, 0.0)[1] if before is None else before) / steps
    ratio = np.exp(np.minimum(drift, -1e-9))[grows]
    stands = weight * (ratio / (1.0 - ratio) + 1.0 / -np.expm1(-np.minimum(a_step[grows], _MOST_NATS)))
    taken = _steps_to(math.log(settings.threshold * bets), np.log(stands), a_step[grows])
    days = max(taken, 1.0) / steps
    return Delay(days * per_day, days)


def _steps_to(wanted: float, start: Floats, a_step: Floats) -> float:
    """When Σ_k exp(start_k + a_step_k·n) reaches exp(wanted): the mixture's path without its chances."""
    low, high = 0.0, max(float(((wanted - start) / a_step).min()), 0.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        logs = start + a_step * middle
        top = float(logs.max())
        reached = top + math.log(float(np.exp(logs - top).sum())) >= wanted
        low, high = (low, middle) if reached else (middle, high)
    return high


def find_shift(sources: Sources, settings: Settings, within_days: float) -> float | None:
    """The smallest shift that is noticed within so many days, on average; None where none is."""
    before = growth(sources, 0.0)[1]
    if find_delay(sources, settings, sources.room, before).days > within_days:
        return None
    low, high = 0.0, sources.room
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if find_delay(sources, settings, middle, before).days > within_days:
            low = middle
        else:
            high = middle
    return high


def volume_needed(sources: Sources, settings: Settings, shift: float, within_days: float) -> float | None:
    """Sessions a day at which a shift would be noticed within so many days; None where no volume is enough.

    A leaf steps with every session; a parent that steps by bucket keeps its steps.
    """
    per_day = float(sources.per_day.sum())
    stepwise = settings.steps_per_day == per_day

    def days_at(factor: float) -> float:
        steps = settings.steps_per_day * factor if stepwise else settings.steps_per_day
        more = sources._replace(per_day=sources.per_day * factor)
        return find_delay(more, settings._replace(steps_per_day=steps), shift).days

    low, high = 0.0, 1.0
    while days_at(high) > within_days:
        low, high = high, 2.0 * high
        if per_day <= 0.0 or high > 2.0**40 or math.isinf(days_at(high)):
            return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if middle <= 0.0 or days_at(middle) > within_days else (low, middle)
    return per_day * high

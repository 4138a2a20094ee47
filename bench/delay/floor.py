"""The fair floor: a detector that knows the size of the change and the law before it, but not which of several it is.

For one of K categories or transitions: K CUSUMs side by side, one for each that may have moved by that size, alarming
at the first of them. For a direction among q: CUSUM's maximum over starts of the likelihood ratio averaged over all
directions, the best invariant test. For a rate whose baseline is only seen in a reference: Shiryaev–Roberts' sum over
starts of the likelihood ratio averaged over what the reference leaves possible, by angle, where a change of known size
is the same shift for every baseline. Calibrated to the same run length as the oracle; whatever does not know the index
cannot be expected to be faster.
"""

from collections.abc import Callable

import numpy as np
from scipy import special

from bench.delay.oracle import NEVER, Draw, Floats
from homeostat.detectors.compiled import compiled

Statistic = Callable[[Floats], Floats]
"""The running statistic after each observation of a stream, from its beginning."""

_BLOCK = 1000
_WINDOW = 64
_STEP = 0.02
_MOST = 200.0
_BASELINES = 41
_REACH = 5.0
_LEAST_ANGLE = 1e-4


@compiled
def run_union(scores: Floats) -> Floats:
    """The largest of K CUSUMs after each observation, from scores float64 [n, K]."""
    totals, out = np.zeros(scores.shape[1]), np.empty(scores.shape[0])
    for i in range(scores.shape[0]):
        most = 0.0
        for k in range(scores.shape[1]):
            totals[k] = max(totals[k], 0.0) + scores[i, k]
            most = max(most, totals[k])
        out[i] = most
    return out


def sphere_statistic(length: float, axes: int) -> Statistic:
    """Max over the last 64 starts of log E exp(⟨θ, S⟩ − n·length²/2), θ of that length in a uniform direction.

    E exp⟨θ, S⟩ = Γ(q/2)·(2/z)^(q/2 − 1)·I_(q/2 − 1)(z), z = length·|S|, read from a table.
    """
    z = np.arange(_STEP, _MOST, _STEP)
    order = axes / 2.0 - 1.0
    logs = special.gammaln(axes / 2.0) + order * np.log(2.0 / z) + np.log(special.ive(order, z)) + z
    table = np.concatenate(([0.0], logs))
    return lambda ys: _run_sphere(np.ascontiguousarray(ys), length, table)


@compiled
def _run_sphere(ys: Floats, length: float, table: Floats) -> Floats:
    out, total = np.empty(ys.shape[0]), np.empty(ys.shape[1])
    for i in range(ys.shape[0]):
        most = 0.0
        total[:] = 0.0
        for s in range(i, max(i - _WINDOW, -1), -1):
            square = 0.0
            for a in range(ys.shape[1]):
                total[a] += ys[s, a]
                square += total[a] * total[a]
            place = min(int(length * np.sqrt(square) / _STEP), table.shape[0] - 1)
            most = max(most, table[place] - (i - s + 1) * length * length / 2.0)
        out[i] = most
    return out


def referenced_statistic(reference: Floats, effect: float, *, up: bool, head_start: float) -> Statistic:
    """Σ over starts of P(reference, stream | change of that size)/P(the same | none), baselines averaged over.

    `reference`: 0s and 1s; `effect` by 2·asin √p; baselines lie evenly by angle within 5 standard errors.
    """
    hits = float(reference.sum() if up else reference.size - reference.sum())
    misses = reference.size - hits
    middle = np.arcsin(np.sqrt((hits + 0.5) / (reference.size + 1.0)))
    angles = middle + np.linspace(-_REACH, _REACH, _BASELINES) / (2.0 * np.sqrt(reference.size))
    angles = np.clip(angles, _LEAST_ANGLE, np.pi / 2.0 - _LEAST_ANGLE)
    before = np.sin(angles) ** 2
    after = np.sin(np.minimum(angles + effect / 2.0, np.pi / 2.0 - _LEAST_ANGLE)) ** 2
    logs = hits * np.log(before) + misses * np.log(1.0 - before)
    seen = np.exp(logs - logs.max())
    return lambda xs: _run_referenced(xs if up else 1.0 - xs, seen / seen.sum(), before, after, head_start)


@compiled
def _run_referenced(xs: Floats, seen: Floats, before: Floats, after: Floats, head_start: float) -> Floats:
    out, still, moved = np.empty(xs.shape[0]), seen.copy(), head_start * seen
    for i in range(xs.shape[0]):
        total = 0.0
        for j in range(seen.shape[0]):
            moved[j] = (moved[j] + still[j]) * (after[j] if xs[i] > 0.5 else 1.0 - after[j])
            still[j] *= before[j] if xs[i] > 0.5 else 1.0 - before[j]
            total += still[j]
        moved /= total
        still /= total
        out[i] = moved.sum()
    return out


def first_above(statistic: Floats, level: float) -> int:
    """Index at which a running statistic reaches its level, or `NEVER`."""
    above = statistic >= level
    return int(above.argmax()) if above.any() else NEVER


def calibrate_level(
    statistic_of: Callable[[], Statistic], draw: Draw, rng: np.random.Generator, steps: int, run_length: float
) -> float:
    """The level that is reached within 1,000 observations, from a fresh start, as often as at that mean run length."""
    tops = np.array([statistic_of()(draw(rng, _BLOCK)).max() for _ in range(steps // _BLOCK)])
    return float(np.quantile(tops, np.exp(-_BLOCK / run_length)))

"""Sizes of change in one unit for all kinds, and the alternatives of that size: grids sealed before any data is seen.

The unit is the signed-root divergence d = √(2·KL(alternative ‖ null)) of one observation: for a normal mean it is the
shift in standard deviations, and ln(A)/(d²/2) is about the delay of any detector with a mean run length of A. A bet
for size d' on a change of size d grows at about 1 − (1 − d'/d)² of the best rate: between two bets a factor of 1.72
apart at most 11 % of it is lost, about what a finer grid would lose to the weight that its further bets take.
"""

import math
from collections.abc import Callable

import numpy as np

from homeostat.detectors.fixed_point import Floats

LEAST_EFFECT = 0.12
MOST_EFFECT = 1.8
BETS = 6
_HALVINGS = 40
_SEARCH_HALVINGS = 18
_NEARLY_ALL = 0.9


def effect_grid(count: int = BETS, least: float = LEAST_EFFECT, most: float = MOST_EFFECT) -> Floats:
    """Give `count` sizes of change from `least` to `most`, geometric (float64); `least` alone for a count of 1.

    >>> effect_grid(3, 0.5, 2.0).round(6).tolist()
    [0.5, 1.0, 2.0]
    """
    return np.geomspace(min(least, most), most, count) if count > 1 else np.array([least])


def divergence(alternative: Floats, null: Floats) -> float:
    """Give KL(alternative ‖ null) in nats of two probability rows; +inf where the null forbids what the other has.

    >>> round(divergence(np.array([0.5, 0.5]), np.array([0.5, 0.5])), 9)
    0.0
    """
    used = alternative > 0.0
    if np.any(null[used] <= 0.0):
        return math.inf
    return float(np.sum(alternative[used] * np.log(alternative[used] / null[used])))


def find_alternative(family: Callable[[float], Floats], null: Floats, effect: float, limit: float) -> Floats:
    """Give the member of a family of probability rows whose size of change is `effect`.

    `family(t)` is the null at t = 0 and moves away from it as t grows to `limit`. When even `limit` is smaller than
    `effect`, the member at 9/10 of its effect stands in, so that a bet never rules an observation out.

    >>> row = find_alternative(lambda t: np.array([0.9 - t, 0.1 + t]), np.array([0.9, 0.1]), 0.2, 0.9)
    >>> round(math.sqrt(2 * divergence(row, np.array([0.9, 0.1]))), 4)
    0.2
    """
    most = math.sqrt(2.0 * divergence(family(limit), null))
    wanted = min(effect, _NEARLY_ALL * most)
    low, high = 0.0, limit
    for _ in range(_SEARCH_HALVINGS):
        middle = (low + high) / 2.0
        if math.sqrt(2.0 * max(divergence(family(middle), null), 0.0)) < wanted:
            low = middle
        else:
            high = middle
    return family(low)


def hold_within(effects: Floats, reach: float) -> list[float]:
    """Give the effects that lie within reach, and the reach itself where the next one does not.

    >>> hold_within(np.array([0.5, 1.0, 2.0]), 1.5), hold_within(np.array([0.5]), 0.1)
    ([0.5, 1.0, 1.5], [0.1])
    """
    within = [float(effect) for effect in effects if effect < reach]
    return within if len(within) == effects.size else [*within, reach]


def rate_alternatives(rate: float, effects: Floats, *, up: bool) -> Floats:
    """Give rates of the given sizes of change above (or below) a null rate in [0, 1], float64 like `effects`.

    No change (the null rate) where nothing lies beyond it: up from 1, down from 0. Sizes out of reach are left out, and
    the largest size within reach stands for them, so there may be fewer rates than effects, at least one.

    >>> rate_alternatives(0.1, np.array([0.1564]), up=True).round(4).tolist()
    [0.15]
    >>> rate_alternatives(0.0, np.array([1.0]), up=False).tolist()
    [0.0]
    """
    room = 1.0 - rate if up else rate
    if room <= 0.0 or rate in {0.0, 1.0}:
        return np.array([rate])
    end = 1.0 if up else 0.0
    reach = _NEARLY_ALL * _rate_effect(end, rate)
    return np.array([_rate_at(effect, rate, end) for effect in hold_within(effects, reach)])


def _rate_effect(alternative: float, rate: float) -> float:
    """Give the size of change of a Bernoulli rate."""
    total = alternative * math.log(alternative / rate) if alternative > 0.0 else 0.0
    if alternative < 1.0:
        total += (1.0 - alternative) * math.log((1.0 - alternative) / (1.0 - rate))
    return math.sqrt(2.0 * max(total, 0.0))


def _rate_at(effect: float, rate: float, end: float) -> float:
    """Give the rate between the null's and `end` whose size of change is `effect`."""
    near, far = rate, end
    for _ in range(_HALVINGS):
        middle = (near + far) / 2.0
        if _rate_effect(middle, rate) < effect:
            near = middle
        else:
            far = middle
    return near

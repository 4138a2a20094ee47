"""Learning after the seal: a sealed baseline's bounds tighten while nothing speaks against it, and never widen.

Sessions of the baseline arm add to a confidence sequence of the mean, about the mean that was sealed, as long as both
monitors of the column were below their warm level before the session (so that it does not choose itself): what may be
the beginning of a change teaches nothing. A bound only moves inwards, and not beyond the other one as it stood, so
that a slow drift takes neither along. After an alarm a column learns nothing until a new baseline is
sealed. `learned` [slot, signal] is (count, Σ(x − c), Σ(x − c)², c, sessions of the seal), all at 2⁻²⁰ but the numbers;
a count of −1 says that it does not learn.

Guarantee: while the sessions taken have one mean given the past, a bound ever moves past it with a chance of δ/2 a
direction at most; whether a session is taken is known before it. Units: 2⁻²⁰ of a column's scale, `reference` in
[0, 1]. Source: `statistics/confidence_sequence.py`.

>>> [count for count in range(LEAST, 800) if is_power(count) or (count % 3 == 0 and is_power(count // 3))]
[128, 192, 256, 384, 512, 768]
"""

import math
from typing import Final

from homeostat.detectors.compiled import borrowing, compiled
from homeostat.detectors.fixed_point import VALUE_SCALE
from homeostat.detectors.leaf.arrays import CohortArrays
from homeostat.detectors.leaf.inlined import inlined
from homeostat.detectors.leaf.plan import BASELINE_DELTA, WARM, PlanArrays
from homeostat.detectors.leaf.stakes import write_bet
from homeostat.detectors.statistics.confidence_sequence import mean_radius

COUNT, TOTAL, SQUARES, CENTRE, SEALED = range(5)
LEARNED: Final = 5
LEAST: Final = 128
"""Sessions learned before the bounds are first looked at again; then at each power of two and three times one."""


@inlined
def learn(slot: int, s: int, x: int, evidence: float, plan: PlanArrays, cohorts: CohortArrays) -> None:
    """Add a session's value (2⁻²⁰) to what a baseline slot has learned of a column, unless evidence is building."""
    learned = cohorts.learned[slot, s]
    if cohorts.home[slot] == slot and learned[COUNT] >= 0 and evidence < plan.weights[WARM]:
        gap = x - learned[CENTRE]
        learned[COUNT] += 1
        learned[TOTAL] += gap
        learned[SQUARES] += ((gap * gap) >> 20) + 1
        count = learned[COUNT]
        if count >= LEAST and (is_power(count) or (count % 3 == 0 and is_power(count // 3))):
            tighten(slot, s, plan, cohorts)


@inlined
def is_power(count: int) -> bool:
    """Whether a count is a power of two."""
    return count & (count - 1) == 0


@inlined
def stop_learning(slot: int, s: int, cohorts: CohortArrays) -> None:
    """Let no part of a baseline arm learn of a column any more: it has alarmed."""
    if cohorts.home[slot] == slot:
        for part in range(cohorts.parts.shape[1]):
            cohorts.learned[cohorts.parts[slot, part], s, COUNT] = -1


@compiled
def begin_learning(slot: int, s: int, cohorts: CohortArrays) -> None:
    """Begin anew with a reference that has just been sealed."""
    learned = cohorts.learned[slot, s]
    learned[COUNT] = learned[TOTAL] = learned[SQUARES] = 0
    learned[CENTRE] = math.floor(cohorts.reference[slot, s, 1] * VALUE_SCALE + 0.5)
    learned[SEALED] = int(cohorts.reference[slot, s, 0])


@borrowing
def tighten(slot: int, s: int, plan: PlanArrays, cohorts: CohortArrays) -> None:
    """Move the bounds of a column inwards by what was learned, the bets along; the mean is that of all its sessions.

    A mean that has drifted past a bound is held to it.

    The sessions of the reference are counted when both bounds have come from them: the width of the two tells the
    stakes the deviation.
    """
    learned, reference = cohorts.learned[slot, s], cohorts.reference[slot, s]
    count, sealed = float(learned[COUNT]), float(learned[SEALED])
    centre = learned[CENTRE] / VALUE_SCALE
    average = centre + learned[TOTAL] / VALUE_SCALE / count
    radius = mean_radius(count, learned[SQUARES] / VALUE_SCALE, plan.weights[BASELINE_DELTA])
    if average - radius > reference[2] and average + radius < reference[3]:
        reference[0] = sealed + count
    lower, upper = reference[2], reference[3]
    reference[2] = min(max(lower, average - radius), upper)
    reference[3] = max(min(upper, average + radius), lower)
    reference[1] = min(max((sealed * centre + count * average) / (sealed + count), reference[2]), reference[3])
    write_bet(s, reference, cohorts.borrowed[slot, s], plan, cohorts.null[slot, s], cohorts.stakes[slot, s])

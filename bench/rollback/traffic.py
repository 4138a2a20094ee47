"""Rollouts on the traffic of clinics: unequal cohorts, a daily cycle, notes in sessions, feedback that comes late.

The release is exactly at tolerance at every hour, in some guardrails or in all: the null at which a rollback is least
deserved and a promotion would be wrong. Pairs are formed first in, first out as their values arrive, for each signal by
itself, as the leaf does; the guard's own functions look 400 times.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.guard.kernel import NEVER, Rules, all_non_inferior, find_culprit
from bench.guard.tables import GUARDRAILS, Arms, Floats
from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import add_rows
from homeostat.detectors.statistics.mixture import mixture_log_e
from homeostat.detectors.statistics.two_sample import add_pair

Ints = NDArray[np.int64]
LOOKS = 400
DAYS = 14.0
VOLUMES = (0.4, 0.25, 0.15, 0.1, 0.06, 0.04)
"""Shares of the sessions by cohort."""
MEAN_NOTES = 2.0
"""Notes of a session; they share the way in which the visit was recorded."""
FEEDBACK = ("edit_ratio", "acceptance")
FEEDBACK_H = 6.0
"""Median delay of feedback in hours; log-normal, σ = 1."""


class Pairs(NamedTuple):
    """Pairs in order of the look that first sees them: cohort, guardrail and difference of each."""

    look: Ints
    cohort: Ints
    guardrail: Ints
    d: Floats


def draw_pairs(rng: np.random.Generator, arms: Arms, worse: Sequence[str], sessions: int) -> Pairs:
    """One rollout's pairs; the guardrails in `worse` are worse by exactly their tolerance at every hour."""
    at_day = np.sort(rng.random(sessions) * DAYS)
    cohort = rng.choice(len(VOLUMES), sessions, p=VOLUMES)
    candidate = rng.random(sessions) < 0.5
    harm = _draw_sessions(rng, arms, at_day, candidate, worse)
    found = [
        _pair(rng, at_day, cohort == c, candidate, harm[:, g], c, g)
        for c in range(len(VOLUMES))
        for g in range(len(GUARDRAILS))
    ]
    look, of_cohort, guardrail, d = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(look, kind="stable")
    return Pairs(look[order], of_cohort[order], guardrail[order], d[order])


def _draw_sessions(
    rng: np.random.Generator, arms: Arms, at_day: Floats, candidate: NDArray[np.bool_], worse: Sequence[str]
) -> Floats:
    """Harm of each session, the mean of its notes, [session, guardrail]: which style is common changes by the hour."""
    styles = len(arms.rows)
    phase = 2 * np.pi * (at_day[:, None] + np.arange(styles) / styles)
    weights = (1.0 + 0.6 * np.sin(phase)) / styles
    style = (rng.random(len(at_day))[:, None] > np.cumsum(weights, axis=1)).sum(axis=1).clip(0, styles - 1)
    means = weights @ np.array([arms.mean(number) for number in range(styles)])
    notes = rng.geometric(1.0 / MEAN_NOTES, len(at_day))
    of_note = np.repeat(np.arange(len(at_day)), notes)
    rows = rng.integers(0, arms.rows[style[of_note]])
    harm = arms.harm[style[of_note], rows]
    for g, guardrail in enumerate(GUARDRAILS):
        if guardrail.name in worse:
            amount = guardrail.tolerance / (1.0 - means[of_note, g])
            touched = candidate[of_note]
            moved = np.where(rng.random(len(harm)) < amount, 1.0, harm[:, g]) if guardrail.binary else None
            even = harm[:, g] + (1.0 - harm[:, g]) * amount
            harm[:, g] = np.where(touched, even if moved is None else moved, harm[:, g])
    sums = np.zeros((len(at_day), harm.shape[1]))
    np.add.at(sums, of_note, harm)
    return np.asarray(sums / notes[:, None])


def _pair(
    rng: np.random.Generator,
    at_day: Floats,
    here: NDArray[np.bool_],
    candidate: NDArray[np.bool_],
    harm: Floats,
    cohort: int,
    guardrail: int,
) -> tuple[Ints, Ints, Ints, Floats]:
    """The first candidate to arrive with the first control, and so on: a pair is seen when its later half is there."""
    delay = np.exp(rng.standard_normal(len(at_day))) * FEEDBACK_H / 24.0
    arrival = at_day + (delay if GUARDRAILS[guardrail].name in FEEDBACK else 0.0)
    sides = []
    for arm in (candidate, ~candidate):
        chosen = np.flatnonzero(here & arm)
        chosen = chosen[np.argsort(arrival[chosen], kind="stable")]
        sides.append((arrival[chosen], harm[chosen]))
    pairs = min(len(side[0]) for side in sides)
    ready = np.maximum(sides[0][0][:pairs], sides[1][0][:pairs])
    look = np.ceil(ready / DAYS * LOOKS).astype(np.int64)
    d = sides[0][1][:pairs] - sides[1][1][:pairs]
    return look, np.full(pairs, cohort), np.full(pairs, guardrail), d


@compiled
def judge_rollout(
    rules: Rules, look: Ints, cohort: Ints, guardrail: Ints, d: Floats, looks: int, watched: int
) -> tuple[int, int, int]:
    """The looks at which it is Harmful, at which every cohort may be promoted, and at which one cell seems fine.

    That cell is the largest cohort's in the guardrail `watched`. `NEVER` where something does not happen.
    """
    cohorts, guardrails = rules.shares.shape
    sums = np.zeros((cohorts + 1, 2, guardrails, rules.harmful.shape[1]), np.int64)
    pair = np.zeros((2, rules.harmful.shape[1]), np.int64)
    back, promoted, passed, at = NEVER, NEVER, NEVER, 0
    limit = -math.log(rules.beta)
    for now in range(1, looks + 1):
        while at < look.shape[0] and look[at] <= now:
            g = guardrail[at]
            pair[:] = 0
            add_pair(d[at], rules.tolerance[g], rules.harmful[g], rules.non_inferior[g], pair[0], pair[1])
            for test in range(2):
                add_rows(sums[cohort[at], test, g], pair[test])
                add_rows(sums[cohorts, test, g], pair[test])
            at += 1
        if back == NEVER and find_culprit(rules, sums) != NEVER:
            back = now
        if promoted == NEVER and all_non_inferior(rules, sums[:-1]):
            promoted = now
        if passed == NEVER and mixture_log_e(sums[0, 1, watched]) >= limit:
            passed = now
    return back, promoted, passed

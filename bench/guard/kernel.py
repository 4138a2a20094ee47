"""Rollouts, note by note, judged by the very functions that the guard calls."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import LOG_E_SCALE, add_rows
from homeostat.detectors.statistics.mixture import mixture_log_e
from homeostat.detectors.statistics.two_sample import add_pair
from homeostat.detectors.statistics.verdict import find_harmful, find_non_inferior, log_e_table

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEVER = -1
NONE, EVEN, RARE = 0, 1, 2
QUEUE = 512


class World(NamedTuple):
    """Who serves what: harm tables of both arms, [style, session, guardrail], and the effect added to the candidate.

    Effects: `EVEN` moves every note, x + (1 − x)·c; `RARE` makes a share c of the notes wholly bad. c [style,
    guardrail] is chosen so that the mean difference is exactly the effect wanted.
    """

    control: Floats
    control_rows: Ints
    candidate: Floats
    candidate_rows: Ints
    effect: Ints
    amount: Floats


class Rules(NamedTuple):
    """What was declared before: stakes [guardrail, bet] of both tests, tolerances, shares of α, errors, horizon."""

    harmful: Floats
    non_inferior: Floats
    tolerance: Floats
    shares: Floats
    alpha: float
    beta: float
    pooled_part: float
    share: float
    max_notes: int


@compiled
def draw_harm(rng: np.random.Generator, table: Floats, rows: int, effect: Ints, amount: Floats, out: Floats) -> None:
    """Draw one session of an arm and add the effect."""
    row = rng.integers(0, rows)
    for g in range(out.shape[0]):
        x = table[row, g]
        if effect[g] == EVEN:
            x += (1.0 - x) * amount[g]
        elif effect[g] == RARE and rng.random() < amount[g]:
            x = 1.0
        out[g] = x


@compiled
def match(queue: Floats, ends: Ints, arm: int, harm: Floats, d: Floats) -> bool:
    """Match first in, first out inside a cohort: true when a partner waited, and then `d` is candidate − control.

    `queue` [arm, place, guardrail], `ends` [arm, (head, tail)]; a full queue drops the newcomer.
    """
    other, mine = ends[1 - arm], ends[arm]
    if other[0] == other[1]:
        if mine[1] - mine[0] < QUEUE:
            queue[arm, mine[1] % QUEUE] = harm
            mine[1] += 1
        return False
    d[:] = harm - queue[1 - arm, other[0] % QUEUE]
    if arm == 0:
        d[:] = -d
    other[0] += 1
    return True


@compiled
def add_evidence(rules: Rules, d: Floats, sums: Ints, pooled: Ints, pair: Ints) -> None:
    """Add one pair to a cohort's sums and to the pooled ones, [test, guardrail, bet] each; `pair` is scratch."""
    pair[:] = 0
    for g in range(d.shape[0]):
        add_pair(d[g], rules.tolerance[g], rules.harmful[g], rules.non_inferior[g], pair[0, g], pair[1, g])
    for test in range(2):
        for g in range(d.shape[0]):
            add_rows(sums[test, g], pair[test, g])
            add_rows(pooled[test, g], pair[test, g])


@compiled
def find_culprit(rules: Rules, sums: Ints) -> int:
    """Give the first guardrail that is Harmful by sums [cohorts and pooled, test, guardrail, bet], `NEVER` for none."""
    if sums[:, 0].max() < -math.log(rules.alpha) * LOG_E_SCALE:
        return NEVER  # a mixture is at most its best bet, and not even the closed test rejects below 1/α
    everything = np.ones((sums.shape[0], sums.shape[2]), np.bool_)
    log_es = log_e_table(sums[:, 0], everything)
    cells, pooled = log_es[:-1].copy(), log_es[-1].copy()
    _, of_cells, of_pooled = find_harmful(cells, pooled, rules.shares, rules.pooled_part, rules.alpha)
    found = np.concatenate((of_pooled, of_cells.ravel()))
    return int(np.argmax(found)) % rules.tolerance.shape[0] if found.any() else NEVER


@compiled
def all_non_inferior(rules: Rules, sums: Ints) -> bool:
    """Tell whether every guardrail is non-inferior by sums [stratum, test, guardrail, bet]."""
    limit = -math.log(rules.beta) * LOG_E_SCALE
    for stratum in range(sums.shape[0]):
        for g in range(sums.shape[2]):
            if sums[stratum, 1, g].max() < limit:
                return False  # a mixture is at most its best bet
    log_es = log_e_table(sums[:, 1], np.ones((sums.shape[0], sums.shape[2]), np.bool_))
    return bool(find_non_inferior(log_es, rules.beta).all())


@compiled
def draw_note(rng: np.random.Generator, world: World, style: int, arm: int, idle: Ints, harm: Floats) -> None:
    """Draw one note of an arm (1: candidate)."""
    if arm == 1:
        draw_harm(rng, world.candidate[style], world.candidate_rows[style], world.effect, world.amount[style], harm)
    else:
        draw_harm(rng, world.control[style], world.control_rows[style], idle, world.amount[style], harm)


@compiled
def run_rollout(
    rng: np.random.Generator, world: World, rules: Rules, styles: Ints, stop_at_harm: bool, out: Ints
) -> None:
    """Run one rollout; writes notes until Harmful, until every cohort may be promoted, until the pooled stratum may.

    `styles` [arm (control, candidate), cohort]; fourth in `out`: the guardrail that was harmful. Looks after every
    pair; `NEVER` where it did not happen in time. The last row of all sums is the pooled one.
    """
    cohorts, guardrails = rules.shares.shape
    queue, ends = np.zeros((cohorts, 2, QUEUE, guardrails)), np.zeros((cohorts, 2, 2), np.int64)
    sums = np.zeros((cohorts + 1, 2, guardrails, rules.harmful.shape[1]), np.int64)
    pair = np.zeros((2, guardrails, rules.harmful.shape[1]), np.int64)
    harm, d, idle = np.empty(guardrails), np.empty(guardrails), np.zeros(guardrails, np.int64)
    out[:] = NEVER
    for note in range(1, rules.max_notes + 1):
        cohort, arm = rng.integers(0, cohorts), 1 if rng.random() < rules.share else 0
        draw_note(rng, world, styles[arm, cohort], arm, idle, harm)
        if not match(queue[cohort], ends[cohort], arm, harm, d):
            continue
        add_evidence(rules, d, sums[cohort], sums[cohorts], pair)
        if out[0] == NEVER:
            out[3] = find_culprit(rules, sums)
            out[0] = note if out[3] != NEVER else NEVER
        if out[1] == NEVER and all_non_inferior(rules, sums[:-1]):
            out[1] = note
        if out[2] == NEVER and all_non_inferior(rules, sums[-1:]):
            out[2] = note
        if out[0] != NEVER and (stop_at_harm or out[1] != NEVER):
            break


@compiled
def run_rollouts(rng: np.random.Generator, world: World, rules: Rules, styles: Ints, stop_at_harm: bool) -> Ints:
    """Run one rollout for each row of `styles` [rollout, arm, cohort]; gives int64 [rollout, 4] of `run_rollout`."""
    out = np.empty((styles.shape[0], 4), np.int64)
    for r in range(styles.shape[0]):
        run_rollout(rng, world, rules, styles[r], stop_at_harm, out[r])
    return out


@compiled
def pairs_to_non_inferior(rng: np.random.Generator, world: World, rules: Rules, repeats: int, max_pairs: int) -> Ints:
    """Pairs that each guardrail of one cohort needs to be non-inferior: int64 [repeat, guardrail], `NEVER` if over."""
    guardrails = rules.tolerance.shape[0]
    out = np.full((repeats, guardrails), NEVER, np.int64)
    control, candidate = np.empty(guardrails), np.empty(guardrails)
    idle = np.zeros(guardrails, np.int64)
    unused = np.zeros(rules.harmful.shape[1], np.int64)
    for r in range(repeats):
        sums = np.zeros((guardrails, rules.harmful.shape[1]), np.int64)
        for pair in range(1, max_pairs + 1):
            draw_harm(rng, world.control[0], world.control_rows[0], idle, world.amount[0], control)
            draw_harm(rng, world.candidate[0], world.candidate_rows[0], world.effect, world.amount[0], candidate)
            open_ones = 0
            for g in range(guardrails):
                if out[r, g] != NEVER:
                    continue
                d = candidate[g] - control[g]
                add_pair(d, rules.tolerance[g], rules.harmful[g], rules.non_inferior[g], unused, sums[g])
                if mixture_log_e(sums[g]) >= -math.log(rules.beta):
                    out[r, g] = pair
                else:
                    open_ones += 1
            if open_ones == 0:
                break
    return out

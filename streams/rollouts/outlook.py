"""Whether a rollout can become conclusive within its budget, and how long it would take."""

import math
from collections.abc import Sequence

import numpy as np

from homeostat.detectors.fixed_point import decode_log_e
from homeostat.detectors.guard.assess import Cell
from homeostat.detectors.guard.rollout_state import Plan
from homeostat.detectors.leaf.pairings import block_sizes
from homeostat.detectors.statistics.bets import GUARD_LOG_WEIGHTS, guard_stakes
from homeostat.detectors.statistics.mixture import log_mean_exp
from homeostat.detectors.statistics.two_sample import sum_pairs
from homeostat.schemas.decision import Health

_MOST_PAIRS = 2**40
_NAMED = 3


def count_least_pairs(tolerance: float, beta: float) -> int | None:
    """The pairs that show a candidate non-inferior that is exactly as good as its control in each of them.

    Noise makes it more; only one that is better needs less. None where no number would do.

    >>> count_least_pairs(0.05, 0.05), count_least_pairs(0.2, 0.05)
    (86, 20)
    """
    _, sums = sum_pairs(np.zeros(1), tolerance, *guard_stakes(tolerance))
    each = np.array([decode_log_e(int(total)) for total in sums])
    if each.max() <= 0:
        return None
    low, high = 1, 2
    while log_mean_exp(high * each, GUARD_LOG_WEIGHTS) < -math.log(beta):
        low, high = high, 2 * high
        if high > _MOST_PAIRS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        reached = log_mean_exp(middle * each, GUARD_LOG_WEIGHTS) >= -math.log(beta)
        low, high = (low, middle) if reached else (middle, high)
    return high


def tell_least(plan: Plan) -> list[str]:
    """What a plan needs at the least to promote anybody, and whether its budget has room for it."""
    needed = {each.signal: count_least_pairs(each.tolerance, plan.rollout.beta) for each in plan.guardrails}
    never = sorted(signal for signal, pairs in needed.items() if pairs is None)
    if never:
        return [f"it cannot become conclusive: no number of pairs shows {', '.join(never)} non-inferior"]
    pairs = {signal: max(count or 0, plan.rollout.min_pairs) for signal, count in needed.items()}
    slowest = max(pairs, key=lambda signal: pairs[signal])
    share = plan.waves[-1].share
    sessions = pairs[slowest] * block_sizes(share)[0] * len(plan.cohorts)
    told = f"{pairs[slowest]} pairs of {slowest} in each of {len(plan.cohorts)} cohorts"
    found = [f"a promotion needs at the least {told}, if the candidate is exactly as good; noise makes it more"]
    if sessions > plan.budget.max_sessions:
        found.append(
            f"it cannot become conclusive within its budget: that is {sessions} candidate sessions > "
            f"{plan.budget.max_sessions}"
        )
    return found


def tell_outlook(plan: Plan, cells: Sequence[tuple[Cell, float | None]], elapsed_s: float) -> list[str]:
    """What keeps an exposed rollout from a verdict in time: cells, and the seconds until each is non-inferior if known.

    At the rate, and with the evidence, of what it has had so far.
    """
    left_s = max(0.0, plan.budget.max_duration_s - elapsed_s)
    open_cells = [(cell, until_s) for cell, until_s in cells if cell.health is not Health.HARMFUL and until_s != 0]
    late = [(cell, until_s) for cell, until_s in open_cells if until_s is not None and until_s > left_s]
    away = [cell for cell, until_s in open_cells if until_s is None and cell.measure.pairs]
    silent = [cell for cell, _ in open_cells if not cell.measure.pairs]
    found = []
    if late:
        cell, until_s = max(late, key=lambda each: each[1] or 0.0)
        found.append(
            f"it cannot become conclusive in the {left_s:.0f} s that its budget leaves, at today's volume: "
            f"{len(late)} guardrails × cohorts need longer, {_name(cell)} about {until_s:.0f} s"
        )
    if away:
        names = ", ".join(_name(cell) for cell in away[:_NAMED])
        found.append(f"{len(away)} do not move towards non-inferior, so no time can be given: {names}")
    if silent:
        names = ", ".join(_name(cell) for cell in silent[:_NAMED])
        found.append(f"{len(silent)} have no pair yet, so no time can be given: {names}")
    return found


def _name(cell: Cell) -> str:
    return f"{cell.measure.signal} in {'/'.join(cell.cohort.cohort)}"

"""The sentences of decisions: observed, comparator, limit and n, in one form everywhere."""

import math
from collections.abc import Sequence

from homeostat.detectors.guard.assess import Cell, Pooled
from homeostat.schemas.decision import BudgetSpent, Health

_NAMED = 3
_LOG_10 = math.log(10.0)


def format_e(log_e: float) -> str:
    """An e-value from its natural log, also where it fits no float.

    >>> format_e(math.log(1.3e5)), format_e(math.log(720.0)), format_e(0.0)
    ('1.3e5', '7.2e2', '1.0e0')
    """
    exponent = math.floor(log_e / _LOG_10)
    mantissa = round(math.exp(log_e - exponent * _LOG_10), 1)
    if mantissa >= 10.0:
        mantissa, exponent = 1.0, exponent + 1
    return f"{mantissa:.1f}e{exponent}"


def describe_harmful_cell(cell: Cell) -> str:
    """`omission_ratio +0.172 > 0.05 (n=68 pairs, e=1.3e5 ≥ 7.2e2) in north/cardiology/scribe`."""
    return _describe_cell(cell, ">", cell.log_e_harmful, cell.limit_harmful)


def describe_non_inferior_cell(cell: Cell) -> str:
    """`latency_s -0.001 < 0.05 (n=310 pairs, e=2.1e1 ≥ 2.0e1) in north/cardiology/scribe`."""
    reached = cell.log_e_non_inferior >= cell.limit_non_inferior
    return _describe_cell(cell, "<" if reached else "against", cell.log_e_non_inferior, cell.limit_non_inferior)


def _describe_cell(cell: Cell, comparator: str, log_e: float, limit: float) -> str:
    measure = cell.measure
    observed = "unknown" if measure.mean_difference is None else f"{measure.mean_difference:+.3f}"
    sign = "≥" if log_e >= limit else "<"
    evidence = f"n={measure.pairs} pairs, e={format_e(log_e)} {sign} {format_e(limit)}"
    return f"{measure.signal} {observed} {comparator} {measure.tolerance:g} ({evidence}) in {_place(cell)}"


def describe_pooled(pooled: Pooled) -> str:
    """`edit_ratio > 0.05 in some of 6 cohorts (n=150 pairs together, e=1.3e3 ≥ 2.4e2)`."""
    measure, pairs = pooled.cells[0].measure, sum(cell.measure.pairs for cell in pooled.cells)
    evidence = f"n={pairs} pairs together, e={format_e(pooled.log_e)} ≥ {format_e(pooled.limit)}"
    return f"{measure.signal} > {measure.tolerance:g} in some of {len(pooled.cells)} cohorts ({evidence})"


def describe_harm(harmful: Sequence[Cell], pooled: Sequence[Pooled] = ()) -> str:
    """The guardrails that are worse than their tolerance, strongest evidence first, named cohorts before all."""
    ordered = sorted(harmful, key=lambda cell: -cell.log_e_harmful)
    named = [describe_harmful_cell(cell) for cell in ordered[:_NAMED]]
    more = len(ordered) - len(named)
    together = [describe_pooled(member) for member in sorted(pooled, key=lambda member: -member.log_e)[:_NAMED]]
    return "; ".join([*named, *([f"and {more} more"] if more else []), *together])


def describe_promotion(cells: Sequence[Cell]) -> str:
    """That all are non-inferior, with the weakest of them."""
    weakest = min(cells, key=lambda cell: cell.log_e_non_inferior)
    return f"all {len(cells)} guardrails × cohorts non-inferior; the weakest: {describe_non_inferior_cell(weakest)}"


def describe_advance(wave: int, waves: int, cells: Sequence[Cell]) -> str:
    """That a wave has shown enough to widen, with the guardrail that has the fewest pairs."""
    fewest = min(cells, key=lambda cell: cell.measure.pairs)
    shown = describe_non_inferior_cell(fewest)
    return f"wave {wave + 1} of {waves} has its evidence and no harm; the fewest pairs: {shown}"


def describe_ratio(candidates: int, total: int, share: float, log_e: float, limit: float) -> str:
    """A sample-ratio mismatch."""
    observed = f"{candidates / total:.3f}" if total else "unknown"
    numbers = f"n={total} sessions, e={format_e(log_e)} ≥ {format_e(limit)}"
    return f"candidate's share of sessions {observed} ≠ {share:g} ({numbers})"


def describe_budgets(budgets: Sequence[BudgetSpent]) -> str:
    """The error budgets that are spent faster than declared."""
    return "; ".join(
        f"{budget.signal}: {budget.rate * budget.burn_rate:.3f} a session against {budget.rate:g} declared, burn rate "
        f"{budget.burn_rate:.1f} in this period (n={budget.sessions} sessions, e={format_e(budget.log_e)} ≥ "
        f"{format_e(budget.limit)} over all periods)"
        for budget in budgets
    )


def describe_unproven(used: str, health: Health, cells: Sequence[Cell], stale: Sequence[int]) -> str:
    """A candidate that is neither shown safe nor shown harmful by the end of its budget."""
    return f"not shown safe within its budget, {used}; {describe(health, cells, stale)}"


def describe_lapse(overdue_s: float, health: Health, stale: Sequence[int]) -> str:
    """A lease that nobody could renew in time."""
    return f"lease expired {overdue_s:.1f} s ago and was not renewed: {_cause(health, stale)}"


def describe(health: Health, cells: Sequence[Cell], stale: Sequence[int]) -> str:
    """Where a rollout without a verdict stands, by the guardrail that keeps it there."""
    keeping = [cell for cell in cells if cell.health is health]
    if not keeping:
        return str(health)
    weakest = min(keeping, key=lambda cell: cell.log_e_non_inferior)
    if health is Health.ERROR:
        return f"{health}: {weakest.cohort.error} in {_place(weakest)}"
    if health is Health.NO_DATA:
        unusable = next((cell for cell in keeping if cell.cohort.unusable is not None), None)
        why = _cause(health, stale)
        return why if unusable is None else f"{why}: {unusable.cohort.unusable} in {_place(unusable)}"
    return f"{health}: {describe_non_inferior_cell(weakest)}"


def _cause(health: Health, stale: Sequence[int]) -> str:
    if stale:
        shown = ", ".join(str(source) for source in stale[:8])
        return f"{health}: {len(stale)} source partitions stale > 0 ({shown})"
    return str(health)


def _place(cell: Cell) -> str:
    return "/".join(cell.cohort.cohort)

"""What else a parent cohort shows since an alarm's onset: every column's mean beside what its leaves expected."""

from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import Final

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.parents.recent import BET_SESSIONS, EXPECTED, SESSIONS, SQUARES, TOTAL
from homeostat.detectors.statistics.mean_bounds import bound_moments, bound_share
from homeostat.schemas.alarm import Bounded, Companion
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Kind, SignalSpec

_KNOWN_SHARE: Final = 0.9
"""Of the sessions so many must have been bet on: else the baseline is that of others."""


def find_companions(columns: Sequence[str], sums: Floats, policy: Policy, without: str) -> Iterator[Companion]:
    """Every declared column but one that had sessions since the onset and a baseline for nearly all of them.

    `sums` is float64 [column, sums] as a `Block` has them, by the names in `columns`; later columns may be missing.
    """
    specs = {spec.name: spec for spec in policy.columns}
    for name, row in zip(columns, sums.tolist(), strict=False):
        known = row[SESSIONS] > 0 and row[BET_SESSIONS] >= _KNOWN_SHARE * row[SESSIONS]
        if known and name in specs and name != without:
            yield _describe(specs[name], row, policy)


def _describe(spec: SignalSpec, row: Sequence[float], policy: Policy) -> Companion:
    """One column's companion.

    A parent has no reference of its own: the baseline is the mean of its leaves', each of `first_sessions` sessions or
    more, so that it is at least as sure as one of so many sessions with the parent's own spread.
    """
    count, mean = round(row[SESSIONS]), _clip(row[TOTAL] / row[SESSIONS])
    variance = max(0.0, (row[SQUARES] - row[TOTAL] * mean) / max(1, count - 1))
    baseline = _clip(row[EXPECTED] / row[BET_SESSIONS])
    learned = policy.baseline.first_sessions
    sure = NormalDist().inv_cdf(1.0 - policy.budget.baseline_delta / 2.0)
    if spec.absence or spec.kind is Kind.BINARY:
        (low, high), (lower, upper) = bound_share(mean, count), bound_share(baseline, learned, sure)
    else:
        low, high = bound_moments(mean, variance, count)
        lower, upper = bound_moments(baseline, variance, learned, sure)
    return Companion.of(spec, count, Bounded(mean, low, high), Bounded(baseline, lower, upper))


def _clip(share: float) -> float:
    return min(1.0, max(0.0, share))

"""Groups of cohorts (a tenant's, a specialty's, all): one guardrail's evidence added up over them."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from homeostat.detectors.fixed_point import LIMIT
from homeostat.detectors.guard.evidence_book import CohortKey
from homeostat.detectors.guard.measure import CohortMeasure
from homeostat.detectors.statistics.difference_interval import difference_interval, log_e_above, log_e_below
from homeostat.detectors.statistics.verdict import Sums


class GroupMeasure(NamedTuple):
    """One guardrail over some cohorts: sums of log-e by bet (int64 [6], 2⁻³² nats), mean difference of all pairs."""

    signal: str
    tolerance: float
    pairs: int
    mean_difference: float | None
    harmful: Sums
    non_inferior: Sums

    def interval(self, delta: float) -> tuple[float, float]:
        """(lower, upper) of the mean over these cohorts' pairs, wrong with a chance of δ for ever."""
        return difference_interval(self.harmful, self.non_inferior, self.pairs, self.tolerance, delta)

    def log_e_worse(self) -> float:
        """The log-e against 'not worse than control at all', in nats."""
        return log_e_above(0.0, self.harmful, self.pairs, self.tolerance)

    def log_e_better(self) -> float:
        """The log-e against 'not better than control at all', in nats."""
        return log_e_below(0.0, self.non_inferior, self.pairs, self.tolerance)


def group_cohorts(
    measures: Iterable[CohortMeasure], name_of: Callable[[CohortKey], str]
) -> dict[str, list[CohortMeasure]]:
    """Cohorts by a name of theirs, such as their tenant's; names in order. What cannot be used is left out."""
    found: dict[str, list[CohortMeasure]] = {}
    for measure in measures:
        if measure.error is None and measure.unusable is None:
            found.setdefault(name_of(measure.cohort), []).append(measure)
    return dict(sorted(found.items()))


def measure_group(measures: Sequence[CohortMeasure], at: int) -> GroupMeasure:
    """The guardrail with the number `at`, over at least one cohort of one plan."""
    of = [measure.guardrails[at] for measure in measures]
    pairs = sum(each.pairs for each in of)
    total = sum((each.mean_difference or 0.0) * each.pairs for each in of)
    return GroupMeasure(
        of[0].signal,
        of[0].tolerance,
        pairs,
        total / pairs if pairs else None,
        _add([measure.harmful[at] for measure in measures]),
        _add([measure.non_inferior[at] for measure in measures]),
    )


def _add(rows: Sequence[Sums]) -> Sums:
    totals = [max(-LIMIT, min(LIMIT, sum(column))) for column in zip(*(row.tolist() for row in rows), strict=True)]
    return np.array(totals, dtype=np.int64)

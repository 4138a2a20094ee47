"""Stability across tenants: what some gain, others must not pay for.

Leaving out any tenant changes nothing about a promotion: each cohort is shown non-inferior on its own evidence. What
that cannot see is a change of two signs, better than control for some tenants and worse for others, each within its
tolerance: Gail and Simon's qualitative interaction ('Testing for qualitative interactions between treatment effects
and patient subsets', 1985). It is shown where, for one guardrail, a tenant's mean difference is above 0 and another's
below it, each by an e-process of all its cohorts at a share of `LEVEL` (union bound over tenants × guardrails, both
sides). So P(a rollout that is never of two signs is ever held for it) ≤ `LEVEL`, however often one looks.
"""

import math
from collections.abc import Collection, Sequence
from typing import Final

from homeostat.detectors.guard.evidence_book import CohortKey
from homeostat.detectors.guard.groups import GroupMeasure, group_cohorts, measure_group
from homeostat.detectors.guard.measure import CohortMeasure

LEVEL: Final = 0.05
"""The chance of holding a promotion for a change of two signs that is none; beside α and β, not out of them."""


def find_instability(measures: Sequence[CohortMeasure], taken_back: Collection[CohortKey] = ()) -> str | None:
    """The guardrail that is better for some tenants and worse for others, as a sentence; None for none shown.

    `measures` are of every cohort of the plan; what was taken back says nothing, but keeps its share.
    """
    tenants = group_cohorts([each for each in measures if each.cohort not in taken_back], tenant_of)
    if len(tenants) < 2:
        return None
    guardrails, shares = len(measures[0].guardrails), len({each.cohort[0] for each in measures})
    limit = math.log(2 * shares * guardrails / LEVEL)
    for at in range(guardrails):
        of = {name: measure_group(members, at) for name, members in tenants.items()}
        worse = [name for name, group in of.items() if group.log_e_worse() >= limit]
        better = [name for name, group in of.items() if worse and group.log_e_better() >= limit]
        if worse and better:
            most, least = (_find_end(of, names, sign) for names, sign in ((worse, 1.0), (better, -1.0)))
            return (
                f"{of[most].signal} is worse in {_say(most, of[most])} and better in {_say(least, of[least])}: "
                f"not stable across {len(tenants)} tenants"
            )
    return None


def tenant_of(cohort: CohortKey) -> str:
    """The tenant of a cohort."""
    return cohort[0]


def _find_end(of: dict[str, GroupMeasure], names: Sequence[str], sign: float) -> str:
    return max(names, key=lambda name: sign * (of[name].mean_difference or 0.0))


def _say(name: str, group: GroupMeasure) -> str:
    return f"{name} ({group.mean_difference:+.3f}, n={group.pairs} pairs)"

"""Which cohorts a decision has taken a release back from, or promoted it to."""

from typing import NamedTuple

from homeostat.schemas.decision import Decision
from homeostat.schemas.rollout import ENDED, Rollout


class CohortTags(NamedTuple):
    """A leaf cohort, whatever its arm."""

    tenant: str
    specialty: str
    workflow: str


def list_withdrawn(decision: Decision, rollout: Rollout) -> list[CohortTags]:
    """The cohorts that must not be given the rollout's candidate from now on, sorted.

    While the rollout goes on, those taken back; after its end all of it, but for those promoted.
    """
    if decision.phase in ENDED:
        return sorted({CohortTags(*cohort) for cohort in rollout.cohorts()}.difference(list_promoted(decision)))
    return sorted(CohortTags(tag.tenant, tag.specialty, tag.workflow) for tag in decision.taken_back)


def list_promoted(decision: Decision) -> list[CohortTags]:
    """The cohorts to which the rollout's candidate is promoted, sorted."""
    return sorted(CohortTags(tag.tenant, tag.specialty, tag.workflow) for tag in decision.promoted)

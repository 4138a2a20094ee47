"""What a move of a rollout wants of each of its targets: at most one intent a target, so that each step is whole."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from homeostat.detectors.guard.evidence_book import CohortKey
from homeostat.detectors.guard.rollout_state import RolloutState
from homeostat.schemas.decision import Verdict
from homeostat.schemas.intent import IntentAction
from homeostat.schemas.rollout import Rollout, RolloutPhase, RolloutTarget, Target

QUARANTINES = frozenset({Verdict.HARMFUL, Verdict.OVER_BUDGET, Verdict.REGRESSED, Verdict.NEVER})
"""The verdicts that say something of quality: what they take back is quarantined."""


class Wanted(NamedTuple):
    """What one target should do. A rollback without specialties is of the whole target.

    `goes_on`: what the target still exposes does so under the state's lease.
    """

    target: Target
    action: IntentAction
    specialties: tuple[str, ...]
    goes_on: bool = False


def find_wanted(before: RolloutState, after: RolloutState) -> Iterator[Wanted]:
    """The difference that a move makes to each target of the rollout."""
    assert after.plan is not None
    for entry in after.plan.rollout.targets:
        wanted = _of_target(entry, before, after)
        if wanted is not None:
            yield wanted


def find_targets(rollout: Rollout, cohorts: Collection[CohortKey]) -> list[RolloutTarget]:
    """The targets that some cohorts are of."""
    return [entry for entry in rollout.targets if _among(cohorts, entry)]


def exposed_at(state: RolloutState, entry: RolloutTarget) -> tuple[str, ...]:
    """The specialties of a target that are given the candidate in this state."""
    if state.plan is None or state.phase is not RolloutPhase.EXPOSING:
        return ()
    return _among(state.exposed, entry)


def _of_target(entry: RolloutTarget, before: RolloutState, after: RolloutState) -> Wanted | None:
    had, has = exposed_at(before, entry), exposed_at(after, entry)
    promoted = _among(set(after.settled) - set(before.settled), entry)
    if promoted:
        return Wanted(entry.target, IntentAction.PROMOTE, promoted)
    if after.verdict in QUARANTINES and (wanted := _roll_back(entry, before, after, has)) is not None:
        return wanted
    if has and (has, before.lease, _share(before)) != (had, after.lease, _share(after)):
        return Wanted(entry.target, IntentAction.EXPOSE, has, goes_on=True)
    if had and not has:
        return Wanted(entry.target, IntentAction.END_EXPOSURE, had)
    return None


def _roll_back(entry: RolloutTarget, before: RolloutState, after: RolloutState, has: tuple[str, ...]) -> Wanted | None:
    """The whole target where the rollout is over, but not where it is promoted already; else what was taken back."""
    if after.phase is RolloutPhase.ROLLED_BACK:
        settled, taken_back = _among(after.settled, entry), _among(after.taken_back, entry)
        if settled or (taken_back and set(taken_back) < set(entry.specialties)):
            left = _among(set(before.exposed) | set(after.taken_back), entry)
            return Wanted(entry.target, IntentAction.ROLL_BACK, left) if left else None
        return Wanted(entry.target, IntentAction.ROLL_BACK, ())
    taken_back = _among(set(after.taken_back) - set(before.taken_back), entry)
    return Wanted(entry.target, IntentAction.ROLL_BACK, taken_back, goes_on=bool(has)) if taken_back else None


def _share(state: RolloutState) -> float:
    return state.current.share


def _among(cohorts: Collection[CohortKey], entry: RolloutTarget) -> tuple[str, ...]:
    """The specialties of a target's that these cohorts are of."""
    place = entry.target.tenant, entry.target.workflow
    own = {specialty for tenant, specialty, workflow in cohorts if (tenant, workflow) == place}
    return tuple(sorted(own & set(entry.specialties)))

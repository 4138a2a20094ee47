"""Gates: what people and the calendar say about a rollout's next widening. Pure; no evidence here."""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from homeostat.detectors.guard.evidence_book import CohortKey
from homeostat.detectors.guard.rollout_state import Plan, RolloutState
from homeostat.schemas.control import Approval, OrderDocument, OrderKind, Stop, StopScope
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.rollout import Rollout, RolloutPhase, Strategy

ACTIVE = frozenset({RolloutPhase.EXPOSING, RolloutPhase.HELD, RolloutPhase.PAUSED})


class People(NamedTuple):
    """The words of people that the guard's log has, and the releases that they are about."""

    approvals: Mapping[str, Approval]
    orders: Mapping[str, OrderDocument]
    stops: Mapping[str, Stop]
    releases: Mapping[str, ReleaseManifest]


class Rival(NamedTuple):
    """Another rollout in the same place."""

    rollout: str
    phase: RolloutPhase
    cohort: CohortKey

    def __str__(self) -> str:
        return f"rollout {self.rollout}, which is {self.phase} in {'/'.join(self.cohort)}"


def find_approvers(plan: Plan, wave: int, people: People) -> list[str]:
    """Reviewers who have signed this very plan up to this wave; the release's and the rollout's authors do not count.

    An approval of wave 0 is of the whole plan; under manual approval it is of the first wave only.
    """
    rollout = plan.rollout
    manifest = people.releases.get(rollout.candidate)
    authors = {rollout.author, manifest.author if manifest else ""}
    whole = 1 if rollout.strategy is Strategy.MANUAL_APPROVAL else len(plan.waves)
    return sorted(
        {
            approval.approver
            for approval in people.approvals.values()
            if approval.rollout == rollout.rollout
            and approval.plan_digest == plan.rollout_digest
            and (approval.waves or whole) > wave
            and approval.approver not in authors
        }
    )


def find_obstacle(plan: Plan, wave: int, people: People, now_ms: int) -> str | None:
    """Why a wave may not begin now: automation is stopped, signatures are missing, the hour is wrong; or None."""
    switch = find_switch(people.stops)
    if switch is not None:
        return switch
    signed, needed = find_approvers(plan, wave, people), plan.waves[wave].approvals
    if len(signed) < needed:
        return f"wave {wave + 1} of {len(plan.waves)} waits for approvals: {len(signed)} < {needed}"
    windows = plan.rollout.windows
    if windows and not any(window.contains(now_ms) for window in windows):
        return f"wave {wave + 1} of {len(plan.waves)} waits for one of the rollout's {len(windows)} windows"
    if now_ms < plan.rollout.not_before_ms:
        return f"wave {wave + 1} of {len(plan.waves)} waits for its time: {now_ms} < {plan.rollout.not_before_ms} ms"
    return None


def find_switch(stops: Mapping[str, Stop]) -> str | None:
    """Who has stopped automation, as a sentence; None while it may act."""
    stopped = [stop for stop in stops.values() if stop.scope is StopScope.AUTOMATION and stop.active]
    return f"automation is stopped by {stopped[0].author}: verdicts go on, nothing is stated" if stopped else None


def find_stopped(plan: Plan, stops: Mapping[str, Stop], cohorts: Collection[CohortKey]) -> list[CohortKey]:
    """Those of these cohorts that an emergency stop covers."""
    release = plan.rollout.candidate
    return [cohort for cohort in cohorts if any(stop.covers(cohort[0], release) for stop in stops.values())]


def find_order(state: RolloutState, people: People) -> OrderDocument | None:
    """An order about this rollout that has not been carried out, where its phase allows it."""
    order = people.orders.get(state.rollout)
    if order is None or order.subject_version <= state.order_version:
        return None
    allowed = {
        OrderKind.PAUSE: (RolloutPhase.EXPOSING,),
        OrderKind.RESUME: (RolloutPhase.PAUSED, RolloutPhase.HELD),
        OrderKind.ABORT: (RolloutPhase.EXPOSING, RolloutPhase.PAUSED, RolloutPhase.HELD),
    }
    return order if state.phase in allowed[order.body.order] else None


def find_rival(
    rollout: Rollout, others: Mapping[str, Rollout], find_phase: Callable[[str], RolloutPhase | None]
) -> Rival | None:
    """The first of `others` that is under way in a cohort of this one: two on one target take turns."""
    own = set(rollout.cohorts())
    for other in sorted(others):
        phase, shared = find_phase(other), own & set(others[other].cohorts())
        if phase is not None and phase in ACTIVE and shared:
            return Rival(other, phase, min(shared))
    return None

"""Moves: where a verdict takes a rollout. The machine of every strategy, as one pure function."""

from collections.abc import Mapping
from types import MappingProxyType

from homeostat.detectors.guard.evidence_book import CohortKey
from homeostat.detectors.guard.judge import Finding
from homeostat.detectors.guard.rollout_state import RolloutState
from homeostat.schemas.control import OrderDocument, OrderKind
from homeostat.schemas.decision import Verdict
from homeostat.schemas.rollout import OnHarm, OnUnproven, RolloutPhase

_ENDS: Mapping[Verdict, RolloutPhase] = MappingProxyType(
    {
        Verdict.HEALTHY: RolloutPhase.PROMOTED,
        Verdict.HARMFUL: RolloutPhase.ROLLED_BACK,
        Verdict.OVER_BUDGET: RolloutPhase.ROLLED_BACK,
        Verdict.NEVER: RolloutPhase.ROLLED_BACK,
        Verdict.SAMPLE_RATIO: RolloutPhase.HELD,
        Verdict.LOW_YIELD: RolloutPhase.HELD,
        Verdict.LAPSE: RolloutPhase.LAPSED,
        Verdict.STOPPED: RolloutPhase.ABORTED,
    }
)
"""The verdicts about all that is exposed, and where each leads; of `unproven` the plan says it."""
_UNPROVEN: Mapping[OnUnproven, RolloutPhase] = MappingProxyType(
    {OnUnproven.FREEZE: RolloutPhase.HELD, OnUnproven.ROLL_BACK: RolloutPhase.ROLLED_BACK}
)
_ORDERED: Mapping[OrderKind, RolloutPhase] = MappingProxyType(
    {
        OrderKind.PAUSE: RolloutPhase.PAUSED,
        OrderKind.RESUME: RolloutPhase.EXPOSING,
        OrderKind.ABORT: RolloutPhase.ABORTED,
    }
)


def move(state: RolloutState, finding: Finding, now_ms: int, order: OrderDocument | None = None) -> RolloutState:
    """The state after a verdict: one step further, but for its lease's renewal."""
    match finding.verdict:
        case Verdict.BEGIN:
            changed = {"phase": RolloutPhase.EXPOSING, "wave": 0, "wave_since_ms": now_ms, "begun_ms": now_ms}
        case Verdict.ADVANCE:
            changed = _advance(state, finding, now_ms)
        case Verdict.OPERATOR:
            assert order is not None
            changed = _obey(state, order, now_ms)
        case Verdict.UNPROVEN:
            assert state.plan is not None
            changed = {"phase": _UNPROVEN[state.plan.budget.action]}
        case Verdict.HARMFUL | Verdict.STOPPED if finding.cohorts:
            changed = _take_back(state, finding)
        case Verdict.REGRESSED:
            changed = _take_back_promoted(state, finding)
        case verdict:
            changed = {"phase": _ENDS[verdict]}
            if verdict is Verdict.HEALTHY:
                changed["settled"] = _join(state.settled, state.exposed)
    known = {"step": state.step + 1, "verdict": finding.verdict, "reason": finding.reason}
    return state.model_copy(update={**known, **changed})


def _advance(state: RolloutState, finding: Finding, now_ms: int) -> dict[str, object]:
    """The next wave. A sample ratio of another share is counted anew."""
    assert state.plan is not None
    next_share, counted = state.plan.waves[state.wave + 1].share, state.counted_step
    return {
        "wave": state.wave + 1,
        "wave_since_ms": now_ms,
        "settled": _join(state.settled, finding.cohorts),
        "counted_step": counted if next_share == state.current.share else state.step + 1,
    }


def _obey(state: RolloutState, order: OrderDocument, now_ms: int) -> dict[str, object]:
    """An order carried out. A resume begins under a new lease, and counts the sample ratio and yield anew.

    What was frozen unproven gets its budget once more.
    """
    changed: dict[str, object] = {"phase": _ORDERED[order.body.order], "order_version": order.subject_version}
    if order.body.order is OrderKind.RESUME:
        changed.update(lease_epoch=state.lease_epoch + 1, counted_step=state.step + 1, wave_since_ms=now_ms)
    if order.body.order is OrderKind.RESUME and state.verdict is Verdict.UNPROVEN:
        changed["budget_since_ms"] = now_ms
    return changed


def _take_back(state: RolloutState, finding: Finding) -> dict[str, object]:
    """Some cohorts go back and the others go on under a new lease; when nobody is left, all that is exposed ends."""
    taken_back = _join(state.taken_back, finding.cohorts)
    if set(state.exposed) <= set(taken_back):
        return {"taken_back": taken_back, "phase": _ENDS[finding.verdict]}
    return {"taken_back": taken_back, "lease_epoch": state.lease_epoch + 1}


def _take_back_promoted(state: RolloutState, finding: Finding) -> dict[str, object]:
    """Promoted cohorts go back; the rollout is over when that was all of it, or when harm takes back everything."""
    settled = tuple(cohort for cohort in state.settled if cohort not in set(finding.cohorts))
    changed: dict[str, object] = {"settled": settled, "taken_back": _join(state.taken_back, finding.cohorts)}
    assert state.plan is not None
    whole = state.plan.rollout.on_harm is OnHarm.ROLLOUT
    if whole or (state.phase is RolloutPhase.PROMOTED and not settled):
        changed["phase"] = RolloutPhase.ROLLED_BACK
    return changed


def _join(before: tuple[CohortKey, ...], more: list[CohortKey] | tuple[CohortKey, ...]) -> tuple[CohortKey, ...]:
    return tuple(sorted({*before, *more}))

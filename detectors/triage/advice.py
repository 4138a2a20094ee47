"""What to do next, who moves first, who owns it, and the fix that can be drafted."""

from collections.abc import Iterable
from types import MappingProxyType
from typing import NamedTuple

from homeostat.detectors.triage.artifacts import Pair, Suspects
from homeostat.detectors.triage.classify import Finding
from homeostat.detectors.triage.strands import find_spec
from homeostat.detectors.triage.timeline import RolloutTimeline
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.drift_event import Disposition, DraftFix, DriftClass, Harm, NextStep
from homeostat.schemas.policy import Policy

RELEASE_OWNER = "release"
PLATFORM_OWNER = "platform"

_STEPS = MappingProxyType(
    {
        DriftClass.RELEASE_REGRESSION: (NextStep.ROLL_BACK, NextStep.HOLD_ROLLOUT),
        DriftClass.DATA_DRIFT: (NextStep.CHECK_INPUTS, NextStep.CHECK_INPUTS),
        DriftClass.PROMPT_DRIFT: (NextStep.CHECK_CONFIGURATION, NextStep.CHECK_CONFIGURATION),
        DriftClass.CONCEPT_DRIFT: (NextStep.REVIEW_SAMPLE, NextStep.REVIEW_SAMPLE),
        DriftClass.POLICY_DRIFT: (NextStep.ENFORCE_POLICY, NextStep.ENFORCE_POLICY),
        DriftClass.WORKFLOW_DRIFT: (NextStep.REVIEW_WORKFLOW, NextStep.REVIEW_WORKFLOW),
        DriftClass.PRODUCT_MISMATCH: (NextStep.ASK_USERS, NextStep.ASK_USERS),
        DriftClass.UNEXPLAINED: (NextStep.OPEN_INCIDENT, NextStep.REVIEW_SAMPLE),
    }
)
"""By class the step where it is dangerous, and where its harm is undetermined; benign is watched, a gain accepted."""


class Situation(NamedTuple):
    """What is known beside the alarms: the rollout, whether its candidate outlived its end, the releases."""

    timeline: RolloutTimeline | None
    persists: bool
    pair: Pair | None
    declared: str | None


class Advice(NamedTuple):
    """The next step, who moves first, the owner, and a drafted fix."""

    next_step: NextStep
    disposition: Disposition
    owner: str
    draft: DraftFix | None


def advise(finding: Finding, harm: Harm, situation: Situation, suspects: Suspects, policy: Policy) -> Advice:
    """Give advice on an event.

    A release that the guard has taken back already is watched, and an incident if its candidate is still in use. The
    owner is the release's for a release, else the one that the policy names for the signal that leads.
    """
    timeline = situation.timeline
    is_release = finding.drift_class is DriftClass.RELEASE_REGRESSION
    owner = RELEASE_OWNER if is_release else find_owner(finding, policy)
    if is_release and situation.persists:
        return Advice(NextStep.OPEN_INCIDENT, Disposition.INCIDENT, owner, None)
    if is_release and timeline is not None and timeline.taken_back:
        return Advice(NextStep.WATCH, Disposition.NONE, owner, None)
    draft = _draft_fix(finding.drift_class, situation, suspects) if harm is Harm.DANGEROUS else None
    step = choose_step(finding.drift_class, harm, on_trial=timeline is not None)
    return Advice(step, _dispose(harm, draft), owner, draft)


def choose_step(drift_class: DriftClass, harm: Harm, on_trial: bool) -> NextStep:
    """Give the next step for a class and a harm; a release that is not on trial has no rollout to hold.

    >>> choose_step(DriftClass.DATA_DRIFT, Harm.BENIGN, on_trial=False).value
    'watch'
    """
    if harm is Harm.BENIGN:
        return NextStep.WATCH
    if harm is Harm.BENEFICIAL:
        return NextStep.ACCEPT_BASELINE
    dangerous, undetermined = _STEPS[drift_class]
    if harm is Harm.DANGEROUS:
        return dangerous
    return NextStep.REVIEW_SAMPLE if undetermined is NextStep.HOLD_ROLLOUT and not on_trial else undetermined


def outlives(alarms: Iterable[Alarm], timeline: RolloutTimeline | None, window_ms: int) -> bool:
    """Whether the candidate still raises alarms when its exposure should long have ended."""
    return timeline is not None and any(timeline.outlived_by(alarm.log_time_ms, window_ms) for alarm in alarms)


def find_owner(finding: Finding, policy: Policy) -> str:
    """Give the owner of the gravest signal of the strand that leads, as the policy names it."""
    specs = (find_spec(policy.signals, move.signal) for move in finding.leading_moves())
    return next((spec.owner for spec in specs if spec is not None), PLATFORM_OWNER)


def _draft_fix(drift_class: DriftClass, situation: Situation, suspects: Suspects) -> DraftFix | None:
    """Draft what takes the change back: a release by the one before it, served configuration by what is declared."""
    if drift_class is DriftClass.RELEASE_REGRESSION and situation.pair is not None:
        return DraftFix(action="revert_release", release=situation.pair.before, reverts=suspects.changes[:64])
    if drift_class is DriftClass.PROMPT_DRIFT:
        return DraftFix(action="restore_served_configuration", release=situation.declared)
    return None


def _dispose(harm: Harm, draft: DraftFix | None) -> Disposition:
    match harm:
        case Harm.DANGEROUS:
            return Disposition.INCIDENT if draft is None else Disposition.DRAFT_FIX
        case Harm.BENIGN:
            return Disposition.NONE
        case _:
            return Disposition.REVIEW_QUEUE

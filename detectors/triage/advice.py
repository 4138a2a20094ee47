"""Is it bad, what to do next, and who does it."""

from collections.abc import Sequence
from typing import NamedTuple

from homeostat.detectors.triage.change_of import is_dangerous
from homeostat.detectors.triage.timeline import RolloutTimeline
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.drift_event import DriftClass, Harm, NextStep
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Family

RELEASE_OWNER = "release"


class Advice(NamedTuple):
    """Harm, the next step, and the owner of it."""

    harm: Harm
    next_step: NextStep
    owner: str


def advise(
    drift_class: DriftClass, alarms: Sequence[Alarm], timeline: RolloutTimeline | None, policy: Policy
) -> Advice:
    """Give advice on an event whose kept alarms, gravest first, are `alarms`.

    Dangerous is a guardrail beyond its tolerance in the harmful direction, by an alarm or by the guard's verdict;
    everything else is undetermined. The owner is the release's for a rollout, else the one that the policy names for
    the signal that leads.
    """
    if drift_class is DriftClass.RELEASE_REGRESSION:
        return _advise_release(alarms, timeline, policy)
    harm = Harm.DANGEROUS if any(is_dangerous(alarm) for alarm in alarms) else Harm.UNDETERMINED
    if harm is Harm.DANGEROUS:
        return Advice(harm, NextStep.OPEN_INCIDENT, _find_owner(alarms, policy))
    if drift_class is DriftClass.DATA_DRIFT:
        inputs = [alarm for alarm in alarms if alarm.family is Family.INPUT]
        return Advice(harm, NextStep.CHECK_INPUTS, _find_owner(inputs, policy))
    return Advice(harm, NextStep.REVIEW_SAMPLE, _find_owner(alarms, policy))


def persists(alarms: Sequence[Alarm], timeline: RolloutTimeline | None, policy: Policy) -> bool:
    """Whether the candidate still raises alarms when its exposure should long have ended."""
    window_ms = round(policy.correlation_window_s * 1000)
    return timeline is not None and any(timeline.outlived_by(alarm.log_time_ms, window_ms) for alarm in alarms)


def _advise_release(alarms: Sequence[Alarm], timeline: RolloutTimeline | None, policy: Policy) -> Advice:
    judged = timeline is not None and timeline.judged_harmful
    harm = Harm.DANGEROUS if judged or any(is_dangerous(alarm) for alarm in alarms) else Harm.UNDETERMINED
    if persists(alarms, timeline, policy):
        return Advice(harm, NextStep.OPEN_INCIDENT, RELEASE_OWNER)
    if timeline is not None and timeline.taken_back:
        return Advice(harm, NextStep.WATCH, RELEASE_OWNER)
    return Advice(harm, NextStep.ROLL_BACK if harm is Harm.DANGEROUS else NextStep.HOLD_ROLLOUT, RELEASE_OWNER)


def _find_owner(alarms: Sequence[Alarm], policy: Policy) -> str:
    owners = {spec.name: spec.owner for spec in policy.signals}
    return next((owners[alarm.signal] for alarm in alarms if alarm.signal in owners), "platform")

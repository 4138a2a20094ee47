"""The sentences about an event that a clinician reads."""

from collections.abc import Sequence
from typing import NamedTuple

from homeostat.detectors.triage.advice import Advice
from homeostat.detectors.triage.artifacts import Suspects
from homeostat.detectors.triage.classify import Finding
from homeostat.detectors.triage.open_event import OpenEvent
from homeostat.detectors.triage.timeline import RolloutTimeline
from homeostat.detectors.triage.wording import say_change, say_place, say_signal, say_time
from homeostat.schemas.cohort import Cohort
from homeostat.schemas.drift_event import DriftClass, Harm, NextStep, SignalChange
from homeostat.schemas.effect import Effect, Outcome
from homeostat.schemas.rollout import RolloutPhase

_SENTENCE_CHARS = 2000
_NAMED_ARTIFACTS = 3
_CAUSES = {
    DriftClass.RELEASE_REGRESSION: "Only where the new release is used has this changed: it is the likely cause.",
    DriftClass.DATA_DRIFT: "What goes into the work changed, not the release that does it.",
    DriftClass.PROMPT_DRIFT: (
        "The work changed although what goes into it and the declared release did not: what is served may differ from "
        "what is declared, or the model behind its name has changed."
    ),
    DriftClass.CONCEPT_DRIFT: "What becomes of the work changed, while the work and what goes into it did not.",
    DriftClass.POLICY_DRIFT: "Safety rules are kept differently, while the work itself did not change.",
    DriftClass.WORKFLOW_DRIFT: "The steps of the work are taken differently, while what it produces did not change.",
    DriftClass.PRODUCT_MISMATCH: "People use the work differently, while the work itself did not change.",
    DriftClass.UNEXPLAINED: "Neither a release nor the inputs explain it.",
}
_ALSO = {
    DriftClass.RELEASE_REGRESSION: "the new release may be a cause as well",
    DriftClass.DATA_DRIFT: "what goes into the work changed as well",
    DriftClass.PROMPT_DRIFT: "the inputs do not explain all of it: the work itself changed as well",
}
_HARMS = {
    Harm.DANGEROUS: "This is beyond what is tolerated and may harm patients.",
    Harm.BENIGN: "Every guardrail is shown to be within what is tolerated.",
    Harm.BENEFICIAL: "A guardrail got better by more than its tolerance, and none got worse.",
    Harm.UNDETERMINED: "Whether it does harm is not known.",
}
_STEPS = {
    NextStep.ROLL_BACK: "take the release back",
    NextStep.HOLD_ROLLOUT: "hold the rollout until it is understood",
    NextStep.CHECK_INPUTS: "check what feeds the work (microphones, templates, mix of visits)",
    NextStep.CHECK_CONFIGURATION: "compare what is served with what is declared, the model behind its name too",
    NextStep.REVIEW_SAMPLE: "read a sample of the work",
    NextStep.ENFORCE_POLICY: "find out which safety rule is not kept, and enforce it",
    NextStep.REVIEW_WORKFLOW: "look at which steps are left out or taken in another order",
    NextStep.ASK_USERS: "ask the people who use it what they work round",
    NextStep.ACCEPT_BASELINE: "accept it as the new baseline",
    NextStep.WATCH: "watch that it returns to normal",
    NextStep.OPEN_INCIDENT: "open an incident",
}


class Said(NamedTuple):
    """What the sentences are made of."""

    event: OpenEvent
    changes: Sequence[SignalChange]
    scope: Cohort
    finding: Finding
    harm: Harm
    advice: Advice
    suspects: Suspects
    timeline: RolloutTimeline | None
    effect: Effect | None = None


def say_event(said: Said, acknowledged: int, targets: int) -> str:
    """Say what changed since when and where, the cause, the harm, what was done and what to do next."""
    event, advice = said.event, said.advice
    since = f"Since {say_time(event.onset_from_ms)} (at the latest {say_time(event.onset_to_ms)})"
    persists = advice.next_step is NextStep.OPEN_INCIDENT and said.timeline is not None and said.timeline.taken_back
    parts = (
        f"{since}, in {say_place(said.scope, event.tenants())}: {_say_changes(said)}.",
        _CAUSES[said.finding.drift_class],
        *(f"{_ALSO.get(each, f'it may be {each.value} as well').capitalize()}." for each in said.finding.also),
        _say_artifacts(said.suspects),
        _HARMS[said.harm],
        _say_rollout(said.timeline, acknowledged, targets),
        _say_effect(said.effect, persists),
        f"Closed: {event.closed_because}."
        if event.closed_because
        else f"Next: {_STEPS[advice.next_step]} ({advice.owner}).",
    )
    return " ".join(part for part in parts if part)[:_SENTENCE_CHARS]


def _say_effect(effect: Effect | None, persists: bool) -> str:
    if effect is not None and effect.outcome is Outcome.NOT_RETURNED:
        return "What was affected has not returned to what it was."
    return "The release is still in use nevertheless." if persists else ""


def _say_changes(said: Said) -> str:
    if not said.changes:
        return f"the guard judged the release on trial ({said.timeline.reason})" if said.timeline else "no change"
    more = len(said.changes) - 1 + said.event.left_out
    others = f", and {more} more change{'s' if more > 1 else ''} of {said.event.alarms} alarms" if more else ""
    return f"{say_change(said.changes[0])}{others}"


def _say_artifacts(suspects: Suspects) -> str:
    names = [f"{each.kind.value.replace('_', ' ')} {each.name}" for each in suspects.changes]
    if not names:
        return ""
    if suspects.likely:
        return f"Other rollouts point to {', '.join(names[: suspects.likely])}."
    more = f" and {len(names) - _NAMED_ARTIFACTS} more" if len(names) > _NAMED_ARTIFACTS else ""
    return f"It changed {', '.join(names[:_NAMED_ARTIFACTS])}{more}."


def _say_rollout(timeline: RolloutTimeline | None, acknowledged: int, targets: int) -> str:
    if timeline is None or timeline.ended_ms is None:
        return ""
    when = say_time(timeline.ended_ms)
    because = f" because of {', '.join(map(say_signal, timeline.deciding))}" if timeline.deciding else ""
    match timeline.phase:
        case RolloutPhase.PROMOTED:
            return f"The guard promoted the release at {when}."
        case RolloutPhase.ROLLED_BACK:
            answers = f"{acknowledged} of {targets} targets have confirmed it"
            return f"The guard already rolled the release back at {when}{because}; {answers}."
        case _:
            return f"The exposure lapsed at {when}{because}."

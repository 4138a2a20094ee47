"""From an open event to the drift event that people and programs read."""

from collections.abc import Sequence
from typing import NamedTuple

from homeostat.detectors.outbox import Outbox
from homeostat.detectors.triage.advice import Advice, advise, persists
from homeostat.detectors.triage.change_of import describe_change
from homeostat.detectors.triage.classify import classify
from homeostat.detectors.triage.open_event import OpenEvent
from homeostat.detectors.triage.timeline import RolloutTimeline
from homeostat.detectors.triage.wording import say_change, say_place, say_signal, say_time
from homeostat.schemas.drift_event import DriftClass, DriftEvent, EventStatus, Harm, NextStep, SignalChange
from homeostat.schemas.policy import Policy
from homeostat.schemas.rollout import RolloutPhase

_CAUSES = {
    DriftClass.RELEASE_REGRESSION: "Only sessions of the release on trial changed, so the release is the likely cause.",
    DriftClass.DATA_DRIFT: "What goes into the notes changed, not the release that writes them.",
    DriftClass.UNEXPLAINED: "Neither a release nor the inputs explain it.",
}
_STEPS = {
    NextStep.ROLL_BACK: "take the release back",
    NextStep.HOLD_ROLLOUT: "hold the rollout until it is understood",
    NextStep.CHECK_INPUTS: "check what feeds the notes (microphones, templates, mix of visits)",
    NextStep.REVIEW_SAMPLE: "read a sample of the notes",
    NextStep.WATCH: "watch that it returns to normal",
    NextStep.OPEN_INCIDENT: "open an incident",
}


class Circumstances(NamedTuple):
    """What is known beside the alarms: the rollout's timeline, acknowledgements of its end, why the event closes."""

    timeline: RolloutTimeline | None
    acknowledged: int
    targets: int
    closing: str | None


def report_event(event: OpenEvent, known: Circumstances, policy: Policy, outbox: Outbox) -> DriftEvent:
    """State the event as it is seen now; `event.revision` counts the statements before this one."""
    drift_class, evidence = classify(event, known.timeline)
    alarms = event.gravest_first()
    advice = advise(drift_class, alarms, known.timeline, policy)
    changes = tuple(describe_change(alarm) for alarm in alarms)
    first = EventStatus.OPEN if event.revision == 0 else EventStatus.UPDATED
    return DriftEvent(
        event=event.event,
        revision=event.revision + 1,
        status=EventStatus.CLOSED if known.closing else first,
        drift_class=drift_class,
        harm=advice.harm,
        scope=event.scope,
        changes=changes,
        alarms=event.alarms,
        onset_from_ms=event.onset_from_ms,
        onset_to_ms=event.onset_to_ms,
        rollout=event.rollout,
        releases=tuple(event.releases) or _candidate(known.timeline),
        evidence=evidence,
        next_step=advice.next_step,
        owner=advice.owner,
        sentence=_say(event, changes, drift_class, advice, known, policy)[:2000],
        source_partition=outbox.partition,
        mark=outbox.mark,
        log_time_ms=outbox.log_time_ms,
    )


def _candidate(timeline: RolloutTimeline | None) -> tuple[str, ...]:
    return (timeline.candidate,) if timeline is not None and timeline.candidate else ()


def _say(
    event: OpenEvent,
    changes: Sequence[SignalChange],
    drift_class: DriftClass,
    advice: Advice,
    known: Circumstances,
    policy: Policy,
) -> str:
    more = len(changes) - 1 + event.left_out
    others = f", and {more} more change{'s' if more > 1 else ''} of {event.alarms} alarms" if more else ""
    danger = (
        "This is beyond what is tolerated and may harm patients."
        if advice.harm is Harm.DANGEROUS
        else "Whether it does harm is not known."
    )
    still_used = persists(list(event.changes.values()), known.timeline, policy)
    since = f"Since {say_time(event.onset_from_ms)} (at the latest {say_time(event.onset_to_ms)})"
    parts = (
        f"{since}, in {say_place(event.scope, event.tenants())}: {say_change(changes[0])}{others}.",
        _CAUSES[drift_class],
        danger,
        _say_rollout(known),
        "The release is still in use nevertheless." if still_used else "",
        f"Closed: {known.closing}." if known.closing else f"Next: {_STEPS[advice.next_step]} ({advice.owner}).",
    )
    return " ".join(part for part in parts if part)


def _say_rollout(known: Circumstances) -> str:
    timeline = known.timeline
    if timeline is None or timeline.ended_ms is None:
        return ""
    when = say_time(timeline.ended_ms)
    because = f" because of {', '.join(map(say_signal, timeline.deciding))}" if timeline.deciding else ""
    match timeline.phase:
        case RolloutPhase.PROMOTED:
            return f"The guard promoted the release at {when}."
        case RolloutPhase.ROLLED_BACK:
            answers = f"{known.acknowledged} of {known.targets} targets have confirmed it"
            return f"The guard already rolled the release back at {when}{because}; {answers}."
        case _:
            return f"The exposure lapsed at {when}{because}."

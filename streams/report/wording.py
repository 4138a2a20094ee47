"""What the page says in words: the verdict, and what each class, harm and step means to a clinic."""

from datetime import UTC, datetime
from typing import Final

from homeostat.schemas.cohort import Layer
from homeostat.schemas.drift_event import (
    ClassEvidence,
    Disposition,
    DriftClass,
    DriftEvent,
    EventStatus,
    Harm,
    NextStep,
    SignalChange,
)
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.signal import Direction
from homeostat.streams.report.model import Report, RolloutView, Standing
from homeostat.streams.report.units import say_cohort, say_column

HARMS: Final = {
    Harm.DANGEROUS: "dangerous",
    Harm.UNDETERMINED: "harm not known",
    Harm.BENIGN: "harmless",
    Harm.BENEFICIAL: "an improvement",
}
CLASSES: Final = {
    DriftClass.DATA_DRIFT: "What goes in has changed (data drift)",
    DriftClass.RELEASE_REGRESSION: "A release made it worse (release regression)",
    DriftClass.PROMPT_DRIFT: "What is served is not what was declared (prompt drift)",
    DriftClass.CONCEPT_DRIFT: "The same work has other outcomes (concept drift)",
    DriftClass.POLICY_DRIFT: "Safety rules are not kept as before (policy drift)",
    DriftClass.WORKFLOW_DRIFT: "The work runs differently (workflow drift)",
    DriftClass.PRODUCT_MISMATCH: "People work around it (product mismatch)",
    DriftClass.UNEXPLAINED: "No known cause explains it (unexplained)",
}
STEPS: Final = {
    NextStep.ROLL_BACK: "Take the release back.",
    NextStep.HOLD_ROLLOUT: "Hold the rollout until this is understood.",
    NextStep.CHECK_INPUTS: "Check what feeds the work: microphones, templates, forms, the mix of visits.",
    NextStep.CHECK_CONFIGURATION: "Compare what is served with what was declared: prompts, model, routing.",
    NextStep.REVIEW_SAMPLE: "Let a clinician read the sample below.",
    NextStep.ENFORCE_POLICY: "Enforce the safety rule that is no longer kept.",
    NextStep.REVIEW_WORKFLOW: "Look at the steps of the work that changed.",
    NextStep.ASK_USERS: "Ask the people who use it what they work around.",
    NextStep.ACCEPT_BASELINE: "Accept it as the new normal: seal a new baseline.",
    NextStep.WATCH: "Nothing to do but watch.",
    NextStep.OPEN_INCIDENT: "Open an incident.",
}
DISPOSITIONS: Final = {
    Disposition.DRAFT_FIX: "a fix is drafted and waits for approval",
    Disposition.REVIEW_QUEUE: "in the queue for people to look at",
    Disposition.INCIDENT: "an incident",
    Disposition.NONE: "nobody has to act",
}
LAYERS: Final = {
    Layer.PLATFORM: "The whole platform",
    Layer.SPECIALTY: "By specialty, across clinics",
    Layer.WORKFLOW: "By kind of work, across clinics",
    Layer.TENANT: "By clinic",
    Layer.TENANT_WORKFLOW: "By clinic and kind of work",
    Layer.LEAF: "By clinic, specialty and kind of work",
}
STANDINGS: Final = {
    Standing.CHANGED: "changed",
    Standing.STEADY: "steady",
    Standing.LEARNING: "not judged yet",
    Standing.UNKNOWN: "nothing known",
}
PHASES: Final = {
    RolloutPhase.PENDING: "waiting to begin",
    RolloutPhase.EXPOSING: "on trial",
    RolloutPhase.HELD: "held",
    RolloutPhase.PROMOTED: "promoted",
    RolloutPhase.ROLLED_BACK: "taken back",
    RolloutPhase.LAPSED: "ended without a verdict",
}


def say_verdict(report: Report) -> str:
    """One sentence: what a reader has to know if it is all that they read."""
    return say_findings(report)[0]


def say_findings(report: Report) -> list[str]:
    """What was found as sentences, the gravest first; at least one."""
    if not report.sessions:
        return ["No work was seen in this period, so nothing can be said about it."]
    events = [view.event for view in report.events]
    still = [event for event in events if event.status is not EventStatus.CLOSED]
    dangerous = [event for event in still if event.harm is Harm.DANGEROUS]
    unclear = [event for event in still if event.harm is Harm.UNDETERMINED]
    was = sum(event.harm is Harm.DANGEROUS for event in events) - len(dangerous)
    acted = sum(event.disposition is Disposition.NONE for event in dangerous)
    urgent = len(dangerous) - acted
    found = []
    if urgent:
        found.append(f"{_count(urgent, 'dangerous change')} {_need(urgent)} action now.")
    if acted:
        found.append(f"{_count(acted, 'dangerous change')} {_has(acted)} been acted on and {_is(acted)} still watched.")
    if unclear:
        found.append(f"{_count(len(unclear), 'change')} of unknown harm {_need(len(unclear))} a person's judgement.")
    if was:
        found.append(f"{_count(was, 'dangerous change')} {'was' if was == 1 else 'were'} found and {_has(was)} ended.")
    return found or [_say_calm(report, len(events))]


def say_coverage(report: Report) -> str:
    """What the verdict covers, and what it does not."""
    if not report.cohorts:
        return ""
    silent = report.cohorts - report.judged
    said = f"{report.judged} of {_count(report.cohorts, 'cohort')} could be judged in full."
    others = "one less is known, and its" if silent == 1 else f"{silent:,} less is known, and their"
    return f"{said} About the other {others} silence is not health." if silent else said


def say_headline(event: DriftEvent) -> str:
    """What happened and where, in a few words."""
    where = "at" if event.scope.tenant else "on" if event.scope.layer is Layer.PLATFORM else "in"
    if event.changes:
        what = say_movement(event.changes[0])
    else:
        what = "Something changed" if event.rollout is None else "A release on trial was judged"
    return f"{what} {where} {say_cohort(event.scope)}"


def say_movement(change: SignalChange) -> str:
    """Which signal went which way."""
    verb = "fell" if change.direction is Direction.DOWN else "rose"
    return _capital(f"{say_column(change.signal)} {verb}")


def sort_reasons(event: DriftEvent) -> tuple[list[ClassEvidence], list[tuple[DriftClass, list[ClassEvidence]]]]:
    """What speaks for and against the kinds that the event is called, and the others' reasons by kind."""
    called = {event.drift_class, *event.also}
    own = [each for each in event.evidence if each.drift_class in called]
    others: dict[DriftClass, list[ClassEvidence]] = {}
    for each in event.evidence:
        if each.drift_class not in called:
            others.setdefault(each.drift_class, []).append(each)
    return sorted(own, key=lambda each: not each.supports), list(others.items())


def say_status(event: DriftEvent) -> str:
    """Whether the event is still open."""
    if event.status is not EventStatus.CLOSED:
        return "open"
    return f"closed: {event.closed_because}" if event.closed_because else "closed"


def say_rollout(view: RolloutView) -> str:
    """How a rollout stands."""
    return PHASES[view.decisions[-1].phase] if view.decisions else PHASES[RolloutPhase.PENDING]


def say_time(epoch_ms: int) -> str:
    """A moment, to the minute, in UTC.

    >>> say_time(1_700_000_000_000)
    '14 Nov 2023, 22:13'
    """
    at = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    return f"{at.day} {at:%b %Y, %H:%M}"


def say_interval(from_ms: int, to_ms: int) -> str:
    """Two moments; one where they are the same minute, the day once where it is the same.

    >>> say_interval(1_700_000_000_000, 1_700_000_005_000), say_interval(1_700_000_000_000, 1_700_000_600_000)
    ('14 Nov 2023, 22:13', '14 Nov 2023, 22:13 to 22:23')
    """
    first, last = say_time(from_ms), say_time(to_ms)
    if first == last:
        return first
    day, time = last.split(", ")
    return f"{first} to {time if first.startswith(day) else last}"


def say_duration(ms: float) -> str:
    """How long, in the largest fitting unit.

    >>> say_duration(90_000), say_duration(3 * 86_400_000)
    ('90 seconds', '3 days')
    """
    for size, name, least in ((86_400_000, "day", 2), (3_600_000, "hour", 2), (60_000, "minute", 2)):
        if ms >= least * size:
            return _count(round(ms / size), name)
    return _count(round(ms / 1000), "second")


def _say_calm(report: Report, events: int) -> str:
    if not report.judged and report.cohorts:
        return "No cohort has a whole baseline yet: nothing was found, and nothing could be."
    if events:
        noted = f"{_count(events, 'harmless change')} {'was' if events == 1 else 'were'} noted"
        return f"Nothing dangerous was found; {noted}."
    return "No drift was found."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _has(number: int) -> str:
    return "has" if number == 1 else "have"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _need(number: int) -> str:
    return "needs" if number == 1 else "need"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

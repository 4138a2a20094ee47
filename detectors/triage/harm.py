"""Is it bad: guardrails decide, beyond their tolerance only; what people found in the sample revises it."""

from collections.abc import Iterator
from typing import NamedTuple

from homeostat.detectors.triage.beside import Standing, judge_companion, moved_harmfully
from homeostat.detectors.triage.change_of import is_beneficial, is_dangerous
from homeostat.detectors.triage.open_event import OpenEvent
from homeostat.detectors.triage.timeline import RolloutTimeline
from homeostat.detectors.triage.together import Together, weigh_together
from homeostat.detectors.triage.wording import say_alarm, say_companion
from homeostat.schemas.alarm import Companion
from homeostat.schemas.drift_event import Harm
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Carrier, Role

_QUOTED = 3
_NAMED = 6


class HarmFound(NamedTuple):
    """The harm, and the reasons for it with their numbers."""

    harm: Harm
    reasons: tuple[str, ...]


def judge_harm(event: OpenEvent, timeline: RolloutTimeline | None, policy: Policy) -> HarmFound:
    """Judge an event's harm.

    Dangerous: a guardrail beyond its tolerance in the harmful direction (by an alarm, by the 99 % interval of one that
    stood beside an alarm, or by the guard), a `never` or a limit crossed. Beneficial: a guardrail beyond it in the
    good direction, and none in the harmful one. Benign: every guardrail has been seen in every cohort that moved, is
    shown to be no worse than its tolerance over them together (`weigh_together`), and speaks for harm in none. Else
    undetermined. Verdicts of people turn any of these to dangerous, and undetermined to benign; they never turn a
    guardrail's danger down.
    """
    found = _judge_numbers(event, timeline, policy)
    said, read = event.reviews.say(), event.reviews.judge()
    revised = read is Harm.DANGEROUS or (read is Harm.BENIGN and found.harm is Harm.UNDETERMINED)
    harm = read if revised and read is not None else found.harm
    return HarmFound(harm, (*found.reasons, *((said,) if said else ())))


def _judge_numbers(event: OpenEvent, timeline: RolloutTimeline | None, policy: Policy) -> HarmFound:
    bad, good = list(_list_harmful(event, timeline)), list(_list_beneficial(event))
    if bad:
        return HarmFound(Harm.DANGEROUS, tuple(bad[:_QUOTED]))
    if good and not _has_doubt(event):
        return HarmFound(Harm.BENEFICIAL, tuple(good[:_QUOTED]))
    doubt = list(_list_doubts(event, policy))
    if doubt:
        more = f" and {len(doubt) - _NAMED} more" if len(doubt) > _NAMED else ""
        return HarmFound(Harm.UNDETERMINED, (f"not shown within tolerance: {', '.join(doubt[:_NAMED])}{more}",))
    held = [together.say() for together in weigh_guardrails(event)]
    return HarmFound(Harm.BENIGN, (f"every guardrail is within tolerance: {'; '.join(held[:_QUOTED])}",))


def _list_harmful(event: OpenEvent, timeline: RolloutTimeline | None) -> Iterator[str]:
    if timeline is not None and timeline.judged_harmful:
        yield f"the guard's verdict is {timeline.verdict}: {timeline.reason}"
    for alarm in event.gravest_first():
        if is_dangerous(alarm):
            yield say_alarm(alarm)
    for row in event.besides.values():
        for each in row.guardrails:
            if judge_companion(each) is Standing.BEYOND and moved_harmfully(each):
                yield say_companion(each, row.cohort)


def _list_beneficial(event: OpenEvent) -> Iterator[str]:
    for alarm in event.gravest_first():
        if is_beneficial(alarm):
            yield say_alarm(alarm)
    for row in event.besides.values():
        for each in row.guardrails:
            if judge_companion(each) is Standing.BEYOND and not moved_harmfully(each):
                yield say_companion(each, row.cohort)


def _has_doubt(event: OpenEvent) -> bool:
    """Whether a guardrail has moved in the harmful direction, though not surely beyond its tolerance."""
    if any(alarm.role is Role.GUARDRAIL and alarm.harmful for alarm in event.changes.values()):
        return True
    held = (each for row in event.besides.values() for each in row.guardrails)
    return any(judge_companion(each) is Standing.MOVED and moved_harmfully(each) for each in held)


def _list_doubts(event: OpenEvent, policy: Policy) -> Iterator[str]:
    """The guardrails that are not shown to be within tolerance; what gateways report is the guard's to judge."""
    names = {
        spec.name for spec in policy.columns if spec.role is Role.GUARDRAIL and spec.carrier is not Carrier.EXPOSURE
    }
    alarms = [alarm for alarm in event.changes.values() if alarm.role is Role.GUARDRAIL]
    good = {alarm.signal for alarm in alarms if not alarm.harmful}
    held = good | {together.signal for together in weigh_guardrails(event) if together.is_held}
    held -= {alarm.signal for alarm in alarms if alarm.harmful}
    yield from sorted(names - held)
    seen = {(row.cohort.key, each.signal) for row in event.besides.values() for each in row.guardrails if each.sessions}
    seen |= {(alarm.cohort.key, alarm.signal) for alarm in alarms}
    yield from (f"{name} in {key}" for key in event.leaves for name in sorted(held) if (key, name) not in seen)
    if event.rest_tags is not None or not event.leaves:
        yield "the guardrails of the single cohorts (no leaf among the alarms, or more than are kept)"
    for row in event.besides.values():
        for each in row.guardrails:
            if judge_companion(each) is Standing.MOVED and moved_harmfully(each):
                yield f"{each.signal} in {row.cohort.key}"


def weigh_guardrails(event: OpenEvent) -> list[Together]:
    """Every guardrail that stood beside the event's alarms, over their cohorts together, by name."""
    found: dict[str, list[Companion]] = {}
    for row in event.besides.values():
        for each in row.guardrails:
            found.setdefault(each.signal, []).append(each)
    return [weigh_together(found[name]) for name in sorted(found)]

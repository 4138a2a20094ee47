"""Is it bad: guardrails decide, beyond their tolerance only; what people found in the sample revises it."""

from collections.abc import Iterator
from typing import NamedTuple

from homeostat.detectors.triage.beside import Standing, judge_companion, moved_harmfully
from homeostat.detectors.triage.change_of import is_beneficial, is_dangerous
from homeostat.detectors.triage.held import find_cover, is_partial, list_guarded
from homeostat.detectors.triage.open_event import OpenEvent
from homeostat.detectors.triage.scope import choose_besides
from homeostat.detectors.triage.timeline import RolloutTimeline
from homeostat.detectors.triage.wording import say_alarm, say_companion
from homeostat.schemas.drift_event import Harm
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Role

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
    good direction, and none in the harmful one. Benign: every guardrail of every cohort that moved is shown to be no
    worse than its tolerance. Else undetermined. Verdicts of people turn any of these to dangerous, and undetermined to
    benign; they never turn a guardrail's danger down.
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
    return _judge_held(event, policy)


def _judge_held(event: OpenEvent, policy: Policy) -> HarmFound:
    """Benign where every guardrail is shown to be held; what is not shown is named."""
    if is_partial(event) and find_cover(event) is None:
        single = "the guardrails of the single cohorts (more of them moved than are kept)"
        return HarmFound(Harm.UNDETERMINED, (f"not shown within tolerance: {single}",))
    guarded = list(list_guarded(event, policy))
    missing = [each.reason for each in guarded if not each.held]
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        return HarmFound(Harm.UNDETERMINED, (f"not shown within tolerance: {'; '.join(missing[:_NAMED])}{more}",))
    rows = choose_besides(event).values()
    numbers = [say_companion(each, row.cohort) for row in rows for each in row.guardrails]
    shown = "; ".join([*(each.reason for each in guarded), *numbers[:_QUOTED]])
    return HarmFound(Harm.BENIGN, (f"every guardrail is within tolerance: {shown}",))


def _list_harmful(event: OpenEvent, timeline: RolloutTimeline | None) -> Iterator[str]:
    if timeline is not None and timeline.judged_harmful:
        yield f"the guard's verdict is {timeline.verdict}: {timeline.reason}"
    for alarm in event.gravest_first():
        if is_dangerous(alarm):
            yield say_alarm(alarm)
    for row in choose_besides(event).values():
        for each in row.guardrails:
            if judge_companion(each) is Standing.BEYOND and moved_harmfully(each):
                yield say_companion(each, row.cohort)


def _list_beneficial(event: OpenEvent) -> Iterator[str]:
    for alarm in event.gravest_first():
        if is_beneficial(alarm):
            yield say_alarm(alarm)
    for row in choose_besides(event).values():
        for each in row.guardrails:
            if judge_companion(each) is Standing.BEYOND and not moved_harmfully(each):
                yield say_companion(each, row.cohort)


def _has_doubt(event: OpenEvent) -> bool:
    """Whether a guardrail has moved in the harmful direction, though not surely beyond its tolerance."""
    if any(alarm.role is Role.GUARDRAIL and alarm.harmful for alarm in event.changes.values()):
        return True
    held = (each for row in choose_besides(event).values() for each in row.guardrails)
    return any(judge_companion(each) is Standing.MOVED and moved_harmfully(each) for each in held)

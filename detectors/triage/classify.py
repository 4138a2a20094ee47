"""What kind of change an event is: the evidence for and against each class, and the class it leaves."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from homeostat.detectors.triage.grouping import find_twins
from homeostat.detectors.triage.open_event import OpenEvent
from homeostat.detectors.triage.timeline import RolloutTimeline
from homeostat.detectors.triage.wording import say_alarm, say_time
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.drift_event import ClassEvidence, DriftClass
from homeostat.schemas.signal import Family
from homeostat.schemas.trace import Arm

_SHOWN = 3


class Arms(NamedTuple):
    """An event's alarms by what they say about the arms: only the candidate's, both arms', or no candidate's."""

    candidate_only: list[Alarm]
    both: list[Alarm]
    others: list[Alarm]


def split_arms(event: OpenEvent) -> Arms:
    """Split the alarms kept, gravest first; a change shown by both arms of one leaf counts as both."""
    arms = Arms([], [], [])
    for alarm in event.gravest_first():
        if any(event.holds(twin, alarm.signal, alarm.direction) for twin in find_twins(alarm.cohort)):
            arms.both.append(alarm)
        elif alarm.cohort.arm is Arm.CANDIDATE:
            arms.candidate_only.append(alarm)
        else:
            arms.others.append(alarm)
    return arms


def classify(event: OpenEvent, timeline: RolloutTimeline | None) -> tuple[DriftClass, tuple[ClassEvidence, ...]]:
    """Give the class and the evidence for and against the classes that were weighed.

    Release regression: an output moved on the exposed arm only, after its exposure began, and the inputs did not move
    on that arm alone. Data drift: an input moved, in both arms or where there is no rollout. Otherwise unexplained.
    """
    arms = split_arms(event)
    release = list(_weigh_release(event, arms, timeline))
    data = list(_weigh_data(arms))
    if release and all(item.supports for item in release):
        chosen = DriftClass.RELEASE_REGRESSION
    elif data and all(item.supports for item in data):
        chosen = DriftClass.DATA_DRIFT
    else:
        chosen = DriftClass.UNEXPLAINED
    supports = chosen is DriftClass.UNEXPLAINED
    reason = "neither the release nor the inputs explain it" if supports else f"{chosen.value} explains it"
    rest = ClassEvidence(drift_class=DriftClass.UNEXPLAINED, supports=supports, reason=reason)
    return chosen, (*release, *data, rest)


def _weigh_release(event: OpenEvent, arms: Arms, timeline: RolloutTimeline | None) -> Iterator[ClassEvidence]:
    moved = [alarm for alarm in arms.candidate_only if alarm.family is not Family.INPUT]
    inputs = [alarm for alarm in arms.candidate_only if alarm.family is Family.INPUT]
    if event.rollout is None or timeline is None:
        yield _release(False, "no rollout of a release is known for the cohorts that moved")
        return
    yield _release(
        bool(moved), f"only the exposed arm moved: {_quote(moved)}" if moved else "no output moved on it alone"
    )
    if arms.both:
        yield _release(bool(moved), f"both arms moved alike: {_quote(arms.both)}")
    if inputs:
        yield _release(False, f"what the exposed arm was given differs, which a release does not do: {_quote(inputs)}")
    yield _weigh_times(event, timeline)
    if timeline.judged_harmful:
        yield _release(
            True, f"the guard judged the candidate against its control: harmful in {', '.join(timeline.deciding)}"
        )


def _weigh_times(event: OpenEvent, timeline: RolloutTimeline) -> ClassEvidence:
    if timeline.began_ms is None:
        return _release(True, f"the beginning of rollout {event.rollout}'s exposure was not seen; only it has this arm")
    after = event.onset_to_ms >= timeline.began_ms
    times = f"onset {say_time(event.onset_to_ms)}, exposure from {say_time(timeline.began_ms)}"
    return _release(after, f"the change came {'after' if after else 'before'} the exposure began: {times}")


def _weigh_data(arms: Arms) -> Iterator[ClassEvidence]:
    inputs = [alarm for alarm in (*arms.both, *arms.others) if alarm.family is Family.INPUT]
    alone = [alarm for alarm in arms.candidate_only if alarm.family is Family.INPUT]
    yield _data(
        bool(inputs), f"inputs moved: {_quote(inputs)}" if inputs else "no input moved in the arm that is not tried"
    )
    if alone:
        yield _data(bool(inputs), f"an input moved on the exposed arm alone: {_quote(alone)}")


def _quote(alarms: Sequence[Alarm]) -> str:
    shown = "; ".join(say_alarm(alarm) for alarm in alarms[:_SHOWN])
    return shown if len(alarms) <= _SHOWN else f"{shown}; and {len(alarms) - _SHOWN} more"


def _release(supports: bool, reason: str) -> ClassEvidence:
    return ClassEvidence(drift_class=DriftClass.RELEASE_REGRESSION, supports=supports, reason=reason[:2000])


def _data(supports: bool, reason: str) -> ClassEvidence:
    return ClassEvidence(drift_class=DriftClass.DATA_DRIFT, supports=supports, reason=reason[:2000])

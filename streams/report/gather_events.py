"""Events for the page: the most dangerous first, and before others what asks for an act, each with pictures."""

from collections.abc import Mapping, Sequence
from typing import Final

from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.drift_event import Disposition, DriftEvent, EventStatus, Harm, SignalChange
from homeostat.schemas.signal import Direction, SignalSpec
from homeostat.schemas.trace import Arm
from homeostat.streams.report.leaf_watch import direction_field
from homeostat.streams.report.model import EventView, Mean, Picture, Trace
from homeostat.streams.report.observer import Observer, leaf_of
from homeostat.streams.report.series import UP, Sample, Series

MOST_PICTURES: Final = 36
PICTURES_EACH: Final = 2
MOST_POINTS: Final = 72
_DANGER = [Harm.DANGEROUS, Harm.UNDETERMINED, Harm.BENIGN, Harm.BENEFICIAL]


def view_events(events: Sequence[DriftEvent], observer: Observer, from_ms: int) -> list[EventView]:
    """Give the events in the order in which people should read them."""
    columns = {} if observer.policy is None else {spec.name: spec for spec in observer.policy.columns}
    views: list[EventView] = []
    left = MOST_PICTURES
    groups: dict[tuple[object, ...], list[DriftEvent]] = {}
    for event in sorted(events, key=_urgency):
        groups.setdefault(_subject(event), []).append(event)
    for event, *again in groups.values():
        pictures = _draw(event, columns, observer, from_ms, min(left, PICTURES_EACH))
        left -= len(pictures)
        why = "" if pictures else _say_why(event, left)
        views.append(EventView(event, pictures, why, tuple(again)))
    return views


def find_samples(cohort: Cohort, signal: str, observer: Observer) -> list[Sample]:
    """The samples of one signal of a cohort; none for a cohort that had no room."""
    series: Series | None
    if cohort.layer is Layer.LEAF:
        series, row = observer.leaves.series, observer.leaves.rows.get(leaf_of(cohort))
        column = observer.leaves.columns.get(signal)
    else:
        series, row = observer.parents.series, observer.parents.rows.get(cohort.key)
        column = observer.parents.columns.get(signal)
    return [] if series is None or row is None or column is None else series.of(row, column)


def merge_means(samples: Sequence[Sample], most: int = MOST_POINTS) -> list[Mean]:
    """Means over neighbouring samples, at most so many; intervals without sessions are left out."""
    size = max(1, -(-len(samples) // most))
    merged = []
    for first in range(0, len(samples), size):
        chosen = samples[first : first + size]
        sessions, referenced = (sum(each) for each in zip(*((s.sessions, s.referenced) for s in chosen), strict=True))
        if sessions:
            total = sum(sample.total for sample in chosen)
            bounds = [
                min(1.0, sum(getattr(sample, name) for sample in chosen) / referenced) if referenced else None
                for name in ("mean", "lower", "upper")
            ]
            merged.append(Mean(chosen[-1].until_ms, round(sessions), min(1.0, total / sessions), *bounds))
    return merged


def _urgency(event: DriftEvent) -> tuple[object, ...]:
    closed = event.status is EventStatus.CLOSED
    in_hand = event.disposition is Disposition.NONE
    return closed, _DANGER.index(event.harm), in_hand, event.onset_from_ms, event.event


def _subject(event: DriftEvent) -> tuple[object, ...]:
    """What events have in common that read the same."""
    first = [(change.signal, change.direction) for change in event.changes[:1]]
    return event.harm, event.drift_class, event.next_step, event.scope.key, *first


def _draw(
    event: DriftEvent, columns: Mapping[str, SignalSpec], observer: Observer, from_ms: int, most: int
) -> list[Picture]:
    """Pictures of the gravest signals, each in a leaf if it changed in one: a leaf has a baseline with bounds."""
    chosen: dict[str, SignalChange] = {}
    for change in event.changes:
        held = chosen.get(change.signal)
        if held is None or (held.cohort.layer is not Layer.LEAF and change.cohort.layer is Layer.LEAF):
            chosen[change.signal] = change
    pictures: list[Picture] = []
    for signal, change in chosen.items():
        if len(pictures) < most and signal in columns:
            found = _picture(event, change, columns[signal], observer, from_ms)
            pictures += [] if found is None else [found]
    return pictures


def _picture(
    event: DriftEvent, change: SignalChange, spec: SignalSpec, observer: Observer, from_ms: int
) -> Picture | None:
    cohort, signal = change.cohort, change.signal
    samples = find_samples(cohort, signal, observer)
    means = merge_means(samples)
    if not means:
        return None
    is_up = direction_field(change.direction is Direction.UP) == UP
    before, after = _shapes(cohort, signal, observer)
    began = observer.since_ms(cohort)
    alarm = observer.first_alarm(cohort, signal)
    onset = event if alarm is None else alarm
    return Picture(
        change=change,
        spec=spec,
        from_ms=from_ms if began is None or _on_trial(cohort) else max(from_ms, began),
        means=means,
        evidence=[Trace(sample.until_ms, sample.up if is_up else sample.down) for sample in samples],
        before=before,
        after=after,
        onset_from_ms=onset.onset_from_ms,
        onset_to_ms=onset.onset_to_ms,
        noticed_ms=None if alarm is None else alarm.log_time_ms,
        beside=tuple(_means_beside(cohort, signal, observer)),
    )


def _shapes(cohort: Cohort, signal: str, observer: Observer) -> tuple[list[int], list[int]]:
    """Sessions by value before the onset and since; for a release on trial, those on the release in use and its own."""
    if _on_trial(cohort):
        baseline, control = (observer.histogram(other, signal) for other in _others(cohort))
        return (baseline + control).tolist(), observer.histogram(cohort, signal).tolist()
    shape = observer.shapes.get((cohort.key, signal))
    if shape is None:
        return [], []
    since_alarm = observer.histogram(cohort, signal) - shape.until_alarm
    before, after = shape.until_alarm - shape.since_onset, shape.since_onset + since_alarm.clip(0)
    return before.clip(0).tolist(), after.tolist()


def _means_beside(cohort: Cohort, signal: str, observer: Observer) -> list[Mean]:
    if not _on_trial(cohort):
        return []
    baseline, control = (find_samples(other, signal, observer) for other in _others(cohort))
    both = [_add(*pair) for pair in zip(baseline, control, strict=True)] if control else baseline
    return merge_means(both)


def _on_trial(cohort: Cohort) -> bool:
    return cohort.arm is Arm.CANDIDATE


def _others(cohort: Cohort) -> tuple[Cohort, Cohort]:
    """The same leaf on the release in use: outside a trial, and beside it."""
    return cohort.model_copy(update={"arm": Arm.BASELINE}), cohort.model_copy(update={"arm": Arm.CONTROL})


def _add(one: Sample, other: Sample) -> Sample:
    sums = [a + b for a, b in zip(one[1:-2], other[1:-2], strict=True)]
    return Sample._make([one.until_ms, *sums, max(one.up, other.up), max(one.down, other.down)])


def _say_why(event: DriftEvent, left: int) -> str:
    if not event.changes:
        return "No chart: the guard judged pairs of sessions; its decisions are under “Release trials”."
    if left <= 0:
        return f"No chart: this page draws the {MOST_PICTURES} gravest changes; the figures below are complete."
    return "No chart: this cohort was not followed over time; the figures below are complete."

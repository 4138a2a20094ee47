"""Events for the page: the most dangerous first, each with pictures of its gravest changes."""

from collections.abc import Mapping, Sequence
from typing import Final

from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.drift_event import DriftEvent, EventStatus, Harm, SignalChange
from homeostat.schemas.signal import Direction, SignalSpec
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
        why = "" if pictures else _say_why(left)
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
    return _DANGER.index(event.harm), closed, event.onset_from_ms, event.event


def _subject(event: DriftEvent) -> tuple[object, ...]:
    """What events have in common that read the same."""
    first = [(change.signal, change.direction) for change in event.changes[:1]]
    return event.harm, event.drift_class, event.next_step, event.scope.key, *first


def _draw(
    event: DriftEvent, columns: Mapping[str, SignalSpec], observer: Observer, from_ms: int, most: int
) -> list[Picture]:
    pictures: list[Picture] = []
    seen: set[str] = set()
    for change in event.changes:
        if len(pictures) >= most:
            break
        if change.signal in columns and change.signal not in seen:
            found = _picture(event, change, columns[change.signal], observer, from_ms)
            if found is not None:
                seen.add(change.signal)
                pictures.append(found)
    return pictures


def _picture(
    event: DriftEvent, change: SignalChange, spec: SignalSpec, observer: Observer, from_ms: int
) -> Picture | None:
    samples = find_samples(change.cohort, change.signal, observer)
    means = merge_means(samples)
    if not means:
        return None
    side = direction_field(change.direction is Direction.UP)
    evidence = [Trace(sample.until_ms, sample.up if side == UP else sample.down) for sample in samples]
    alarm = observer.alarmed.get(change.alarm)
    shape = observer.shapes.get((change.cohort.key, change.signal))
    before: list[int] = []
    after: list[int] = []
    if shape is not None:
        since_alarm = observer.histogram(change.cohort, change.signal) - shape.until_alarm
        before = (shape.until_alarm - shape.since_onset).clip(0).tolist()
        after = (shape.since_onset + since_alarm.clip(0)).tolist()
    begins = from_ms
    if change.cohort.layer is Layer.LEAF:
        begins = max(from_ms, observer.leaves.since_ms.get(leaf_of(change.cohort), from_ms))
    noticed = None if alarm is None else alarm.log_time_ms
    onset = event if alarm is None else alarm
    return Picture(
        change, spec, begins, means, evidence, before, after, onset.onset_from_ms, onset.onset_to_ms, noticed
    )


def _say_why(left: int) -> str:
    if left <= 0:
        return f"No chart: this page draws the {MOST_PICTURES} gravest changes; the figures below are complete."
    return "No chart: this cohort was not followed over time; the figures below are complete."

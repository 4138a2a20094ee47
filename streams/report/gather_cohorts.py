"""Cohorts for the page, layer by layer: what moved most, what is steady, and about what nothing is known."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from homeostat.detectors.leaf.leaf_key import LeafKey
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.drift_event import DriftEvent
from homeostat.schemas.signal import SignalSpec
from homeostat.schemas.signal_columns import signal_of
from homeostat.schemas.trace import Arm
from homeostat.streams.report.leaves import LeafReader
from homeostat.streams.report.model import CohortRow, LayerTable, Standing, Unjudged
from homeostat.streams.report.observer import Observer
from homeostat.streams.report.parents import ParentReading
from homeostat.streams.report.series import MEAN, REFERENCED, SESSIONS, TOTAL, Floats, Series
from homeostat.streams.report.units import say_column

BUSIEST: Final = 24
"""Cohorts of a layer that are shown beside those with events."""
STRIP: Final = 48
LEAST: Final = 20
"""Fewer sessions than this are not compared with a baseline."""
_WEEK_MS = 604_800_000
_LAYERS = (Layer.PLATFORM, Layer.SPECIALTY, Layer.WORKFLOW, Layer.TENANT, Layer.TENANT_WORKFLOW, Layer.LEAF)


class Moved(NamedTuple):
    """The column that is furthest from its baseline lately, in tolerances."""

    name: str
    before: float
    now: float
    tolerances: float


class Span(NamedTuple):
    """The period, and from when on is 'now'."""

    from_ms: int
    now_ms: int
    to_ms: int


def table_layers(
    observer: Observer, readings: Iterable[ParentReading], events: Iterable[DriftEvent], span: Span
) -> list[LayerTable]:
    """Give the layers that have cohorts, the widest first; in each those with events, then the busiest."""
    changed = {change.cohort.key for event in events for change in event.changes}
    rows = [*_parent_rows(observer, readings, changed, span), *_leaf_rows(observer, changed, span)]
    tables = []
    for layer in _LAYERS:
        of_layer = [row for row in rows if row.cohort.layer is layer]
        busiest = sorted(of_layer, key=lambda row: (row.standing is not Standing.CHANGED, -row.sessions))
        with_events = sum(row.standing is Standing.CHANGED for row in of_layer)
        shown = busiest[: with_events + BUSIEST]
        if of_layer:
            shown.sort(key=lambda row: row.cohort.key)
            tables.append(LayerTable(layer, shown, len(of_layer) - len(shown)))
    return tables


def find_unjudged(observer: Observer, span: Span) -> tuple[list[Unjudged], int]:
    """Give the leaves without a baseline for every column, and how many leaves there are with all."""
    found, whole = [], 0
    for leaf, (reader, slots) in _by_leaf(observer).items():
        why = _say_missing(leaf, reader, slots, span.to_ms - observer.leaves.since_ms.get(leaf, span.from_ms))
        if why:
            found.append(Unjudged(leaf.cohort, reader.progress(slots).sessions, why))
        else:
            whole += 1
    return sorted(found, key=lambda each: (each.sessions, each.cohort.key)), whole


def find_unseen(observer: Observer) -> tuple[str, ...]:
    """Give the watched signals of which no session had a value."""
    seen: dict[str, bool] = {}
    for reader in observer.leaves.readers:
        if reader.world is not None:
            any_of = reader.seen(range(len(reader.leaves()))).tolist()
            for spec, has in zip(reader.specs, any_of, strict=True):
                seen[spec.name] = seen.get(spec.name, False) or has
    lost = dict.fromkeys(signal_of(name) for name, has in seen.items() if not has)
    return tuple(name for name in lost if not any(has for column, has in seen.items() if signal_of(column) == name))


def _leaf_rows(observer: Observer, changed: set[str], span: Span) -> Iterator[CohortRow]:
    columns = {} if observer.policy is None else {spec.name: spec for spec in observer.policy.columns}
    for leaf, (reader, slots) in _by_leaf(observer).items():
        row, series = observer.leaves.rows.get(leaf), observer.leaves.series
        sessions, cohort = reader.progress(slots).sessions, leaf.cohort
        missing = _say_missing(leaf, reader, slots, span.to_ms - observer.leaves.since_ms.get(leaf, span.from_ms))
        known = bool(reader.known(slots).any())
        standing = Standing.STEADY if known else Standing.LEARNING if sessions else Standing.UNKNOWN
        standing = Standing.CHANGED if cohort.key in changed else standing
        if series is None or row is None:
            yield CohortRow(cohort, sessions, standing, [], note="not followed over time")
            continue
        moved = _most_moved(series, row, observer.leaves.columns, columns, span)
        yield _row(cohort, sessions, standing, series, row, moved, missing)


def _parent_rows(
    observer: Observer, readings: Iterable[ParentReading], changed: set[str], span: Span
) -> Iterator[CohortRow]:
    columns = {} if observer.policy is None else {spec.name: spec for spec in observer.policy.columns}
    series = observer.parents.series
    for reading in readings:
        row = observer.parents.rows.get(reading.cohort.key)
        sums = dict(reading.columns())
        sessions = max((each.sessions for each in sums.values()), default=0)
        known = any(each.bet_sessions for each in sums.values())
        standing = Standing.STEADY if known else Standing.LEARNING
        standing = Standing.CHANGED if reading.cohort.key in changed else standing
        if series is None or row is None:
            yield CohortRow(reading.cohort, sessions, standing, [], note="not followed over time")
            continue
        moved = _most_moved(series, row, observer.parents.columns, columns, span)
        note = "" if known else "no member has a baseline yet"
        yield _row(reading.cohort, sessions, standing, series, row, moved, note)


def _row(
    cohort: Cohort, sessions: int, standing: Standing, series: Series, row: int, moved: Moved | None, note: str
) -> CohortRow:
    strip = _shorten(series.strip(row))
    if moved is None:
        return CohortRow(cohort, sessions, standing, strip, note=note)
    return CohortRow(cohort, sessions, standing, strip, moved.name, moved.before, moved.now, moved.tolerances, note)


def _most_moved(
    series: Series, row: int, places: Mapping[str, int], columns: Mapping[str, SignalSpec], span: Span
) -> Moved | None:
    lately, ever = series.latest(row, span.now_ms), series.totals(row)
    found = []
    for name, place in places.items():
        sums = _enough(lately[:, place]) or _enough(ever[:, place])
        if name in columns and sums is not None:
            before, now = sums
            found.append(Moved(name, before, now, (now - before) / max(columns[name].tolerance, 1e-9)))
    return max(found, key=lambda each: abs(each.tolerances), default=None)


def _enough(sums: Floats) -> tuple[float, float] | None:
    """The baseline and the mean, where there are sessions enough for both."""
    if sums[SESSIONS] < LEAST or sums[REFERENCED] < LEAST:
        return None
    return min(1.0, float(sums[MEAN] / sums[REFERENCED])), min(1.0, float(sums[TOTAL] / sums[SESSIONS]))


def _shorten(strip: list[float]) -> list[float]:
    size = max(1, -(-len(strip) // STRIP))
    return [max(strip[first : first + size]) for first in range(0, len(strip), size)]


def _by_leaf(observer: Observer) -> dict[LeafKey, tuple[LeafReader, list[int]]]:
    found: dict[LeafKey, tuple[LeafReader, list[int]]] = {}
    for reader in observer.leaves.readers:
        for slot, leaf in enumerate(reader.leaves()):
            if leaf.band:
                continue
            held = found.setdefault(leaf, (reader, []))
            if held[0] is reader:
                held[1].append(slot)
    return found


def _say_missing(leaf: LeafKey, reader: LeafReader, slots: list[int], span_ms: int) -> str:
    """Why a leaf is not watched, or not in everything; empty for one that is.

    What a release on trial has no baseline for, its trial judges against the control.
    """
    known = reader.known(slots)
    names, wanted = [spec.name for spec in reader.specs], reader.seen(slots) & ~known
    missing = [name for name, wants in zip(names, wanted.tolist(), strict=True) if wants]
    if known.any() and (not missing or leaf.arm is not Arm.BASELINE):
        return ""
    if leaf.arm is not Arm.BASELINE:
        return "no baseline yet where it is tried: judged against its control only"
    progress = reader.progress(slots)
    collected = progress.collected
    if known.any():
        few = ", ".join(say_column(name) for name in missing[:4]) + (" and more" if len(missing) > 4 else "")
        return f"no baseline yet for {few}; everything else is watched"
    if not progress.sessions:
        return "no session has ended yet"
    pace = progress.sessions / max(1, span_ms) * _WEEK_MS
    weeks = (progress.wanted - collected) / pace if pace else 0.0
    more = f"; at this pace it takes {_say_weeks(weeks)} more" if weeks > 0 else ""
    return f"no baseline yet: {min(collected, progress.wanted)} of {progress.wanted} sessions{more}"


def _say_weeks(weeks: float) -> str:
    if weeks >= 1.5:
        return f"about {weeks:.0f} weeks"
    days = round(weeks * 7)
    return f"about {days} days" if days > 1 else "about a day"

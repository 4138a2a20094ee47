"""Draws who works when: sessions by cell, hour and day, and the records in them."""

import zlib
from datetime import UTC, datetime, time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.streams.scenarios.effects_format import Period
from homeostat.streams.scenarios.scenario import Cycle, Scenario

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
_WEEKDAYS = 5
_OFFICE = (0.0,) * 8 + (1.0, 1.2, 1.2, 1.1, 0.5, 1.0, 1.2, 1.2, 1.0, 0.6) + (0.0,) * 6
_MOST_MINUTES = 30
_DEFAULT_SESSIONS = 60.0


class Sessions(NamedTuple):
    """One row a session, in order of their beginning: cell number, clinician's number, ms since the epoch."""

    cell: Ints
    clinician: Ints
    start_ms: Ints


class Records(NamedTuple):
    """One row a record of work, in order of time: its session's row, what the session says of it, its time."""

    session: Ints
    cell: Ints
    clinician: Ints
    work_ms: Ints


def seed_of(scenario: Scenario) -> int:
    """The scenario's seed, or one of its name."""
    return zlib.crc32(scenario.name.encode()) if scenario.seed is None else scenario.seed


def make_rng(scenario: Scenario, label: str) -> np.random.Generator:
    """A stream of its own for each label, so that one more change leaves the other draws as they were."""
    return np.random.default_rng([seed_of(scenario), zlib.crc32(label.encode())])


def start_ms_of(scenario: Scenario) -> int:
    """Day 0, midnight UTC, in ms since the epoch."""
    return round(datetime.combine(scenario.start, time(), UTC).timestamp() * 1000)


def grow(period: Period, days: Floats) -> Floats:
    """How much of a change there is at times in days: 0 before, 1 after its ramp, 0 when it is over."""
    since = days - period.at_day
    grown = np.where(since >= 0, 1.0, 0.0) if period.ramp_days == 0 else np.clip(since / period.ramp_days, 0.0, 1.0)
    return grown if period.until_day is None else np.where(days < period.until_day, grown, 0.0)


def draw_sessions(scenario: Scenario) -> Sessions:
    """Poisson numbers of sessions for every cell and hour, spread evenly within the hour."""
    rng = make_rng(scenario, "sessions")
    expected = expect_sessions(scenario)
    counts = rng.poisson(expected)
    hours, cells = (np.repeat(index, counts.ravel()) for index in np.indices(counts.shape).reshape(2, -1))
    start_ms = start_ms_of(scenario) + ((hours + rng.random(hours.shape[0])) * HOUR_MS).astype(np.int64)
    clinician = rng.integers(0, scenario.clusters.clinicians, hours.shape[0])
    order = np.argsort(start_ms, kind="stable")
    return Sessions(cells[order], clinician[order], start_ms[order])


def draw_records(scenario: Scenario, sessions: Sessions) -> Records:
    """One record a session, or more; the first a minute or two after its beginning, all within half an hour."""
    rng = make_rng(scenario, "records")
    count = sessions.cell.shape[0]
    extra = scenario.clusters.records_per_session - 1.0
    many = 1 + (rng.poisson(extra, count) if extra else np.zeros(count, np.int64))
    session = np.repeat(np.arange(count), many)
    first = np.concatenate(([0], np.cumsum(many)))[:-1]
    is_first = np.arange(session.shape[0]) == first[session]
    minutes = np.where(is_first, 0.0, rng.random(session.shape[0]) * (_MOST_MINUTES - 3))
    delay_ms = ((minutes + 1.0 + rng.random(session.shape[0])) * 60_000).astype(np.int64)
    work_ms = sessions.start_ms[session] + delay_ms
    order = np.argsort(work_ms, kind="stable")
    session = session[order]
    return Records(session, sessions.cell[session], sessions.clinician[session], work_ms[order])


def days_of(scenario: Scenario, at_ms: Ints) -> Floats:
    """Times in days since the scenario's beginning."""
    days: Floats = (at_ms - start_ms_of(scenario)) / DAY_MS
    return days


def hours_of(scenario: Scenario, at_ms: Ints) -> Floats:
    """The hour of the day (UTC) of times."""
    hours: Floats = (at_ms - start_ms_of(scenario)) % DAY_MS / HOUR_MS
    return hours


def is_weekend(scenario: Scenario, at_ms: Ints) -> Mask:
    """Which times are on a Saturday or Sunday."""
    weekend: Mask = ((at_ms - start_ms_of(scenario)) // DAY_MS + scenario.start.weekday()) % 7 >= _WEEKDAYS
    return weekend


def expect_sessions(scenario: Scenario) -> Floats:
    """Expected sessions, float [hour of the scenario, cell]."""
    hours = np.arange(int(np.ceil(scenario.days * 24)))
    weights, weekend = _weigh_hours(scenario.cycle)
    at_ms = start_ms_of(scenario) + hours * HOUR_MS
    by_hour = weights[hours % 24] * np.where(is_weekend(scenario, at_ms), weekend, 1.0)
    cells = scenario.cells()
    expected: Floats = by_hour[:, None] * np.array([_rate(scenario, *cell) for cell in cells])
    days = hours / 24.0
    for number, (tenant, _, _) in enumerate(cells):
        expected[days < scenario.start_up.get(tenant, 0.0), number] = 0.0
    for change in scenario.changes:
        if change.volume != 1.0:
            touched = np.array([change.where.holds(*cell) for cell in cells])
            expected = expected * (1.0 + np.outer(grow(change, days), touched) * (change.volume - 1.0))
    return expected


def _weigh_hours(cycle: Cycle) -> tuple[Floats, float]:
    if isinstance(cycle.hours, str):
        even = cycle.hours == "round_the_clock"
        weights, weekend = np.array((1.0,) * 24 if even else _OFFICE), 1.0 if even else 0.1
    else:
        weights, weekend = np.array(cycle.hours), 0.1
    return weights / weights.sum(), weekend if cycle.weekend is None else cycle.weekend


def _rate(scenario: Scenario, tenant: str, specialty: str, workflow: str) -> float:
    """Sessions of a cell on a weekday."""
    of_specialty = scenario.specialties[specialty] / sum(scenario.specialties.values())
    of_workflow = scenario.workflows[workflow] / sum(scenario.workflows.values())
    told = scenario.sessions_per_day
    if not isinstance(told, dict):
        return told * of_specialty * of_workflow
    for name, part in (
        (f"{tenant}/{specialty}/{workflow}", 1.0),
        (f"{tenant}/{specialty}", of_workflow),
        (tenant, of_specialty * of_workflow),
        (specialty, of_workflow),
    ):
        if name in told:
            return told[name] * part
    return told.get("default", _DEFAULT_SESSIONS) * of_specialty * of_workflow

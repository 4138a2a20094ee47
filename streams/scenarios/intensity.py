"""How much of a change each record feels: 0 not at all, 1 all of it."""

from typing import NamedTuple

import numpy as np

from homeostat.streams.scenarios.effects_format import Period
from homeostat.streams.scenarios.places import Where
from homeostat.streams.scenarios.scenario import Scenario
from homeostat.streams.scenarios.sessions import (
    Floats,
    Ints,
    Mask,
    Records,
    days_of,
    grow,
    hours_of,
    is_weekend,
    make_rng,
)


class Moments(NamedTuple):
    """When and by whom: rows of records, or of sessions (their own rows in `session`)."""

    session: Ints
    cell: Ints
    clinician: Ints
    at_ms: Ints


def of_records(records: Records) -> Moments:
    """The moments of records."""
    return Moments(records.session, records.cell, records.clinician, records.work_ms)


def feel(scenario: Scenario, label: str, where: Where, period: Period | None, rows: Moments) -> Floats:
    """The intensity of a change by row, without its age and sex bands and its arms; `label` names its draws."""
    felt: Floats = choose(scenario, label, where, rows).astype(np.float64)
    return felt if period is None else felt * grow(period, days_of(scenario, rows.at_ms))


def choose(scenario: Scenario, label: str, where: Where, rows: Moments) -> Mask:
    """Which rows are among those that `where` names, bands and arms aside."""
    chosen = np.array([where.holds(*cell) for cell in scenario.cells()])[rows.cell]
    if where.sessions_share < 1:
        most = int(rows.session.max(initial=-1)) + 1
        chosen = chosen & (make_rng(scenario, f"{label}/sessions").random(most) < where.sessions_share)[rows.session]
    if where.clinicians_share < 1:
        chosen = chosen & _draw_clinicians(scenario, label, where)[rows.cell, rows.clinician]
    if where.hours is not None:
        first, last = where.hours
        hours = hours_of(scenario, rows.at_ms)
        within = (hours >= first) & (hours < last) if first < last else (hours >= first) | (hours < last)
        chosen = chosen & within
    if where.days != "all":
        chosen = chosen & (is_weekend(scenario, rows.at_ms) == (where.days == "weekend"))
    return chosen


def _draw_clinicians(scenario: Scenario, label: str, where: Where) -> Mask:
    """[cell, clinician]: who is among the share; the same people in all workflows of a tenant × specialty."""
    rng, count = make_rng(scenario, f"{label}/clinicians"), scenario.clusters.clinicians
    many = max(1, round(where.clinicians_share * count)) if where.clinicians_share else 0
    drawn = {(t, s): rng.permutation(count) < many for t in scenario.tenants for s in scenario.specialties}
    return np.array([drawn[tenant, specialty] for tenant, specialty, _ in scenario.cells()])

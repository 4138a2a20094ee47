"""The null streams: each with and without what the product has against it."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bench.null.laws import BINARY, MAIN, SPREAD, TAILED, TAILED_LOW, TIGHT, WIDE, Floats, Law
from bench.null.measure import EDGE, STILL, Change, Delay, Used, Watched, measure_delays
from bench.null.streams import DAY_MS, FLAT, HOUR_MS, NIGHTS, OFFICE, Cohorts, Stream, Visits
from bench.null.streams import Delay as Late
from bench.null.trial import Trial
from homeostat.schemas.policy import BaselineRule, Budget, Calendar, Dedupe, PartOfWeek, Policy, Times
from homeostat.schemas.signal import Carrier, Direction, Family, Kind, Role, SignalSpec

WEEKS = 4
BUDGET_A_WEEK = 100.0
PAST_EDGE_TOLERANCES, PAST_BASE_TOLERANCES = 2.0, 4.0
DELAY_DAYS = 21
FULL_COHORTS = 2_000
_BARE_SIZE = 0.05
"""The unit of a change where no tolerance is declared."""


class Scenario(NamedTuple):
    """A null stream and the settings it is watched with; `holds`: whether the guarantee covers it.

    `between`: standard deviation of the logarithm of cohorts' means; `lends`: the first references are borrowed.
    """

    name: str
    variant: str
    holds: bool
    laws: Sequence[Law] = (BINARY, WIDE, TIGHT)
    a_day: float = 40.0
    rhythm: Floats = FLAT
    volume: Floats = FLAT
    visits: Visits | None = None
    late: Late | None = None
    spread_days: int = 0
    first_sessions: int = 200
    cohorts_ratio: float = 1.0
    calendar: Calendar = Calendar()
    between: float = 0.0
    lends: bool = False


_SLOW = Late(12.0 * HOUR_MS, 1.2, 7.0 * DAY_MS, 0.8)
_EVEN = Late(12.0 * HOUR_MS, 1.2, 7.0 * DAY_MS, 0.0)
_RATES = (BINARY, WIDE)
_BARE = tuple(law._replace(tolerance=0.0) for law in (BINARY, WIDE, TIGHT))
_PARTS = Calendar(parts=(PartOfWeek(name="day", from_hour=8, to_hour=20),))
SCENARIOS: tuple[Scenario, ...] = (
    Scenario("i.i.d.", "40 a day", True),
    Scenario("i.i.d.", "5 a day", True, a_day=5.0, first_sessions=30),
    Scenario("i.i.d.", "1,000 a day", True, a_day=1000.0, cohorts_ratio=0.25),
    Scenario("no tolerance", "40 a day", True, _BARE),
    Scenario("no tolerance", "400 a day", True, _BARE, 400.0, cohorts_ratio=0.5),
    Scenario("heavy-tailed", "Pareto, tail index 1.2", True, laws=(TAILED, TAILED_LOW)),
    Scenario("spread", "40 a day", True, laws=(MAIN, SPREAD)),
    Scenario("clustered", "a visit's ten records are one session", True, _RATES, 20.0, visits=Visits(10, 3.0, True)),
    Scenario("clustered", "each record is its own session", False, _RATES, 20.0, visits=Visits(10, 3.0, False)),
    Scenario("daily cycle", "no parts declared, 40 a day", False, _RATES, rhythm=NIGHTS),
    Scenario("daily cycle", "no parts declared, 400 a day", False, _RATES, 400.0, rhythm=NIGHTS, cohorts_ratio=0.25),
    Scenario("daily cycle", "day and night as parts, 40 a day", True, _RATES, rhythm=NIGHTS, calendar=_PARTS),
    Scenario(
        "daily cycle",
        "day and night as parts, 400 a day",
        True,
        _RATES,
        400.0,
        rhythm=NIGHTS,
        cohorts_ratio=0.25,
        calendar=_PARTS,
    ),
    Scenario("daily cycle", "volume only", True, _RATES, volume=OFFICE),
    Scenario("late feedback", "40 a day, the same at any age", True, _RATES, late=_EVEN),
    Scenario("late feedback", "400 a day, slow readers edit more", True, _RATES, 400.0, late=_SLOW, cohorts_ratio=0.25),
    Scenario("young cohorts", "begin over 4 weeks, first 30 sessions", True, spread_days=26, first_sessions=30),
    Scenario("young cohorts", "begin over 4 weeks, first 200 sessions", True, spread_days=26),
    Scenario("young cohorts", "held against other tenants, 10 % apart", True, spread_days=26, between=0.1, lends=True),
    Scenario("young cohorts", "held against other tenants, 50 % apart", False, spread_days=26, between=0.5, lends=True),
)


class Row(NamedTuple):
    """A scenario's figures."""

    name: str
    variant: str
    holds: bool
    monitors: int
    sessions: float
    edge: Used
    still: Used
    past_edge: Delay
    past_base: Delay


class Size(NamedTuple):
    """How much is simulated: cohorts of a stream, how often all of it is repeated, and how long it lasts."""

    cohorts: int
    repeats: int
    weeks: int = WEEKS


SIZES = {"small": Size(300, 1), "full": Size(2_000, 1)}


def policy_of(scenario: Scenario, cohorts: int) -> Policy:
    """A budget of 100 a week for 2,000 cohorts, each monitor's share the same at any size."""
    monitors = 2 * cohorts * len(scenario.laws)
    return Policy(
        signals=specs_of(scenario.laws, scenario.late),
        times=Times(bucket_s=3600.0),
        budget=Budget(false_alarms_per_week=BUDGET_A_WEEK * cohorts / FULL_COHORTS, expected_monitors=monitors),
        baseline=BaselineRule(first_sessions=scenario.first_sessions),
        calendar=scenario.calendar,
        dedupe=Dedupe(window_s=60.0, max_entries=1024),
    )


def specs_of(laws: Sequence[Law], late: Late | None = None) -> tuple[SignalSpec, ...]:
    """The signals of a stream's columns."""
    spread = {law.about for law in laws}
    return tuple(_spec_of(s, law, s in spread, late) for s, law in enumerate(laws) if law.about < 0)


def _spec_of(number: int, law: Law, spread: bool, late: Late | None) -> SignalSpec:
    fields: dict[str, Any] = {"carrier": Carrier.FEEDBACK, "max_age_s": late.most_ms / 1000.0} if late else {}
    return SignalSpec(
        name=f"column-{number}",
        family=Family.OUTPUT,
        kind=Kind.BINARY if law.binary else Kind.BOUNDED,
        direction=Direction.UP,
        role=Role.SIGNAL,
        tolerance=law.tolerance,
        spread=spread,
        **fields,
    )


def run_scenario(scenario: Scenario, size: Size, seed: int, tell: Callable[[str], None]) -> Row:
    """Run a stream at the edge and without a change, and then with a change."""
    used = {EDGE: Used(0, 0.0), STILL: Used(0, 0.0)}
    delays = (Delay(math.nan, math.nan, 0), Delay(math.nan, math.nan, 0))
    cohorts = max(1, round(size.cohorts * scenario.cohorts_ratio))
    sessions = 0.0
    for repeat in range(size.repeats):
        for mode in (EDGE, STILL):
            watched = _begin(scenario, cohorts, np.random.default_rng((seed, repeat, mode == EDGE)))
            watched.run(size.weeks * 7 * DAY_MS, mode)
            found = Used(watched.leaf_alarms(mode), watched.declared(watched.now_ms, mode))
            used[mode] = used[mode].plus(found)
            tell(f"{scenario.name}, {scenario.variant}, {mode}: {found.alarms} alarms, {found.declared:.1f} declared")
            sessions = float(watched.trial.sessions.mean())
            if mode == STILL and repeat == 0:
                tolerances = np.array([law.tolerance or _BARE_SIZE for law in scenario.laws])
                change = Change(PAST_EDGE_TOLERANCES * tolerances, PAST_BASE_TOLERANCES * tolerances)
                delays = measure_delays(watched, change, DELAY_DAYS)
    monitors = 2 * cohorts * len(scenario.laws)
    named = (scenario.name, scenario.variant, scenario.holds)
    return Row(*named, monitors, sessions, used[EDGE], used[STILL], *delays)


def _begin(scenario: Scenario, cohorts: int, rng: np.random.Generator) -> Watched:
    trial = Trial(policy_of(scenario, cohorts), lends=scenario.lends)
    for number in range(cohorts):
        trial.add_cohort(f"tenant-{number}", "any", 0)
    trial.begin(0)
    population = Cohorts.alike(cohorts, scenario.a_day, scenario.spread_days * DAY_MS)
    stream = Stream(population, scenario.laws, rng, scenario.rhythm, scenario.volume, scenario.visits, scenario.late)
    factor = np.exp(scenario.between * rng.standard_normal((cohorts, len(scenario.laws))))
    return Watched(trial, stream, np.minimum(factor * np.array([law.mean for law in scenario.laws]), 0.9))

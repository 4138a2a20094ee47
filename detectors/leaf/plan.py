"""The plan: what a policy means for the leaf, as columns of arrays and numbers in the units of the log."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.budget import subgroup_weight_per_ms, weight_per_ms
from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.leaf.parts import HOUR_MS, HOURS, number_hours
from homeostat.detectors.statistics.bets import DOWN, GUARD_BETS, UP, guard_stakes
from homeostat.schemas.cohort import Layer
from homeostat.schemas.policy import BandAxis, Policy
from homeostat.schemas.signal import Carrier, Direction, Family, Kind, Role, SignalSpec, Source
from homeostat.schemas.signal_columns import SPREAD, part_of, signal_of

MEANING: Final = ("kind", "carrier", "low", "high", "source", "steps", "dimensions", "max_age_s", "absence")
"""What of a column's declaration says what its numbers mean."""
WORK, FEEDBACK = 0, 1
"""A session's two lanes: its work, and the feedback on it; the gateway's yield belongs to the work.

Each column of which absence means 0 has a lane of its own after them: what it holds a row of is a bucket of works.
"""
OPEN_BUCKETS = 32
_BUCKETS_OF_AGE, _BUCKETS_AHEAD = 16, 8
"""An age is 16 buckets or fewer, and the time that clocks may be ahead 8: with both ends that is less than 32."""
LATE_SESSIONS = 2
"""A closed session is remembered for this many session lengths: what comes for it meanwhile is late."""
_CARRIERS = (Carrier.EXPOSURE, Carrier.WORK, Carrier.FEEDBACK)

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]


class PlanArrays(NamedTuple):
    """What the kernel reads of a plan; signal columns as in `Plan.specs`.

    `lane` is WORK, FEEDBACK, or that of one of the columns `absent`, of which absence means 0, with `absent_ms` [place,
    (length of a bucket, age at which it is judged)]; `exposure` marks the columns that the gateway's report carries;
    `inputs` are the work columns of the input family; `spread_of` is the column whose distance from its baseline a
    column is (−1 for none), `groups` whether age and sex bands are watched, `limit` a declared limit scaled to [0, 1]
    (nan for none); `wait_ms` is how long after a cohort's first session its reference begins: the age up to which its
    feedback counts, so that quick and slow feedback are there alike. The places of `times` and `weights` are named
    below.
    """

    lane: Bytes
    exposure: Bytes
    binary: Bytes
    logarithmic: Bytes
    never: Bytes
    inputs: Ints
    absent: Ints
    absent_ms: Ints
    wait_ms: Ints
    groups: Bytes
    spread_of: Ints
    limit: Floats
    low: Floats
    width: Floats
    tolerance: Floats
    harm: NDArray[np.int64]
    harmful_stakes: Floats
    non_inferior_stakes: Floats
    times: Ints
    weights: Floats


SESSION_MS, QUOTA, WINDOW, LEAST_RECORDS, REMEMBERED_MS, DEDUPE_MS, DEDUPE_MOST = range(7)
RATE_PER_MS, THRESHOLD, BUILD_RATIO, BASELINE_DELTA, WARM, GROUP_RATE_PER_MS = range(6)
"""Half of a baseline's δ is for the bounds that are sealed, half for those learned afterwards."""


@dataclass(frozen=True)
class Plan:
    """One policy, read for the leaf."""

    policy: Policy

    @cached_property
    def specs(self) -> tuple[SignalSpec, ...]:
        """The columns, ordered so that each kind of record fills neighbours: exposure, work, feedback.

        In each, those that a record names in its `signals` come first, then what is derived from the rest of it; of
        feedback's those before all others of which absence means 0.
        """
        return tuple(
            sorted(
                self.policy.columns,
                key=lambda spec: (_CARRIERS.index(spec.carrier), not is_named(spec), not spec.absence),
            )
        )

    @cached_property
    def lane_columns(self) -> tuple[slice, ...]:
        """The columns of each lane: work (the gateway's yield among them), feedback, each whose absence means 0."""
        first, absent = self.first_feedback, len(self.absent_columns)
        alone = (slice(column, column + 1) for column in self.absent_columns)
        return slice(0, first), slice(first + absent, len(self.specs)), *alone

    @cached_property
    def first_feedback(self) -> int:
        """The first column that feedback fills."""
        return len(self.specs) - len(self.carried_by(Carrier.FEEDBACK))

    @cached_property
    def absent_columns(self) -> tuple[int, ...]:
        """The columns of which absence means 0."""
        return tuple(column for column, spec in enumerate(self.specs) if spec.absence)

    @cached_property
    def lanes(self) -> tuple[int, ...]:
        """The lane of each column."""
        own = {column: FEEDBACK + 1 + place for place, column in enumerate(self.absent_columns)}
        return tuple(own.get(s, FEEDBACK if s >= self.first_feedback else WORK) for s in range(len(self.specs)))

    def absent_times(self, column: int) -> tuple[int, int]:
        """For a column of which absence means 0: the length of its buckets of works, and the age of judgement (ms)."""
        age_ms = round((self.specs[column].max_age_s or 0.0) * 1000)
        longest = max(age_ms / _BUCKETS_OF_AGE, self.bucket_ms, self.max_ahead_ms / _BUCKETS_AHEAD)
        return math.ceil(longest), age_ms

    def wait_ms(self, column: int) -> int:
        """How long after a cohort's first session a column's reference begins.

        What comes before is of quick readers only: the slow ones' feedback on the first works is still to come.
        Where absence means 0 each bucket has been waited for.
        """
        spec = self.specs[column]
        return 0 if spec.absence or spec.max_age_s is None else round(spec.max_age_s * 1000)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(spec.name for spec in self.specs)

    @cached_property
    def column(self) -> dict[str, int]:
        """A signal's column by its name."""
        return {name: index for index, name in enumerate(self.names)}

    @cached_property
    def session_ms(self) -> int:
        return round(self.policy.times.session_s * 1000)

    @cached_property
    def bucket_ms(self) -> int:
        return max(1, round(self.policy.times.bucket_s * 1000))

    @cached_property
    def max_ahead_ms(self) -> int:
        return round(self.policy.times.max_ahead_s * 1000)

    @cached_property
    def dedupe_ms(self) -> int:
        return round(self.policy.dedupe.window_s * 1000)

    @cached_property
    def remembered_ms(self) -> int:
        """How long after its first record a session is remembered."""
        return self.session_ms * (1 + LATE_SESSIONS)

    @cached_property
    def guardrails(self) -> tuple[str, ...]:
        """The signals that may decide a rollout; a tolerance of 1 leaves nothing to decide."""
        return tuple(spec.name for spec in self.specs if spec.role is Role.GUARDRAIL and spec.tolerance < 1.0)

    def carried_by(self, carrier: Carrier) -> tuple[SignalSpec, ...]:
        """The columns that one kind of record fills."""
        return tuple(spec for spec in self.specs if spec.carrier is carrier)

    def named_by(self, carrier: Carrier) -> tuple[SignalSpec, ...]:
        """The columns that one kind of record names in its `signals`: the first of those it fills."""
        return tuple(spec for spec in self.carried_by(carrier) if is_named(spec))

    @cached_property
    def part_of_hour(self) -> tuple[int, ...]:
        """The part of the week, as a number, of each hour of the week that begins on Thursday, 1 January 1970, UTC."""
        return number_hours(self.policy.calendar)

    def part_at(self, time_ms: int) -> int:
        """The part of the week that a time is in."""
        return self.part_of_hour[time_ms // HOUR_MS % HOURS]

    @cached_property
    def part_names(self) -> tuple[str, ...]:
        """What keys call the parts; the first has no name, as there is always one."""
        return ("", *(f"part-{number}" for number in range(1, max(self.part_of_hour) + 1)))

    @cached_property
    def feedback_ages_ms(self) -> tuple[float, ...]:
        """The age beyond which each feedback signal does not count; infinite where none is declared."""
        ages = (spec.max_age_s for spec in self.carried_by(Carrier.FEEDBACK))
        return tuple(math.inf if age_s is None else age_s * 1000.0 for age_s in ages)

    @cached_property
    def arrays(self) -> PlanArrays:
        specs, budget, refusals = self.specs, self.policy.budget, self.policy.refusals
        harmful, non_inferior = _stack_stakes(specs)
        rate = weight_per_ms(budget, Layer.LEAF)
        quota, dedupe = self.policy.tenant_records_per_bucket, self.policy.dedupe
        least = refusals.tenant_min_records
        times = (self.session_ms, quota, refusals.window_records, least, self.remembered_ms, self.dedupe_ms)
        return PlanArrays(
            lane=np.array(self.lanes, np.uint8),
            exposure=np.array([s.carrier is Carrier.EXPOSURE for s in specs], np.uint8),
            binary=np.array([s.kind is Kind.BINARY for s in specs], np.uint8),
            logarithmic=np.array([s.is_logarithmic for s in specs], np.uint8),
            never=np.array([s.role is Role.NEVER for s in specs], np.uint8),
            inputs=np.array(
                [i for i, s in enumerate(specs) if s.family is Family.INPUT and s.carrier is Carrier.WORK], np.int64
            ),
            absent=np.array(self.absent_columns, np.int64),
            absent_ms=np.array([self.absent_times(s) for s in self.absent_columns], np.int64).reshape(-1, 2),
            wait_ms=np.array([self.wait_ms(s) for s in range(len(specs))], np.int64),
            groups=np.array([self.policy.subgroups.watches(axis) for axis in BandAxis], np.uint8),
            spread_of=np.array(
                [self.column[signal_of(s.name)] if part_of(s.name) == SPREAD else -1 for s in specs], np.int64
            ),
            limit=np.array([math.nan if s.scaled_limit is None else s.scaled_limit for s in specs]),
            low=np.array([s.low for s in specs]),
            width=np.array([s.high - s.low for s in specs]),
            tolerance=np.array([s.tolerance for s in specs]),
            harm=np.array([DOWN if s.direction is Direction.DOWN else UP for s in specs], np.int64),
            harmful_stakes=harmful,
            non_inferior_stakes=non_inferior,
            times=np.array((*times, dedupe.max_entries), np.int64),
            weights=np.array(
                [
                    rate,
                    budget.alarm_threshold,
                    refusals.build_tenant_ratio,
                    budget.baseline_delta / 2,
                    budget.alarm_threshold * budget.warm_ratio,
                    subgroup_weight_per_ms(self.policy),
                ]
            ),
        )


def is_named(spec: SignalSpec) -> bool:
    """Whether a record gives the column's value under its name in `signals`."""
    return spec.source is Source.SIGNAL and not part_of(spec.name)


def _stack_stakes(specs: tuple[SignalSpec, ...]) -> tuple[Floats, Floats]:
    harmful, non_inferior = np.zeros((len(specs), GUARD_BETS)), np.zeros((len(specs), GUARD_BETS))
    for index, spec in enumerate(specs):
        if spec.tolerance < 1.0:
            harmful[index], non_inferior[index] = guard_stakes(spec.tolerance)
    return harmful, non_inferior

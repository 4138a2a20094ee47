"""The policy: everything that may change a state's bytes, in one signed document."""

from enum import StrEnum
from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from homeostat.schemas.base import Message, Part, Slug
from homeostat.schemas.drill import Drill
from homeostat.schemas.rollout import OnUnproven
from homeostat.schemas.signal import SignalSpec
from homeostat.schemas.signal_columns import expand_signals
from homeostat.schemas.trace import MAX_SIGNALS


class OnUnknown(StrEnum):
    """What happens to a trace that names something the policy does not know."""

    REFUSE = "refuse"
    COUNT = "count"


class Times(Part):
    """Durations in seconds of log time."""

    tick_s: Annotated[float, Field(gt=0)] = 1.0
    bucket_s: Annotated[float, Field(gt=0)] = 10.0
    session_s: Annotated[float, Field(gt=0)] = 20.0
    lease_ttl_s: Annotated[float, Field(gt=0)] = 60.0
    clock_skew_s: Annotated[float, Field(ge=0)] = 2.0
    data_step_s: Annotated[float, Field(gt=0)] = 60.0
    max_ahead_s: Annotated[float, Field(gt=0)] = 300.0
    source_timeout_s: Annotated[float, Field(gt=0)] = 30.0

    @model_validator(mode="after")
    def _check_lease(self) -> Self:
        if self.lease_ttl_s <= self.session_s + 2 * self.tick_s:
            raise ValueError(
                f"lease_ttl_s {self.lease_ttl_s} must exceed session_s + 2 tick_s and leave time to restore"
            )
        return self


class Budget(Part):
    """False alarms for the whole platform, and what of it baselines may use.

    `alarm_threshold` A is the evidence at which a monitor alarms; each monitor's weight per second of log time is
    false_alarms_per_week · A / (604800 · monitors declared by `expected_monitors`). Each side (up, down) of a signal
    in a cohort is a monitor of its own: the budget holds while there are no more of them than declared.

    `false_alarms_per_week_per_tenant` is a cap of its own for the cohorts inside each tenant, shared by the
    `expected_monitors_per_tenant` declared with it; it counts where it gives a monitor less than the platform's share.
    """

    false_alarms_per_week: Annotated[float, Field(gt=0)] = 1.0
    false_alarms_per_week_per_tenant: Annotated[float, Field(gt=0)] | None = None
    alarm_threshold: Annotated[float, Field(gt=1)] = 1e4
    expected_monitors: Annotated[int, Field(ge=1)] = 10_000
    expected_monitors_per_tenant: Annotated[int, Field(ge=1)] | None = None
    baseline_delta: Annotated[float, Field(gt=0, lt=1)] = 1e-4
    warm_ratio: Annotated[float, Field(gt=0, le=1)] = 0.01

    @model_validator(mode="after")
    def _check_tenant_share(self) -> Self:
        if (self.false_alarms_per_week_per_tenant is None) != (self.expected_monitors_per_tenant is None):
            raise ValueError(
                "a tenant's cap is shared by its monitors: declare false_alarms_per_week_per_tenant and "
                "expected_monitors_per_tenant together"
            )
        return self


class BaselineRule(Part):
    """When a cohort's first baseline is sealed: after this many sessions that began after the decision."""

    first_sessions: Annotated[int, Field(ge=30, le=512)] = 200


class PartOfWeek(Part):
    """Hours that have baselines of their own: from `from_hour` up to `to_hour`, over midnight where it is less."""

    name: Slug
    days: Literal["all", "weekdays", "weekend"] = "all"
    from_hour: Annotated[int, Field(ge=0, le=23)] = 0
    to_hour: Annotated[int, Field(ge=1, le=24)] = 24


class Calendar(Part):
    """Parts of the week, by the time of the work in hours after UTC; the first that matches counts.

    Hours that none matches are a part of their own. Without parts all hours are alike.
    """

    utc_offset_h: Annotated[float, Field(ge=-14, le=14)] = 0.0
    parts: Annotated[tuple[PartOfWeek, ...], Field(max_length=7)] = ()


class BandAxis(StrEnum):
    """What patients are grouped by."""

    AGE = "age"
    SEX = "sex"


class Subgroups(Part):
    """Bands of patients as diagnostic cohorts, in each tenant's workflow, with a budget beside the platform's.

    Their monitors' weight is that of `Budget`, with this number of false alarms a week shared by `expected_monitors`.
    """

    enabled: bool = False
    bands: Annotated[tuple[BandAxis, ...], Field(max_length=2)] = (BandAxis.AGE, BandAxis.SEX)
    false_alarms_per_week: Annotated[float, Field(gt=0)] = 1.0
    expected_monitors: Annotated[int, Field(ge=1)] = 10_000

    def watches(self, axis: BandAxis) -> bool:
        """Whether bands of this kind are watched."""
        return self.enabled and axis in self.bands


class Dedupe(Part):
    """How long, and for how many traces, a repeated trace id is recognised."""

    window_s: Annotated[float, Field(gt=0)] = 3600.0
    max_entries: Annotated[int, Field(ge=1024)] = 262_144


class Refusals(Part):
    """When refusals stop being noise. Ratios of records; the window is the partition's last `window_records`."""

    tenant_no_data_ratio: Annotated[float, Field(gt=0, le=1)] = 0.2
    tenant_min_records: Annotated[int, Field(ge=1)] = 20
    build_tenant_ratio: Annotated[float, Field(gt=0, le=1)] = 0.5
    window_records: Annotated[int, Field(ge=100)] = 1000


class DeadLetterKey(Part):
    """The X25519 public key (hex) to which the original bytes of dead letters are sealed."""

    key_id: Slug
    public_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Effects(Part):
    """How the effect of a desired state is watched; durations in seconds.

    What a gateway has not confirmed `restate_s` after it was stated is stated again, and again as often; after
    `escalate_s` its silence is said.

    Work that began before the gateway's acknowledgement may carry the release for `linger_s` after it; what comes later
    is a release that is still served. `quiet_s` without such a trace says that it is gone, and after `watch_s` what is
    not shown stays so. `delta` bounds the chance of saying that signals have returned while one that is needed is worse
    than its baseline by its tolerance, and that of saying that some signal has not while all are within it.
    """

    restate_s: Annotated[float, Field(gt=0)] = 30.0
    escalate_s: Annotated[float, Field(gt=0)] = 120.0
    linger_s: Annotated[float, Field(ge=0)] = 3_600.0
    quiet_s: Annotated[float, Field(ge=0)] = 600.0
    watch_s: Annotated[float, Field(gt=0)] = 604_800.0
    delta: Annotated[float, Field(gt=0, lt=1)] = 0.05


class Approvals(Part):
    """How many reviewers must sign a rollout's plan, by the risk class of its candidate; its authors do not count."""

    low: Annotated[int, Field(ge=0, le=8)] = 0
    medium: Annotated[int, Field(ge=0, le=8)] = 0
    high: Annotated[int, Field(ge=0, le=8)] = 2


class Unproven(Part):
    """What becomes of candidates that are not shown safe in time, unless their rollout says it; the most that any gets.

    `max_duration_s` and `max_sessions` cap the budget of every rollout; None leaves it to the rollout.
    """

    action: OnUnproven = OnUnproven.ROLL_BACK
    max_duration_s: Annotated[float, Field(gt=0)] | None = None
    max_sessions: Annotated[int, Field(ge=1)] | None = None


class Policy(Message):
    """One policy for the platform; a later document version replaces an earlier one as a whole."""

    ce_type: ClassVar[str] = "homeostat.document.policy"
    name: Slug = "default"
    signals: Annotated[tuple[SignalSpec, ...], Field(min_length=1, max_length=MAX_SIGNALS)]
    times: Times = Times()
    budget: Budget = Budget()
    baseline: BaselineRule = BaselineRule()
    calendar: Calendar = Calendar()
    subgroups: Subgroups = Subgroups()
    dedupe: Dedupe = Dedupe()
    refusals: Refusals = Refusals()
    approvals: Approvals = Approvals()
    effects: Effects = Effects()
    unproven: Unproven = Unproven()
    drills: Annotated[tuple[Drill, ...], Field(max_length=1000)] = ()
    unknown_signal: OnUnknown = OnUnknown.REFUSE
    unknown_release: OnUnknown = OnUnknown.REFUSE
    max_value_bytes: Annotated[int, Field(ge=1024, le=1_000_000)] = 65_536
    tenant_records_per_bucket: Annotated[int, Field(ge=1)] = 1_000
    correlation_window_s: Annotated[float, Field(gt=0)] = 120.0
    partitions: Annotated[int, Field(ge=1, le=4096)] = 16
    dead_letters: DeadLetterKey | None = None

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        names = [signal.name for signal in self.signals]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"signals declared twice: {', '.join(twice)}")
        drilled = [drill.gateway for drill in self.drills]
        if len(set(drilled)) != len(drilled):
            raise ValueError("a gateway has two drills: one proves it")
        if len(self.columns) > MAX_SIGNALS:
            raise ValueError(f"the signals make {len(self.columns)} columns: at most {MAX_SIGNALS}")
        return self

    @cached_property
    def probe_tenants(self) -> frozenset[str]:
        """Tenants that belong to nobody: only drills work there."""
        return frozenset(drill.tenant for drill in self.drills)

    @cached_property
    def probe_targets(self) -> frozenset[str]:
        """The keys of the targets that drills go to."""
        return frozenset(drill.target_key for drill in self.drills)

    @cached_property
    def columns(self) -> tuple[SignalSpec, ...]:
        """What is watched: the signals, those of several columns expanded."""
        return expand_signals(self.signals)

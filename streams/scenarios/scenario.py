"""A scenario as its YAML says it: clinics, volumes, what changes, and the truth."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from homeostat.schemas.base import Part, Slug
from homeostat.schemas.registries.catalogue import Runtime
from homeostat.schemas.trace import Consent
from homeostat.streams.scenarios.effects_format import Canary, Change, Day, Dirty, Pattern
from homeostat.streams.scenarios.places import Share
from homeostat.streams.scenarios.truth_format import Truth

FIRST_MONDAY = date(2026, 1, 5)
WORKFLOWS = {Runtime.SCRIBE: "visit-note", Runtime.RECEPTIONIST: "phone-call", Runtime.BILLING: "claim"}


def _name_tenants(given: Any) -> Any:
    if isinstance(given, int) and not isinstance(given, bool):
        return [f"clinic-{number}" for number in range(1, given + 1)]
    return [given] if isinstance(given, str) else given


def _weigh(given: Any) -> Any:
    """A list of names, or one name, for names with equal weights."""
    if isinstance(given, str):
        return {given: 1.0}
    return dict.fromkeys(given, 1.0) if isinstance(given, list | tuple) else given


def _listed(given: Any) -> Any:
    if given in (None, "nothing", "none", "quiet"):
        return []
    return [given] if isinstance(given, dict) else given


def _read_cycle(given: Any) -> Any:
    if isinstance(given, str):
        return {"hours": given}
    return {"hours": given} if isinstance(given, list) else given


Volume = Annotated[float, Field(ge=0, le=200_000)]
Weights = Annotated[dict[Slug, Annotated[float, Field(gt=0)]], BeforeValidator(_weigh), Field(min_length=1)]


class Cycle(Part):
    """When sessions happen."""

    hours: Literal["office_hours", "round_the_clock"] | tuple[Annotated[float, Field(ge=0)], ...] = Field(
        "office_hours",
        description="`office_hours` (8 to 18, less at noon), `round_the_clock` (even), or 24 weights from midnight on.",
    )
    weekend: Annotated[float, Field(ge=0, le=10)] | None = Field(
        None, description="Sessions of a weekend day as a share of a weekday's. Left out: 0.1; round the clock 1."
    )

    @model_validator(mode="after")
    def _check_weights(self) -> "Cycle":
        if not isinstance(self.hours, str) and (len(self.hours) != 24 or sum(self.hours) <= 0):
            raise ValueError(f"{len(self.hours)} hourly weights: give 24, from midnight on, not all zero")
        return self


class Clusters(Part):
    """How alike records are that belong together. Correlations add up to less than 1."""

    records_per_session: Annotated[float, Field(ge=1, le=50)] = Field(
        1.0, description="Mean number of records of a session (at least 1; what is above 1 varies by session)."
    )
    session: Annotated[float, Field(ge=0, lt=1)] = Field(0.3, description="Correlation of a session's records.")
    clinician: Annotated[float, Field(ge=0, lt=1)] = Field(0.05, description="Correlation of a clinician's records.")
    day: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="Correlation of a tenant's records of one day.")
    clinicians: Annotated[int, Field(ge=1, le=500)] = Field(6, description="Clinicians of each tenant × specialty.")
    tenant_spread: Annotated[float, Field(ge=0, le=2)] = Field(
        0.2, description="How much tenants, and specialties, differ from the start (standard deviations)."
    )

    @model_validator(mode="after")
    def _check_sum(self) -> "Clusters":
        if self.session + self.clinician + self.day >= 1:
            raise ValueError(f"correlations add up to {self.session + self.clinician + self.day:g}: below 1")
        return self


class Feedback(Part):
    """How people answer."""

    share: Share = Field(0.8, description="The share of works that get feedback at all.")
    delay_h: Annotated[float, Field(gt=0, le=2000)] = Field(2.0, description="The median delay in hours.")
    tail: Annotated[float, Field(ge=0, le=3)] = Field(
        0.8,
        description="How much delays differ: the sd of their logarithm (0.8: one in ten takes 2.8 times the median).",
    )


class Usual(Part):
    """What is usual for a signal, in its own unit; what is left out is the runtime's (see the tables of signals)."""

    mean: float | None = Field(None, description="The usual mean; for a binary signal the chance of a 1.")
    sd: Annotated[float, Field(ge=0)] | None = Field(None, description="The usual standard deviation.")
    categories: dict[str, Annotated[float, Field(ge=0)]] | None = Field(None, description="Weights of the categories.")
    carried: Share = Field(1.0, description="The share of records that carry the signal; 0 turns it off.")


class Scenario(Part):
    """A whole scenario."""

    name: Slug = Field("", description="Lowercase letters, digits, `-`, `_`. Left out: the file's name.")
    says: str = Field("", max_length=500, description="One sentence for people: what happens.")
    data: Literal["simulated", "aci-bench"] = Field(
        "simulated", description="`aci-bench`: figures of real notes for what they hold (scribe only), simulated else."
    )
    seed: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Another seed, other sessions. Left out: of name."
    )
    runtime: Runtime = Field(Runtime.SCRIBE, description="Whose registry of signals: scribe, receptionist or billing.")
    start: date = Field(FIRST_MONDAY, description="The date of day 0 (UTC).")
    days: Annotated[float, Field(ge=1, le=400)] = Field(42.0, description="How many days it lasts.")
    tenants: Annotated[tuple[Slug, ...], BeforeValidator(_name_tenants), Field(min_length=1, max_length=1000)] = Field(
        ("clinic-1", "clinic-2", "clinic-3"), description="Names, or a number n for clinic-1 … clinic-n."
    )
    specialties: Weights = Field(
        {"family-medicine": 1.0, "cardiology": 1.0},
        description="Names, or names with weights: how a tenant's sessions are shared out.",
    )
    workflows: Weights = Field({}, description="Names, or names with weights. Left out: one, by runtime.")
    sessions_per_day: Volume | dict[str, Volume] = Field(
        60.0,
        description="Sessions of each tenant on a weekday: a number, or by `tenant`, `specialty`, `tenant/specialty` "
        "or `tenant/specialty/workflow` (the finest counts), with `default` for the rest.",
    )
    cycle: Annotated[Cycle, BeforeValidator(_read_cycle)] = Field(Cycle(), description="When sessions happen.")
    clusters: Clusters = Field(Clusters(), description="Sessions, clinicians, days.")
    feedback: Feedback = Field(Feedback(), description="Its share and delay.")
    start_up: dict[Slug, Day] = Field({}, description="Tenants that join later: name and day.")
    consent: Consent = Field(Consent.SHARED, description="`tenant`: traces feed their own tenant's layers only.")
    signals: dict[Slug, Usual] = Field({}, description="By signal, what is usual, where it is not the runtime's.")
    depends: dict[Slug, dict[Slug, Annotated[float, Field(ge=-0.95, le=0.95)]]] = Field(
        {},
        description="By signal, on which others it depends, in standard deviations per standard deviation; replaces "
        "the runtime's for that signal ({} for none).",
    )
    patterns: tuple[Pattern, ...] = Field((), description="What is always so at some hours or places.")
    dirty: Dirty = Field(Dirty(), description="Faulty records from the first day on.")
    policy: dict[str, Any] = Field({}, description="Parts of the policy that are not the scenarios' usual ones.")
    rollouts: Annotated[tuple[Canary, ...], BeforeValidator(_listed)] = Field((), description="Releases on trial.")
    changes: Annotated[tuple[Change, ...], BeforeValidator(_listed)] = Field((), description="What changes, and when.")
    truth: Annotated[tuple[Truth, ...], BeforeValidator(_listed)] = Field(
        description="What must be raised; `[]` where nothing must be."
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_workflow(cls, given: Any) -> Any:
        if isinstance(given, dict) and not given.get("workflows"):
            runtime = given.get("runtime", Runtime.SCRIBE)
            known = {of.value: workflow for of, workflow in WORKFLOWS.items()}
            return {**given, "workflows": [known.get(str(runtime), "visit-note")]}
        return given

    def beginnings(self) -> set[float]:
        """The days on which something begins to change."""
        return {change.at_day for change in self.changes} | {canary.at_day for canary in self.rollouts}

    def cells(self) -> list[tuple[str, str, str]]:
        """Every tenant × specialty × workflow."""
        return [(t, s, w) for t in self.tenants for s in self.specialties for w in self.workflows]

"""What a change does to signals, and what may be wrong with records: the YAML's closed models."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from homeostat.schemas.base import Part, Slug
from homeostat.schemas.release import ArtifactKind
from homeostat.streams.scenarios.places import Share, Where

Day = Annotated[float, Field(ge=0, le=1000)]
PositiveFactor = Annotated[float, Field(ge=0, le=1000)]
Shares = Annotated[dict[str, Share], Field(min_length=1, max_length=32)]


class Effect(Part):
    """What happens to one signal, in the signal's own unit. Several may be given; they apply in this order."""

    rate: Share | None = Field(
        None, description="Binary: the chance of a 1 becomes this; more or less where `tenant_spread` says."
    )
    mean: float | None = Field(None, description="The values move so that their usual mean becomes this.")
    multiply: PositiveFactor | None = Field(None, description="Values (binary: the chance of a 1) times this.")
    add: float | None = Field(None, description="This is added to values (binary: to the chance of a 1).")
    shift_sd: float | None = Field(
        None,
        description="Values move by so many of their usual standard deviations; an embedding, along one direction.",
    )
    spread: PositiveFactor | None = Field(
        None, description="The distance of each value from the usual mean, times this; the mean stays."
    )
    set: float | None = Field(None, description="Every value becomes exactly this.")
    categories: Shares | None = Field(
        None, description="Categorical: new shares; the categories not named share the rest as before. A name that "
        "the registry does not know is an unseen category.",
    )  # fmt: skip
    missing: Share | None = Field(None, description="This share of the records does not carry the signal any more.")

    @model_validator(mode="before")
    @classmethod
    def _refuse_bare_number(cls, given: Any) -> Any:
        if isinstance(given, int | float):
            raise ValueError(  # noqa: TRY004 pydantic reports a ValueError
                f"say what {given} means: {{add: {given}}}, {{mean: {given}}} or {{multiply: {given}}}"
            )
        return given

    @model_validator(mode="after")
    def _check_given(self) -> "Effect":
        if all(value is None for _, value in self):
            raise ValueError("an effect that does nothing: give add, multiply, mean, rate, shift_sd, spread, set, ...")
        if self.categories is not None and sum(self.categories.values()) > 1 + 1e-9:
            raise ValueError("shares of categories add up to more than 1")
        return self


Effects = dict[Slug, Effect]


class Steps(Part):
    """What happens to the order of work."""

    skip: dict[Slug, Share] = Field(
        {},
        description="By step, the chance that it is left out. One of n steps always left out is a share of 1/n.",
    )
    swap: Share = Field(0.0, description="The chance that two neighbouring steps come in the wrong order.")


class Population(Part):
    """Real data only: which notes are drawn."""

    model: str | None = Field(None, description="The model that wrote the notes, such as `BART_large:full`.")
    source: Literal["aci", "virtassist", "virtscribe"] | None = Field(
        None, description="How the visits were recorded: conversation, with dictation to an assistant, or to a scribe."
    )
    sexes: tuple[Literal["female", "male"], ...] = Field((), description="Only patients of this sex.")
    min_age: Annotated[int, Field(ge=0, le=120)] | None = Field(None, description="Only patients of this age or older.")
    max_age: Annotated[int, Field(ge=0, le=120)] | None = Field(None, description="Only patients of this age or less.")


class Dirty(Part):
    """Shares of records with a fault of transport or of the sender."""

    malformed: Share = Field(0.0, description="Cut off in the middle: no JSON any more.")
    duplicate: Share = Field(0.0, description="Sent twice, minutes apart.")
    late: Share = Field(0.0, description="Arrive `late_h` hours after the work, with the right work time.")
    late_h: Annotated[float, Field(gt=0, le=240)] = Field(6.0, description="How late those are, in hours.")
    out_of_order: Share = Field(0.0, description="Arrive up to 10 minutes after younger ones.")
    forged: Share = Field(0.0, description="Carry a MAC that is wrong.")
    wrong_units: dict[Slug, float] = Field({}, description="Signals that are sent times this factor (ms for s: 1000).")
    wrong_units_share: Share = Field(0.05, description="The share of records with those wrong units.")


class FeedbackChange(Part):
    """Other habits of giving feedback; what is left out stays."""

    share: Share | None = Field(None, description="The share of works that get feedback.")
    delay_h: Annotated[float, Field(gt=0, le=2000)] | None = Field(None, description="The median delay in hours.")
    tail: Annotated[float, Field(ge=0, le=3)] | None = Field(None, description="The delay's spread (sd of its log).")


class Period(Part):
    """When something holds, in days from the scenario's beginning (0 is its first midnight; 10.5 a noon)."""

    at_day: Day = Field(description="The day on which it begins.")
    ramp_days: Day = Field(0.0, description="It grows evenly from nothing to all of it over so many days.")
    until_day: Day | None = Field(None, description="The day on which it is over. Left out: it stays.")

    @model_validator(mode="after")
    def _check_order(self) -> "Period":
        if self.until_day is not None and self.until_day <= self.at_day:
            raise ValueError(f"until_day {self.until_day:g} is not after at_day {self.at_day:g}")
        return self


class Impact(Part):
    """What becomes different; every part is optional."""

    signals: Effects = Field({}, description="By signal, what happens to its values.")
    steps: Steps = Field(Steps(), description="Steps left out or out of order.")
    population: Population | None = Field(None, description="Real data: other notes are drawn.")
    crash_share: Share = Field(0.0, description="This share of sessions starts at the gateway and leaves no trace.")


class Change(Period, Impact):
    """One thing that changes."""

    cause: str = Field("", max_length=300, description="Your own words; nothing reads them.")
    where: Where = Field(Where(), description="Whose work it touches. Left out: everybody's.")
    release: Literal["none", "new"] = Field(
        "none", description="`new`: from `at_day` on the sessions concerned declare another release."
    )
    artifact: ArtifactKind = Field(
        ArtifactKind.PROMPT_PACK, description="The part of the release in which the new one differs."
    )
    volume: PositiveFactor = Field(1.0, description="The number of sessions of the places concerned, times this.")
    feedback: FeedbackChange = Field(FeedbackChange(), description="Other habits of giving feedback.")
    dirty: Dirty = Field(Dirty(), description="Faulty records.")


class Pattern(Part):
    """What is always so at some hours or places: a night shift, a clinic that differs. It is no change."""

    where: Where = Field(Where(), description="Where and when: `hours`, `days`, places.")
    signals: Effects = Field({}, description="By signal, what is different there.")


class Canary(Impact):
    """A release on trial: the guard exposes, judges, and rolls back or promotes as it would live."""

    name: Slug = Field("candidate", description="A name of your own.")
    at_day: Day = Field(description="When the operator applies the rollout; exposure begins within the hour.")
    where: Where = Field(Where(), description="The targets: tenants, specialties, workflows. No finer cut.")
    share: Annotated[float, Field(gt=0, lt=1)] = Field(0.5, description="The share of sessions that get the candidate.")
    artifact: ArtifactKind = Field(ArtifactKind.MODEL, description="The part of the release that differs.")
    max_days: Annotated[float, Field(gt=0, le=365)] = Field(14.0, description="It lapses undecided after so many days.")
    min_pairs: Annotated[int, Field(ge=1)] = Field(20, description="Pairs of sessions before a promotion.")
    guardrails: tuple[Slug, ...] = Field((), description="Signals that decide. Left out: all guardrails.")

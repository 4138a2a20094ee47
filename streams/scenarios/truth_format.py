"""The truth of a scenario: what must be raised, about whom, since when, and what to do."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from homeostat.schemas.base import Part
from homeostat.schemas.drift_event import DriftClass, Harm, NextStep
from homeostat.schemas.trace import Arm
from homeostat.streams.scenarios.effects_format import Day
from homeostat.streams.scenarios.places import Places


def _spell(given: Any) -> Any:
    """`Data drift` and `data-drift` for `data_drift`; one for a list of one."""
    items = given if isinstance(given, list | tuple) else [given]
    return [
        item.strip().lower().replace(" ", "_").replace("-", "_") if isinstance(item, str) else item for item in items
    ]


class Scope(Places):
    """Whom it is about; `arm` where only sessions of one arm of a rollout are concerned."""

    arms: Annotated[tuple[Arm, ...], Field(max_length=1)] = Field(
        (), description="One arm of a rollout. Left out: the arm is not judged."
    )


class Truth(Part):
    """One cause that must be raised as one event. `class`, `harm` and `next_step` may list several right answers."""

    drift_class: Annotated[tuple[DriftClass, ...], BeforeValidator(_spell), Field(min_length=1)] = Field(
        alias="class", description="What kind of change it is; see the table of classes."
    )
    harm: Annotated[tuple[Harm, ...], BeforeValidator(_spell), Field(min_length=1)] = Field(
        description="Whether it hurts: dangerous, undetermined, benign, beneficial."
    )
    scope: Scope = Field(Scope(), description="Whom it is about. Left out: everybody.")
    onset_day: Day | None = Field(
        None, description="When it began. Left out: the `at_day` of the only change or rollout."
    )
    until_day: Day | None = Field(None, description="Alarms after this day, plus a week, are not about it.")
    next_step: Annotated[tuple[NextStep, ...], BeforeValidator(_spell), Field(min_length=1)] | None = Field(
        None, description="What the event must advise. Left out: the table's answer for class and harm."
    )
    also: Annotated[tuple[DriftClass, ...], BeforeValidator(_spell)] = Field(
        (), description="A further class that the same event must name, in `class` or `also`."
    )
    required: bool = Field(True, description="`false`: it may go unnoticed, but if it is raised it must be right.")

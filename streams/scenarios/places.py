"""Who a part of a scenario is about: tenants, specialties, workflows, and finer cuts of their sessions."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from homeostat.schemas.base import Part, Slug
from homeostat.schemas.trace import Arm

Share = Annotated[float, Field(ge=0, le=1)]
Hour = Annotated[float, Field(ge=0, le=24)]
Days = Literal["all", "weekdays", "weekend"]
Names = Annotated[tuple[Slug, ...], Field(max_length=1000)]
_PLURALS = {"tenant": "tenants", "specialty": "specialties", "workflow": "workflows", "arm": "arms"}


class Places(Part):
    """Tenants × specialties × workflows; what is left out means all of them."""

    tenants: Names = Field((), description="Tenants by name. Left out: all.")
    specialties: Names = Field((), description="Specialties by name. Left out: all.")
    workflows: Names = Field((), description="Workflows by name. Left out: all.")

    @model_validator(mode="before")
    @classmethod
    def _accept_singular(cls, given: Any) -> Any:
        """Take `tenant: x` for `tenants: [x]`, and `all` for everything."""
        if given in ("all", "platform", "everywhere", None):
            return {}
        if not isinstance(given, dict):
            return given
        told: dict[str, Any] = {}
        for name, value in given.items():
            plural: Any = _PLURALS.get(name, name)
            if plural in told:
                raise ValueError(f"both {name} and its other form are given: keep one of them")
            if plural in _PLURALS.values():
                if value in ("all", None):
                    continue
                value = [value] if isinstance(value, str) else value
            told[plural] = value
        return told

    def holds(self, tenant: str, specialty: str, workflow: str) -> bool:
        """Whether a cohort is among them."""
        pairs = ((self.tenants, tenant), (self.specialties, specialty), (self.workflows, workflow))
        return all(not names or name in names for names, name in pairs)


class Where(Places):
    """Whose work a change touches: places, and finer cuts. Everything given must hold."""

    arms: tuple[Arm, ...] = Field(
        (),
        description="Only sessions in these arms of a rollout (signals, steps, population, crashes). Left out: all.",
    )
    sessions_share: Share = Field(1.0, description="This share of the sessions, drawn at random.")
    clinicians_share: Share = Field(1.0, description="This share of the clinicians of each tenant × specialty.")
    hours: tuple[Hour, Hour] | None = Field(
        None, description="Only work between these hours (UTC), over midnight where the first is the later one."
    )
    days: Days = Field("all", description="Only work on `weekdays`, at the `weekend`, or on `all` days.")
    ages: tuple[str, ...] = Field(
        (), description="Only patients of these age bands: 0-17, 18-39, 40-64, 65-79, 80- (signals and steps)."
    )
    sexes: tuple[str, ...] = Field(
        (), description="Only patients of these sex bands: female, male, other, unknown (signals and steps)."
    )

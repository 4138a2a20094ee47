"""Cohorts: a leaf is tenant × specialty × workflow × arm; parents are declared projections of it."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from homeostat.schemas.base import Part, Slug
from homeostat.schemas.trace import Arm


class Layer(StrEnum):
    """A cohort's place in the lattice: the leaf, one of the declared projections of it, or a band of patients."""

    LEAF = "leaf"
    SUBGROUP = "subgroup"
    TENANT_WORKFLOW = "tenant_workflow"
    TENANT = "tenant"
    SPECIALTY = "specialty"
    WORKFLOW = "workflow"
    PLATFORM = "platform"


LAYER_TAGS: dict[Layer, frozenset[str]] = {
    Layer.LEAF: frozenset({"tenant", "specialty", "workflow", "arm"}),
    Layer.SUBGROUP: frozenset({"tenant", "workflow", "band"}),
    Layer.TENANT_WORKFLOW: frozenset({"tenant", "workflow"}),
    Layer.TENANT: frozenset({"tenant"}),
    Layer.SPECIALTY: frozenset({"specialty"}),
    Layer.WORKFLOW: frozenset({"workflow"}),
    Layer.PLATFORM: frozenset(),
}
ACROSS_TENANTS = frozenset({Layer.SPECIALTY, Layer.WORKFLOW, Layer.PLATFORM})
WATCHED_PARENTS = (Layer.TENANT, Layer.SPECIALTY, Layer.PLATFORM)
"""The parent layers with monitors of their own."""


_TAGS = ("tenant", "specialty", "workflow", "arm", "band")


class Cohort(Part):
    """A cohort by its tags; a tag that its layer leaves out is None. `band` is a subgroup's, such as `age:65-79`."""

    layer: Layer
    tenant: Slug | None = None
    specialty: Slug | None = None
    workflow: Slug | None = None
    arm: Arm | None = None
    band: Annotated[
        Annotated[str, Field(pattern=r"^(age|sex):[a-z0-9-]+$", max_length=32)] | None,
        Field(exclude_if=lambda band: band is None),
    ] = None

    @model_validator(mode="after")
    def _check_tags(self) -> Self:
        given = {name for name in _TAGS if getattr(self, name) is not None}
        if given != LAYER_TAGS[self.layer]:
            raise ValueError(
                f"a {self.layer} cohort has the tags {sorted(LAYER_TAGS[self.layer])}, not {sorted(given)}"
            )
        return self

    @property
    def key(self) -> str:
        """A readable key, the same for the same cohort: `specialty/-/cardiology/-/-`."""
        tags = (self.tenant, self.specialty, self.workflow, self.arm)
        band = () if self.band is None else (self.band,)
        return "/".join([self.layer.value, *("-" if tag is None else str(tag) for tag in tags), *band])

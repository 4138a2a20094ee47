"""A leaf cohort's tags, as the key of everything that is kept for it."""

from typing import NamedTuple, Self

from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.trace import Arm


class LeafKey(NamedTuple):
    """A leaf cohort's tags, and the part of the week; the first part has no name."""

    tenant: str
    specialty: str
    workflow: str
    arm: Arm
    part: str = ""

    @property
    def text(self) -> str:
        """`tenant/specialty/workflow/arm`, and `/part` for a part with a name."""
        return "/".join(self if self.part else self[:4])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `text` back."""
        tenant, specialty, workflow, arm, *part = text.split("/")
        return cls(tenant, specialty, workflow, Arm(arm), *part)

    @property
    def band(self) -> str:
        """The band of patients that a subgroup is of, in the place of a specialty; empty for a leaf."""
        return self.specialty if ":" in self.specialty else ""

    @property
    def cohort(self) -> Cohort:
        if self.band:
            return Cohort(layer=Layer.SUBGROUP, tenant=self.tenant, workflow=self.workflow, band=self.band)
        return Cohort(
            layer=Layer.LEAF, tenant=self.tenant, specialty=self.specialty, workflow=self.workflow, arm=self.arm
        )

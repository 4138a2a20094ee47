"""A leaf cohort's tags, as the key of everything that is kept for it."""

from typing import NamedTuple, Self

from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.trace import Arm


class LeafKey(NamedTuple):
    """A leaf cohort's tags."""

    tenant: str
    specialty: str
    workflow: str
    arm: Arm

    @property
    def text(self) -> str:
        """`tenant/specialty/workflow/arm`."""
        return "/".join(self)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `text` back."""
        tenant, specialty, workflow, arm = text.split("/")
        return cls(tenant, specialty, workflow, Arm(arm))

    @property
    def cohort(self) -> Cohort:
        return Cohort(
            layer=Layer.LEAF, tenant=self.tenant, specialty=self.specialty, workflow=self.workflow, arm=self.arm
        )

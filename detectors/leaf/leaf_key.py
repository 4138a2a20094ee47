"""A leaf cohort's tags, as the key of everything that is kept for it."""

from typing import NamedTuple

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
        return "/".join(self)

    @property
    def cohort(self) -> Cohort:
        return Cohort(
            layer=Layer.LEAF, tenant=self.tenant, specialty=self.specialty, workflow=self.workflow, arm=self.arm
        )

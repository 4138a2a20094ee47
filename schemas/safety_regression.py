"""Open safety regressions: what control tells the guards of drift events, so that nothing is promoted beside one."""

from typing import Annotated, ClassVar

from pydantic import Field

from homeostat.schemas.base import OpaqueId, Part, Sentence, Slug
from homeostat.schemas.cohort import Cohort
from homeostat.schemas.control import Document


class SafetyRegression(Part):
    """A drift event that is dangerous by a safety signal: where, by which signals, and whether it is `open` still."""

    event: OpaqueId
    open: bool
    places: Annotated[tuple[Cohort, ...], Field(max_length=256)]
    signals: Annotated[tuple[Slug, ...], Field(max_length=256)]
    sentence: Sentence = ""

    def covers(self, tenant: str, specialty: str, workflow: str) -> bool:
        """Whether one of its places is this leaf, or has it in it."""
        leaf = (tenant, specialty, workflow)
        return any(
            all(tag in {None, own} for tag, own in zip((at.tenant, at.specialty, at.workflow), leaf, strict=True))
            for at in self.places
        )


class SafetyRegressionDocument(Document[SafetyRegression]):
    """What control makes of an event's newest revision; its subject is the event."""

    ce_type: ClassVar[str] = "homeostat.document.safety_regression"

"""Documents about drills, on `controls.v1`."""

from typing import ClassVar

from homeostat.schemas.control import Document
from homeostat.schemas.drill import DrillCall, DrillRun


class DrillRunDocument(Document[DrillRun]):
    """The newest drill of a gateway, signed by control."""

    ce_type: ClassVar[str] = "homeostat.document.drill_run"


class DrillCallDocument(Document[DrillCall]):
    """An operator's call for a drill; control alone reads it."""

    ce_type: ClassVar[str] = "homeostat.document.drill_call"

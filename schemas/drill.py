"""Live-fire drills: a known-bad release that is rolled out in a probe tenant, to prove that a rollback works."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from homeostat.schemas.base import Count, Digest, EpochMs, OpaqueId, Part, Sentence, Slug


class Drill(Part):
    """How often a gateway must prove that it takes a bad release back. The probe tenant belongs to nobody.

    A drill that takes longer than `limit_s` has failed. With `block_rollouts` no rollout begins at the gateway while
    its last proof is older than `stale_after_s`, or while there is none.
    """

    gateway: Slug
    tenant: Slug
    workflow: Slug = "drill"
    specialty: Slug = "drill"
    every_s: Annotated[float, Field(ge=60)] = 86_400.0
    stale_after_s: Annotated[float, Field(gt=0)] = 2 * 86_400.0
    limit_s: Annotated[float, Field(gt=0)] = 900.0
    block_rollouts: bool = False

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        if self.stale_after_s < self.every_s:
            raise ValueError(
                f"drill of {self.gateway}: a proof is stale after {self.stale_after_s:g} s, before the next drill "
                f"({self.every_s:g} s)"
            )
        return self

    @property
    def target_key(self) -> str:
        """The key of the probe's target."""
        return f"{self.gateway}/{self.tenant}/{self.workflow}"


class DrillOutcome(StrEnum):
    """What came of a drill."""

    RUNNING = "running"
    PROVEN = "proven"
    FAILED = "failed"


class DrillStage(StrEnum):
    """How far a drill has come, in order."""

    DECLARED = "declared"
    STATED = "stated"
    BEGUN = "begun"
    EXPOSED = "exposed"
    JUDGED = "judged"
    COMMANDED = "commanded"
    ACKNOWLEDGED = "acknowledged"
    SERVED = "served"


class DrillRun(Part):
    """One drill of a gateway, as control states it: when it begins, and when it ends.

    Proven: the guard judged the known-bad release harmful, the sequencer stated the target without it, and the gateway
    acknowledged exactly that state and says that it serves it. `decision`, `generation` and `state_digest` name them.
    `proven_at_ms` and `proven_rollout` are of the last proof, this drill's or one before it.
    """

    gateway: Slug
    tenant: Slug
    workflow: Slug
    rollout: OpaqueId
    outcome: DrillOutcome
    stage: DrillStage
    started_at_ms: EpochMs
    ended_at_ms: EpochMs | None = None
    candidate: Digest | None = None
    control: Digest | None = None
    decision: OpaqueId | None = None
    generation: Count | None = None
    state_digest: Digest | None = None
    reason: Sentence = ""
    proven_at_ms: EpochMs | None = None
    proven_rollout: OpaqueId | None = None


class DrillCall(Part):
    """An operator's word that a gateway is to be drilled now."""

    gateway: Slug
    author: Slug
    reason: Annotated[str, Field(max_length=200)] = ""

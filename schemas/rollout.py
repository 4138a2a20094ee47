"""Rollouts: which release is tried on whom, against what, with which chances of error."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from homeostat.schemas.base import Digest, Message, OpaqueId, Part, Slug


class Target(Part):
    """One tenant × workflow at one gateway."""

    gateway: Slug
    tenant: Slug
    workflow: Slug

    @property
    def key(self) -> str:
        return f"{self.gateway}/{self.tenant}/{self.workflow}"


class RolloutTarget(Part):
    """A target and the specialties in it that the rollout may expose."""

    target: Target
    specialties: Annotated[tuple[Slug, ...], Field(min_length=1, max_length=64)]


class Rollout(Message):
    """A cohort canary: a share of the sessions inside each listed tenant × specialty × workflow.

    `alpha` bounds P(ever judged Harmful | no guardrail worse than its tolerance anywhere); `beta` bounds
    P(promoted | some guardrail worse than its tolerance). `guardrails` names the signals of the policy that
    decide; empty means every guardrail of the policy.
    """

    ce_type: ClassVar[str] = "homeostat.document.rollout"
    rollout: OpaqueId
    title: Annotated[str, Field(max_length=200)] = ""
    strategy: Literal["cohort_canary"] = "cohort_canary"
    candidate: Digest
    control: Digest
    targets: Annotated[tuple[RolloutTarget, ...], Field(min_length=1, max_length=1000)]
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    beta: Annotated[float, Field(gt=0, lt=1)] = 0.05
    guardrails: Annotated[tuple[Slug, ...], Field(max_length=64)] = ()
    min_pairs: Annotated[int, Field(ge=1)] = 20
    max_duration_s: Annotated[float, Field(gt=0)] = 7 * 86_400.0
    max_sessions: Annotated[int, Field(ge=1)] = 1_000_000
    min_yield_ratio: Annotated[float, Field(gt=0, le=1)] = 0.5

    @model_validator(mode="after")
    def _check_targets(self) -> Self:
        keys = [entry.target.key for entry in self.targets]
        if len(set(keys)) != len(keys):
            raise ValueError("a target is listed twice")
        if self.candidate == self.control:
            raise ValueError("candidate and control are the same release")
        return self

    def cohorts(self) -> list[tuple[str, str, str]]:
        """(tenant, specialty, workflow) of every leaf cohort, sorted."""
        return sorted((t.target.tenant, s, t.target.workflow) for t in self.targets for s in t.specialties)


class RolloutPhase(StrEnum):
    """Where a rollout stands; only `exposing` has a renewable lease."""

    PENDING = "pending"
    EXPOSING = "exposing"
    HELD = "held"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    LAPSED = "lapsed"


ENDED = frozenset({RolloutPhase.PROMOTED, RolloutPhase.ROLLED_BACK, RolloutPhase.LAPSED})

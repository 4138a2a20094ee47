"""The courses of rollouts: every strategy to every ending, each in a workflow of its own, over the same two clinics."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from homeostat.schemas.canonical import derive_id
from homeostat.schemas.decision import Verdict
from homeostat.schemas.rollout import RolloutPhase, Strategy
from homeostat.schemas.trace import OutputProperty
from homeostat.streams.simulator.plan import GATEWAY

EAST, WEST = "east-clinic", "west-clinic"
TENANTS = (EAST, WEST)
SPECIALTY = "cardiology"
EXCEPTED = OutputProperty.MEDICATION_CHANGE
LEAST_PAIRS = 10
"""What every wave waits for."""
ENDINGS: Mapping[RolloutPhase, Verdict] = MappingProxyType(
    {
        RolloutPhase.PROMOTED: Verdict.HEALTHY,
        RolloutPhase.ROLLED_BACK: Verdict.HARMFUL,
        RolloutPhase.ABORTED: Verdict.OPERATOR,
        RolloutPhase.LAPSED: Verdict.LAPSE,
    }
)
"""How a course ends, and by which verdict."""

_SIGNED: dict[str, Any] = {"approvals": 1}
_FIELDS: Mapping[Strategy, Mapping[str, Any]] = MappingProxyType(
    {
        Strategy.GLOBAL: {"waves": [{"share": 0.3, **_SIGNED}, {"share": 0.5, **_SIGNED}]},
        Strategy.TENANT_BY_TENANT: {"waves": [_SIGNED]},
        Strategy.COHORT_CANARY: {"waves": [{"tenants": [EAST], **_SIGNED}, _SIGNED]},
        Strategy.FEATURE_FLAG: {
            "waves": [{"tenants": [WEST], **_SIGNED}, _SIGNED],
            "flag": {"except_properties": [EXCEPTED]},
        },
        Strategy.MANUAL_APPROVAL: {"waves": [{"tenants": [EAST]}, {}]},
        Strategy.SHADOW: {"waves": [_SIGNED, _SIGNED]},
    }
)
"""Two waves of every strategy, and a signature before each, so that all of them can be held at the same place."""


class Course(NamedTuple):
    """One rollout: by which strategy, to which ending."""

    strategy: Strategy
    ending: RolloutPhase

    @property
    def workflow(self) -> str:
        """Where it is, and its name."""
        return f"{self.strategy}-{self.ending}".replace("_", "-")

    @property
    def rollout(self) -> str:
        """Its id."""
        return derive_id("course", self.workflow)

    @property
    def targets(self) -> dict[str, str]:
        """By tenant, the key of the target."""
        return {tenant: f"{GATEWAY}/{tenant}/{self.workflow}" for tenant in TENANTS}

    @property
    def verdicts(self) -> list[Verdict]:
        """Its decisions, one after the other."""
        return [Verdict.BEGIN, Verdict.ADVANCE, ENDINGS[self.ending]]

    @property
    def entry(self) -> dict[str, object]:
        """Its document, as `homeostat apply` reads it."""
        body = {
            "rollout": self.rollout,
            "title": self.workflow,
            "strategy": self.strategy,
            "candidate": "@candidate",
            "control": "@control",
            "targets": [
                {"target": {"gateway": GATEWAY, "tenant": each, "workflow": self.workflow}, "specialties": [SPECIALTY]}
                for each in TENANTS
            ],
            "min_pairs": LEAST_PAIRS,
            **_FIELDS[self.strategy],
        }
        return {"kind": "rollout", "name": self.workflow, "body": body}


COURSES = tuple(Course(strategy, ending) for strategy in Strategy for ending in ENDINGS)

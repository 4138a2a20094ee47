"""A drilled gateway as the topics have it: every word signed by who may say it."""

from typing import Any

from homeostat.detectors.drills.facts import DrillFacts
from homeostat.schemas.base import Message
from homeostat.schemas.canonical import derive_id, digest_bytes, to_json
from homeostat.schemas.command import Acknowledgement, AckOutcome, DesiredState
from homeostat.schemas.control import RolloutDocument
from homeostat.schemas.decision import Decision, Verdict
from homeostat.schemas.drill import Drill, DrillOutcome, DrillRun, DrillStage
from homeostat.schemas.drill_documents import DrillCallDocument, DrillRunDocument
from homeostat.schemas.policy import Policy
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Rollout, RolloutPhase, Target
from homeostat.schemas.served import Served, ServedExposure
from tests.builders import documents
from tests.builders.keys import GATEWAY, sign, trust

DRILL = Drill(gateway=GATEWAY, tenant="probe", block_rollouts=True)
TARGET = Target(gateway=GATEWAY, tenant=DRILL.tenant, workflow=DRILL.workflow)
_SIGNERS = {
    DrillCallDocument: SignerRole.OPERATOR,
    Decision: SignerRole.GUARD,
    DesiredState: SignerRole.SEQUENCER,
    Acknowledgement: SignerRole.GATEWAY,
    Served: SignerRole.GATEWAY,
    RolloutDocument: SignerRole.CONTROL,
    DrillRunDocument: SignerRole.CONTROL,
}


def policy(**changes: Any) -> Policy:
    """The test policy with one drill, changed so."""
    return documents.policy(drills=(DRILL.model_copy(update=changes),))


def proven(at_ms: int, **changes: Any) -> DrillRunDocument:
    """Control's word that the gateway proved a rollback then."""
    fields: dict[str, Any] = {
        "gateway": GATEWAY,
        "tenant": DRILL.tenant,
        "workflow": DRILL.workflow,
        "rollout": derive_id("drill", at_ms),
        "outcome": DrillOutcome.PROVEN,
        "stage": DrillStage.SERVED,
        "started_at_ms": at_ms,
        "ended_at_ms": at_ms,
        "proven_at_ms": at_ms,
        **changes,
    }
    body = DrillRun(**fields)
    return DrillRunDocument(subject=f"drill/{GATEWAY}", subject_version=at_ms, at_ms=at_ms, body=body)


class Probe:
    """A probe target on its way through a drill."""

    def __init__(self) -> None:
        self.facts = DrillFacts([DRILL], trust())
        self.generation = 0
        self.at_ms = documents.START_MS

    def say(self, message: Message, role: SignerRole | None = None) -> None:
        """One record, signed by who may say it, or by somebody else."""
        self.facts.take(message.ce_type, sign(role or _SIGNERS[type(message)], to_json(message), message.ce_type))

    def state(self, **changes: Any) -> DesiredState:
        """The next desired state: the control release for everybody."""
        self.generation += 1
        fields: dict[str, Any] = {
            "target": TARGET,
            "generation": self.generation,
            "baseline": documents.CONTROL_DIGEST,
            "manifest": documents.CONTROL,
            "intent": derive_id("intent", self.generation),
            "reason": "test",
            "at_ms": self.at_ms,
            **changes,
        }
        stated = DesiredState(**fields)
        self.say(stated)
        return stated

    def decide(self, rollout: Rollout, step: int, phase: RolloutPhase, verdict: Verdict) -> Decision:
        """The guard's decision on a drill."""
        made = documents.decision(rollout, step, phase, verdict, drill=True)
        self.say(made)
        return made

    def acknowledge(self, state: DesiredState, outcome: AckOutcome = AckOutcome.APPLIED) -> None:
        """The gateway's answer to a state."""
        digest = digest_bytes(to_json(state))
        place: dict[str, Any] = {
            "gateway": GATEWAY,
            "target": TARGET,
            "generation": state.generation,
            "at_ms": self.at_ms,
        }
        self.say(Acknowledgement(**place, state_digest=digest, outcome=outcome))

    def serve(self, state: DesiredState, run: DrillRun | None = None) -> None:
        """What the gateway says that it serves; with a run, its candidate to half of the sessions."""
        exposures: tuple[ServedExposure, ...] = ()
        if run is not None:
            assert run.candidate is not None
            exposed: dict[str, Any] = {
                "specialties": (DRILL.specialty,),
                "release": run.candidate,
                "rollout": run.rollout,
            }
            exposures = (ServedExposure(**exposed, step=1, share=0.5),)
        place: dict[str, Any] = {"target": TARGET, "baseline": state.baseline, "at_ms": self.at_ms}
        self.say(Served(**place, generation=state.generation, exposures=exposures))


def rollout_of(run: DrillRun) -> Rollout:
    """A rollout under a run's id."""
    return documents.rollout((DRILL.tenant,), (DRILL.specialty,), rollout=run.rollout, drill=True)

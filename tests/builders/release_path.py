"""From evidence to what sessions get: guard, sequencer and gateway, each over its own log, with real signatures."""

from collections.abc import Sequence
from typing import Any

from homeostat.detectors.sequencer.stage import SequencerStage
from homeostat.schemas.canonical import digest_document, to_json
from homeostat.schemas.command import DesiredState
from homeostat.schemas.control import (
    Approval,
    ApprovalDocument,
    Order,
    OrderDocument,
    OrderKind,
    Stop,
    StopDocument,
)
from homeostat.schemas.decision import Decision
from homeostat.schemas.intent import IntentAction
from homeostat.schemas.lease import Lease
from homeostat.schemas.log import Output
from homeostat.schemas.policy import Policy
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Rollout, RolloutPhase, Target
from homeostat.schemas.topics import INTENTS, LEASES
from homeostat.schemas.trace import Arm, OutputProperty
from homeostat.streams.client.gateway.core import GatewayCore, Serving
from homeostat.streams.client.gateway.lease_clock import LeaseClock, Moment
from homeostat.streams.signing import Signers
from tests.builders import documents
from tests.builders.evidence import TOLERANCES
from tests.builders.guard_log import GuardLog
from tests.builders.keys import GATEWAY, REVIEWER, SECOND_REVIEWER, sign, signer, trust
from tests.builders.scenario import control
from tests.builders.sequencer_log import SequencerLog, refusals
from tests.builders.traces import Draft

SIGNERS = Signers([signer(SignerRole.GUARD), signer(SignerRole.SEQUENCER)])
FINE = {name: [0.0] * 400 for name in TOLERANCES}
HARM = {"omission": [0.3] * 120, **{name: [0.0] * 120 for name in TOLERANCES if name != "omission"}}


class ReleasePath:
    """One rollout on its way; every target begins with the control release as its baseline.

    What is `cut_off` ("commands", or "all": leases too) does not reach the gateway; afterwards it reads what compaction
    has left of the topics. `refused` are the reasons for which the sequencer refused the guard's intents.
    """

    def __init__(self, rollout: Rollout, policy: Policy | None = None, sources: int = 1) -> None:
        self.rollout = rollout
        self.guard, self.sequencer = GuardLog(sources, rollout, policy), SequencerLog(rollout)
        self.gateway = GatewayCore(GATEWAY, trust(), {}, LeaseClock({}))
        self.versions = 1
        self.stated = 0
        self.cut_off = ""
        self.refused: list[str] = []
        self.renewals: dict[str, int] = {}
        for entry in rollout.targets:
            operator = SignerRole.OPERATOR
            said: dict[str, Any] = {"manifest": documents.CONTROL, "candidate": None, "target": entry.target}
            self.sequencer.ask(IntentAction.BASELINE, operator, **said)
        self._tell_gateway(())

    @property
    def now(self) -> Moment:
        """The guard's log time on both clocks."""
        return Moment(self.guard.scenario.now_ms, self.guard.scenario.now_ms)

    @property
    def last(self) -> Decision:
        return self.guard.decisions[-1]

    def phase(self) -> RolloutPhase:
        """Where the last decision left the rollout."""
        return self.last.phase

    def begin(self) -> None:
        self.pass_on(self.guard.begin())

    def say(self, differences: Any, cohort: tuple[str, str], pairs: int = 0, **fields: Any) -> None:
        """One (tenant, specialty)'s evidence; of the present step, as a leaf that has taken it over says it."""
        tenant, specialty = cohort
        step = max(1, self.guard.stage.rollouts[self.rollout.rollout].step)
        self.pass_on(
            self.guard.say(differences, pairs, **{"tenant": tenant, "specialty": specialty, "step": step, **fields})
        )

    def tick(self, seconds: float = 1.0) -> None:
        self.pass_on(self.guard.tick(seconds))

    def restart_guard(self) -> None:
        """The guard's worker is replaced: what it drained is all that it knows."""
        fresh = self.guard.build_stage()
        fresh.restore(self.guard.stage.state_records())
        self.guard.stage = fresh

    def restart_sequencer(self) -> None:
        fresh = SequencerStage(0, 1, trust())
        fresh.restore(self.sequencer.stage.state_records())
        self.sequencer.stage = fresh

    def restart_gateway(self) -> None:
        """A new process over the durable store: states and renewals' numbers; no lease counts until a newer renewal."""
        self.gateway = GatewayCore(GATEWAY, trust(), self.gateway.states, LeaseClock(self.renewals))
        self.catch_up()

    def catch_up(self) -> None:
        """The gateway reads the compacted topics from their beginnings."""
        for lease in () if self.cut_off == "all" else self.guard.leases[-1:]:
            self._renew(lease)
        for state in () if self.cut_off else {state.target.key: state for state in self.sequencer.commands}.values():
            self._offer(state)

    def change(self, rollout: Rollout) -> None:
        """An operator states another version of the rollout's document."""
        self.versions += 1
        message = documents.document(rollout, self.versions)
        self.pass_on(self.guard.control(message))
        self._tell_gateway(self.sequencer.control(message))

    def order(self, kind: OrderKind) -> None:
        body = Order(rollout=self.rollout.rollout, order=kind, author="ada", reason="drill")
        self._say_document(OrderDocument, f"order/{self.rollout.rollout}", body)

    def stop(self, **fields: Any) -> None:
        body = Stop(author="ada", **fields)
        document = self._say_document(StopDocument, body.subject, body)
        self._tell_gateway(self.sequencer.control(document))

    def approve(self, approver: str = REVIEWER, waves: int = 0) -> None:
        digest = digest_document(self.rollout)
        body = Approval(rollout=self.rollout.rollout, plan_digest=digest, approver=approver, waves=waves)
        self._say_document(ApprovalDocument, f"approval/{self.rollout.rollout}/{approver}", body)

    def approve_in_vain(self, forgery: str) -> None:
        """An approval of another plan, in another reviewer's name, or by an operator's key; none may count."""
        digest = documents.BASELINE_DIGEST if forgery == "another plan" else digest_document(self.rollout)
        body = Approval(rollout=self.rollout.rollout, plan_digest=digest, approver=REVIEWER)
        self.versions += 1
        subject = f"approval/{self.rollout.rollout}/forged"
        message = ApprovalDocument(subject=subject, subject_version=self.versions, at_ms=0, body=body)
        role = SignerRole.OPERATOR if forgery == "another role" else SignerRole.REVIEWER
        name = SECOND_REVIEWER if forgery == "another's name" else None
        envelope = sign(role, to_json(message), message.ce_type, name)
        self.pass_on(self.guard.add(control(message)._replace(value=envelope)))

    def serve(
        self, tenant: str, specialty: str, session: int = 0, properties: Sequence[OutputProperty] = ()
    ) -> Serving | None:
        target = Target(gateway=GATEWAY, tenant=tenant, workflow="scribe")
        return self.gateway.serve(target, specialty, f"{session:032x}", self.now, properties)

    def served(self, tenant: str, specialty: str) -> str:
        """`control`, `candidate`, or `both` where sessions are split: what 64 sessions get."""
        found = {self.serve(tenant, specialty, number) for number in range(64)}
        names = {documents.CONTROL_DIGEST: "control", documents.CANDIDATE_DIGEST: "candidate"}
        releases = {names[each.release] for each in found if each is not None}
        return releases.pop() if len(releases) == 1 else "both"

    def arms(self, tenant: str, specialty: str) -> set[Arm]:
        found = [self.serve(tenant, specialty, number) for number in range(64)]
        return {each.arm for each in found if each is not None}

    def _say_document(self, model: Any, subject: str, body: Any) -> Any:
        self.versions += 1
        at_ms = self.guard.scenario.now_ms
        document = model(subject=subject, subject_version=self.versions, at_ms=at_ms, body=body)
        self.pass_on(self.guard.control(document))
        return document

    def pass_on(self, outputs: Sequence[Output]) -> None:
        """The guard's intents to the sequencer, each twice; what that states, and the leases, to the gateway."""
        for output in outputs:
            if output.topic == LEASES and self.cut_off != "all":
                self._renew(Lease.model_validate_json(output.value or b""))
            if output.topic == INTENTS:
                sent = SIGNERS.sign_output(output)
                for _ in range(2):
                    self._tell_gateway(self.sequencer.add(Draft(sent.key, sent.value, sent.headers)))

    def _tell_gateway(self, gained: Sequence[Output]) -> None:
        for state in () if self.cut_off else self.sequencer.commands[self.stated :]:
            self._offer(state)
        self.stated = len(self.sequencer.commands)
        self.refused += refusals(list(gained))

    def _offer(self, state: DesiredState) -> None:
        envelope = sign(SignerRole.SEQUENCER, to_json(state), state.ce_type)
        self.gateway.obey(self.gateway.check_state(state.target.key.encode(), envelope))

    def _renew(self, lease: Lease) -> None:
        envelope = sign(SignerRole.GUARD, to_json(lease), lease.ce_type)
        if self.gateway.renew(self.gateway.check_lease(envelope), self.now):
            self.renewals[lease.lease] = lease.renewal


def state_of(path: ReleasePath, tenant: str) -> DesiredState:
    """What the gateway has been told for a tenant."""
    return path.gateway.states[f"{GATEWAY}/{tenant}/scribe"]

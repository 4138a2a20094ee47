"""What the topics say of drills, each word believed only with its signer's key."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from homeostat.detectors.control_types import CONTROL_KINDS, check_signer
from homeostat.detectors.trust import TrustStore, Verified
from homeostat.schemas.base import Message
from homeostat.schemas.canonical import digest_bytes
from homeostat.schemas.command import Acknowledgement, DesiredState
from homeostat.schemas.control import ControlType, RolloutDocument
from homeostat.schemas.decision import Decision
from homeostat.schemas.drill import Drill, DrillRun
from homeostat.schemas.drill_documents import DrillCallDocument, DrillRunDocument
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.served import Served

_SIGNERS: Mapping[type[Message], frozenset[SignerRole]] = {
    **{CONTROL_KINDS[kind].model: CONTROL_KINDS[kind].roles for kind in (ControlType.ROLLOUT, ControlType.DRILL_RUN)},
    DrillCallDocument: frozenset({SignerRole.OPERATOR}),
    Decision: frozenset({SignerRole.GUARD}),
    DesiredState: frozenset({SignerRole.SEQUENCER}),
    Acknowledgement: frozenset({SignerRole.GATEWAY}),
    Served: frozenset({SignerRole.GATEWAY}),
}
_MODELS = {model.ce_type: model for model in _SIGNERS}


class Stated(NamedTuple):
    """A target's newest desired state, and the digest of its payload."""

    state: DesiredState
    digest: str


class DrillFacts:
    """The newest of each message that is about these drills' probe targets, or about a drill."""

    def __init__(self, drills: Sequence[Drill], trust: TrustStore) -> None:
        self._targets = {drill.target_key for drill in drills}
        self._trust = trust
        self.runs: dict[str, DrillRun] = {}
        self.called_ms: dict[str, int] = {}
        self.rollouts: set[str] = set()
        self.decisions: dict[str, Decision] = {}
        self.stated: dict[str, Stated] = {}
        self.acknowledged: dict[str, Acknowledgement] = {}
        self.served: dict[str, Served] = {}
        self._versions: dict[str, int] = {}

    def take(self, ce_type: str, value: bytes | None) -> None:
        """Take one record over. Raises `SignatureRefused` or `PoisonRecord` for one that must not be believed."""
        model = _MODELS.get(ce_type)
        if model is None or value is None:
            return
        verified = self._trust.verify_with_key(value, ce_type, _SIGNERS[model])
        message, _ = parse_message(model, verified.payload)
        check_signer(message, verified.key)
        self._keep(message, verified)

    def note(self, document: DrillRunDocument) -> None:
        """Know at once what this process states itself."""
        if document.subject_version > self._versions.get(document.subject, 0):
            self._versions[document.subject] = document.subject_version
            self.runs[document.body.gateway] = document.body

    def _keep(self, message: Message, verified: Verified) -> None:
        match message:
            case DrillRunDocument():
                self.note(message)
            case DrillCallDocument():
                gateway = message.body.gateway
                self.called_ms[gateway] = max(message.at_ms, self.called_ms.get(gateway, 0))
            case RolloutDocument() if message.body.drill:
                self.rollouts.add(message.body.rollout)
            case Decision() if message.drill:
                held = self.decisions.get(message.rollout)
                if held is None or message.step > held.step:
                    self.decisions[message.rollout] = message
            case DesiredState() | Acknowledgement() | Served() if message.target.key in self._targets:
                self._keep_of_target(message, verified)
            case _:
                pass

    def _keep_of_target(self, message: DesiredState | Acknowledgement | Served, verified: Verified) -> None:
        key = message.target.key
        match message:
            case DesiredState():
                self.stated[key] = Stated(message, digest_bytes(verified.payload))
            case Acknowledgement():
                self.acknowledged[key] = message
            case Served() if verified.key.name == message.target.gateway:
                self.served[key] = message
            case _:
                pass

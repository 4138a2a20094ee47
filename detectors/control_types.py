"""Which message each control record carries, and whose signature it needs."""

from types import MappingProxyType
from typing import NamedTuple

from homeostat.detectors.trust import TrustedKey
from homeostat.schemas.base import Message
from homeostat.schemas.command import Acknowledgement
from homeostat.schemas.control import (
    ApprovalDocument,
    BaselineDocument,
    ControlType,
    Document,
    Gap,
    KernelVersionDocument,
    KeyActivationDocument,
    MissingSource,
    OrderDocument,
    PolicyDocument,
    ReleaseDocument,
    ReviewDocument,
    RolloutDocument,
    SealBaselineDocument,
    SnapshotBegin,
    SnapshotEnd,
    StopDocument,
    Tick,
)
from homeostat.schemas.decision import Decision
from homeostat.schemas.drill_documents import DrillRunDocument
from homeostat.schemas.effect import Effect
from homeostat.schemas.errors import SignatureRefused
from homeostat.schemas.override import OverrideDocument
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.safety_regression import SafetyRegressionDocument


class ControlKind(NamedTuple):
    """The model of a control type, and the roles that may sign it."""

    model: type[Message]
    roles: frozenset[SignerRole]


def _kind(model: type[Message], *roles: SignerRole) -> ControlKind:
    return ControlKind(model, frozenset(roles))


_CONTROL, _OPERATOR = SignerRole.CONTROL, SignerRole.OPERATOR

CONTROL_KINDS = MappingProxyType(
    {
        ControlType.TICK: _kind(Tick, _CONTROL),
        ControlType.SNAPSHOT_BEGIN: _kind(SnapshotBegin, _CONTROL),
        ControlType.SNAPSHOT_END: _kind(SnapshotEnd, _CONTROL),
        ControlType.MISSING_SOURCE: _kind(MissingSource, _CONTROL),
        ControlType.GAP: _kind(Gap, _CONTROL),
        ControlType.POLICY: _kind(PolicyDocument, _OPERATOR),
        ControlType.RELEASE: _kind(ReleaseDocument, _OPERATOR, _CONTROL),
        ControlType.ROLLOUT: _kind(RolloutDocument, _OPERATOR, _CONTROL),
        ControlType.ROLLOUT_STEP: _kind(Decision, SignerRole.GUARD),
        ControlType.BASELINE: _kind(BaselineDocument, _OPERATOR, _CONTROL),
        ControlType.SEAL_BASELINE: _kind(SealBaselineDocument, _OPERATOR),
        ControlType.KEY_ACTIVATION: _kind(KeyActivationDocument, _OPERATOR),
        ControlType.KERNEL_VERSION: _kind(KernelVersionDocument, _OPERATOR),
        ControlType.ACKNOWLEDGEMENT: _kind(Acknowledgement, SignerRole.GATEWAY),
        ControlType.EFFECT: _kind(Effect, SignerRole.GUARD),
        ControlType.APPROVAL: _kind(ApprovalDocument, SignerRole.REVIEWER),
        ControlType.REVIEW: _kind(ReviewDocument, SignerRole.REVIEWER),
        ControlType.ORDER: _kind(OrderDocument, _OPERATOR),
        ControlType.STOP: _kind(StopDocument, _OPERATOR),
        ControlType.OVERRIDE: _kind(OverrideDocument, _OPERATOR),
        ControlType.DRILL_RUN: _kind(DrillRunDocument, _CONTROL),
        ControlType.SAFETY_REGRESSION: _kind(SafetyRegressionDocument, _CONTROL),
    }
)


def check_signer(message: Message, key: TrustedKey) -> None:
    """Refuse a message whose key may sign its type, but not this one. Raises `SignatureRefused` (KEY_WRONG_ROLE).

    A named key speaks in its own name; control states releases and rollouts of drills, and no others.
    """
    if isinstance(message, Acknowledgement) and key.name != message.gateway:
        raise SignatureRefused(Refusal.KEY_WRONG_ROLE, "acknowledgement of another gateway")
    if isinstance(message, ApprovalDocument) and key.name != message.body.approver:
        raise SignatureRefused(Refusal.KEY_WRONG_ROLE, "approval in another reviewer's name")
    if key.role is not SignerRole.CONTROL:
        return
    if isinstance(message, ReleaseDocument) and not message.body.known_bad:
        raise SignatureRefused(Refusal.KEY_WRONG_ROLE, "control states no release but known-bad ones")
    if isinstance(message, RolloutDocument) and not message.body.drill:
        raise SignatureRefused(Refusal.KEY_WRONG_ROLE, "control states no rollout but drills")


def read_subject(message: Message) -> tuple[str, int]:
    """(subject, version) of what a control record states; ("", 0) for one that states only its time or place."""
    match message:
        case Document():
            return message.subject, message.subject_version
        case Decision():
            return message.rollout, message.step
        case Effect():
            return message.rollout, message.revision
        case Acknowledgement():
            return message.target.key, message.generation
        case _:
            return "", 0

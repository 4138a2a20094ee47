"""Which message each control record carries, and whose signature it needs."""

from types import MappingProxyType
from typing import NamedTuple

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
from homeostat.schemas.effect import Effect
from homeostat.schemas.override import OverrideDocument
from homeostat.schemas.roles import SignerRole


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
        ControlType.RELEASE: _kind(ReleaseDocument, _OPERATOR),
        ControlType.ROLLOUT: _kind(RolloutDocument, _OPERATOR),
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
    }
)


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

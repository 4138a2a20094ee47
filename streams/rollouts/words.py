"""What people say of rollouts under way, as documents that are ready to be signed."""

from homeostat.schemas.canonical import digest_document
from homeostat.schemas.control import (
    Approval,
    ApprovalDocument,
    Order,
    OrderDocument,
    OrderKind,
    Stop,
    StopDocument,
)
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.rollout import Rollout
from homeostat.schemas.topics import CONTROLS
from homeostat.streams.documents.read import ToPublish


def order_rollout(rollout: str, kind: OrderKind, author: str, reason: str, at_ms: int) -> ToPublish:
    """An operator's order."""
    subject = f"order/{rollout}"
    body = Order(rollout=rollout, order=kind, author=author, reason=reason)
    return ToPublish(CONTROLS, subject, OrderDocument(subject=subject, subject_version=at_ms, at_ms=at_ms, body=body))


def stop_exposures(stop: Stop, at_ms: int) -> ToPublish:
    """An emergency stop, or its end."""
    document = StopDocument(subject=stop.subject, subject_version=at_ms, at_ms=at_ms, body=stop)
    return ToPublish(CONTROLS, stop.subject, document)


def approve_plan(rollout: Rollout, candidate: ReleaseManifest, approver: str, waves: int, at_ms: int) -> ToPublish:
    """A reviewer's approval of the plan, by its digest. Raises `DocumentInvalid` for an author of it."""
    if approver in {rollout.author, candidate.author}:
        raise DocumentInvalid(f"{approver} is an author of the plan or of its candidate: another reviewer must sign")
    body = Approval(rollout=rollout.rollout, plan_digest=digest_document(rollout), approver=approver, waves=waves)
    subject = f"approval/{rollout.rollout}/{approver}"
    document = ApprovalDocument(subject=subject, subject_version=at_ms, at_ms=at_ms, body=body)
    return ToPublish(CONTROLS, subject, document)

"""What people say of rollouts under way, as documents that are ready to be signed."""

from homeostat.detectors.guard.intents import QUARANTINES
from homeostat.detectors.guard.plans import PLANNERS
from homeostat.schemas.canonical import derive_id, digest_document
from homeostat.schemas.control import (
    Approval,
    ApprovalDocument,
    Order,
    OrderDocument,
    OrderKind,
    RolloutDocument,
    Stop,
    StopDocument,
)
from homeostat.schemas.decision import Decision
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.rollout import ENDED, Rollout, RolloutPhase, RolloutTarget
from homeostat.schemas.topics import CONTROLS, ROLLOUTS
from homeostat.streams.documents.read import ToPublish

_AGAIN = " (again)"


def order_rollout(rollout: str, kind: OrderKind, author: str, reason: str, at_ms: int) -> ToPublish:
    """An operator's order."""
    subject = f"order/{rollout}"
    body = Order(rollout=rollout, order=kind, author=author, reason=reason)
    return ToPublish(CONTROLS, subject, OrderDocument(subject=subject, subject_version=at_ms, at_ms=at_ms, body=body))


def retry_rollout(rollout: Rollout, last: Decision | None, at_ms: int) -> ToPublish:
    """The same plan under a new id: leaves go on with their evidence. Raises `DocumentInvalid` where it would be idle.

    Cohorts that were promoted have the candidate; those taken back are barred from it.
    """
    if last is None or last.phase not in ENDED:
        raise DocumentInvalid(f"rollout {rollout.rollout} has not ended: resume it, or wait")
    if last.phase is RolloutPhase.PROMOTED:
        raise DocumentInvalid(f"rollout {rollout.rollout} was promoted: there is nothing to retry")
    if last.verdict in QUARANTINES:
        raise DocumentInvalid(
            f"rollout {rollout.rollout} was taken back ({last.verdict}), and its candidate is quarantined: evidence "
            "goes on, so a retry would end the same way; a candidate that was made better is another release"
        )
    done = {(tag.tenant, tag.specialty, tag.workflow) for tag in (*last.promoted, *last.taken_back)}
    targets = tuple(found for entry in rollout.targets if (found := _without(entry, done)) is not None)
    if not targets:
        raise DocumentInvalid(f"rollout {rollout.rollout}: every cohort was promoted or taken back")
    again = {"rollout": derive_id("retry", rollout.rollout, at_ms), "retry_of": rollout.rollout, "targets": targets}
    body = rollout.model_copy(update={**again, "title": f"{rollout.title.removesuffix(_AGAIN)}{_AGAIN}"[:200]})
    PLANNERS[body.strategy](body)
    document = RolloutDocument(subject=body.rollout, subject_version=at_ms, at_ms=at_ms, body=body)
    return ToPublish(ROLLOUTS, body.rollout, document)


def _without(entry: RolloutTarget, done: set[tuple[str, str, str]]) -> RolloutTarget | None:
    tenant, workflow = entry.target.tenant, entry.target.workflow
    kept = tuple(each for each in entry.specialties if (tenant, each, workflow) not in done)
    return entry.model_copy(update={"specialties": kept}) if kept else None


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

"""Documents for tests: a policy with the scribe's signals and short times, releases, rollouts, guard decisions."""

from collections.abc import Sequence
from typing import Any

from homeostat.schemas.base import Message
from homeostat.schemas.canonical import derive_id, digest_document
from homeostat.schemas.control import (
    ControlType,
    KeyActivation,
    KeyActivationDocument,
    PolicyDocument,
    ReleaseDocument,
    RolloutDocument,
)
from homeostat.schemas.decision import Decision, Health, Verdict
from homeostat.schemas.policy import BaselineRule, Policy, Times
from homeostat.schemas.release import Artifact, ArtifactKind, ReleaseManifest
from homeostat.schemas.rollout import Rollout, RolloutPhase, RolloutTarget, Target
from homeostat.schemas.signal import Carrier, Direction, Family, Kind, Role, SignalSpec
from tests.builders.keys import GATEWAY, MASTER

START_MS = 1_700_000_000_000
"""The log time at which test logs begin."""


def signal(name: str, **fields: Any) -> SignalSpec:
    """A bounded output signal whose rise is harmful, unless the fields say otherwise."""
    declared = {
        "family": Family.OUTPUT,
        "kind": Kind.BOUNDED,
        "direction": Direction.UP,
        "role": Role.SIGNAL,
        "tolerance": 0.05,
    }
    return SignalSpec(**{"name": name, **declared, **fields})


SIGNALS = (
    signal("edit_ratio", role=Role.GUARDRAIL, family=Family.OUTCOME),
    signal("unsupported_content", role=Role.GUARDRAIL, family=Family.SAFETY),
    signal("omission", role=Role.GUARDRAIL, family=Family.SAFETY),
    signal(
        "acceptance",
        role=Role.GUARDRAIL,
        family=Family.OUTCOME,
        kind=Kind.BINARY,
        direction=Direction.DOWN,
        tolerance=0.1,
        carrier=Carrier.FEEDBACK,
        max_age_s=3600.0,
    ),
    signal("latency", role=Role.GUARDRAIL, family=Family.OPERATIONS, high=60.0, clip=True),
    signal(
        "yield",
        role=Role.GUARDRAIL,
        family=Family.OPERATIONS,
        kind=Kind.BINARY,
        direction=Direction.DOWN,
        tolerance=0.02,
        carrier=Carrier.EXPOSURE,
    ),
    signal("structure_score", direction=Direction.DOWN),
    signal("dialogue_length", family=Family.INPUT, direction=Direction.BOTH, high=10_000.0, clip=True),
    signal("field_completeness", family=Family.INPUT, direction=Direction.BOTH),
)
TIMES = Times(tick_s=0.5, bucket_s=1.0, session_s=2.0, lease_ttl_s=15.0, clock_skew_s=1.0)


def policy(**fields: Any) -> Policy:
    """The scribe's nine signals, sessions of 2 s, buckets of 1 s, baselines of 30 sessions, one partition."""
    defaults: dict[str, Any] = {
        "signals": SIGNALS,
        "times": TIMES,
        "baseline": BaselineRule(first_sessions=30),
        "partitions": 1,
    }
    return Policy(**{**defaults, **fields})


def release(title: str) -> ReleaseManifest:
    """A manifest with one artifact; another title is another digest."""
    digest = "sha256:" + derive_id("artifact", title) * 2
    model = Artifact(kind=ArtifactKind.MODEL, name="scribe-model", artifact_version="1", digest=digest)
    return ReleaseManifest(title=title, artifacts=(model,))


BASELINE, CANDIDATE, CONTROL = release("baseline"), release("candidate"), release("control")
BASELINE_DIGEST, CANDIDATE_DIGEST, CONTROL_DIGEST = map(digest_document, (BASELINE, CANDIDATE, CONTROL))
ROLLOUT_ID = derive_id("rollout", 1)


def rollout(
    tenants: Sequence[str] = ("tenant-1",), specialties: Sequence[str] = ("cardiology",), **fields: Any
) -> Rollout:
    """A canary of `candidate` against `control` in the workflow `scribe` of some tenants."""
    targets = tuple(
        RolloutTarget(target=Target(gateway=GATEWAY, tenant=tenant, workflow="scribe"), specialties=tuple(specialties))
        for tenant in tenants
    )
    defaults = {"rollout": ROLLOUT_ID, "candidate": CANDIDATE_DIGEST, "control": CONTROL_DIGEST}
    return Rollout(**{**defaults, "targets": targets, **fields})


def decision(of: Rollout, step: int, phase: RolloutPhase, verdict: Verdict = Verdict.BEGIN, **fields: Any) -> Decision:
    """A step of a rollout as the guard would decide it."""
    defaults: dict[str, Any] = {
        "decision": derive_id("decision", of.rollout, step),
        "health": Health.INCONCLUSIVE,
        "share": of.share,
        "policy_digest": BASELINE_DIGEST,
        "rollout_digest": digest_document(of),
        "sessions": 0,
        "pairs": 0,
        "reason": "test",
        "source_partition": 0,
        "mark": 0,
        "log_time_ms": START_MS,
    }
    fields = {**defaults, **fields}
    return Decision(
        rollout=of.rollout,
        step=step,
        verdict=verdict,
        phase=phase,
        candidate=of.candidate,
        control=of.control,
        **fields,
    )


def document(body: Policy | ReleaseManifest | Rollout | KeyActivation, version: int = 1) -> Message:
    """The document message that carries a body, under the subject that the operator's tool would give it."""
    match body:
        case Policy():
            return PolicyDocument(subject=body.name, subject_version=version, at_ms=START_MS, body=body)
        case ReleaseManifest():
            subject = digest_document(body)
            return ReleaseDocument(subject=subject, subject_version=version, at_ms=START_MS, body=body)
        case Rollout():
            return RolloutDocument(subject=body.rollout, subject_version=version, at_ms=START_MS, body=body)
        case KeyActivation():
            return KeyActivationDocument(subject="keys", subject_version=version, at_ms=START_MS, body=body)


DOCUMENT_KINDS = {
    PolicyDocument: ControlType.POLICY,
    ReleaseDocument: ControlType.RELEASE,
    RolloutDocument: ControlType.ROLLOUT,
    KeyActivationDocument: ControlType.KEY_ACTIVATION,
    Decision: ControlType.ROLLOUT_STEP,
}


def standard_documents(body: Policy | None = None) -> list[Message]:
    """Policy, three releases and the activation of master `m1`: what every evaluated log begins with."""
    bodies = (body or policy(), BASELINE, CANDIDATE, CONTROL, KeyActivation(mac_masters=(MASTER,)))
    return [document(each) for each in bodies]

"""What a drill states: a release that is known to be bad, and its rollout at the probe target alone."""

from homeostat.schemas.canonical import derive_id, digest_bytes, digest_document
from homeostat.schemas.control import ReleaseDocument, RolloutDocument
from homeostat.schemas.drill import Drill, DrillRun
from homeostat.schemas.policy import Policy
from homeostat.schemas.release import Artifact, ArtifactKind, ReleaseManifest, RiskClass
from homeostat.schemas.rollout import Rollout, RolloutTarget, Target
from homeostat.schemas.signal import Carrier, Direction, Role, SignalSpec, Source

AUTHOR = "control"
_SHARE = 0.5


def name_drill(gateway: str, at_ms: int) -> str:
    """The id of a drill's rollout: a new one each time, as evidence of a former drill must not count."""
    return derive_id("drill", gateway, at_ms)


def find_signal(policy: Policy) -> SignalSpec | None:
    """The guardrail that a drill breaks: the first that the work itself carries; None where there is none."""
    return next((spec for spec in policy.signals if _can_be_broken(spec)), None)


def good_and_bad(spec: SignalSpec) -> tuple[float, float]:
    """The best and the worst value of a guardrail."""
    return (spec.high, spec.low) if spec.direction is Direction.DOWN else (spec.low, spec.high)


def make_bad(manifest: ReleaseManifest, rollout: str) -> ReleaseManifest:
    """What the probe target serves, with one more part that is known to be bad; every drill's has a name of its own."""
    part = Artifact(
        kind=ArtifactKind.FEATURE_FLAGS,
        name="known-bad",
        artifact_version="1",
        digest=digest_bytes(f"known-bad/{rollout}".encode()),
    )
    return ReleaseManifest(
        title=f"known bad, for drill {rollout}",
        artifacts=(*manifest.artifacts, part),
        parent=digest_document(manifest),
        author=AUTHOR,
        risk=RiskClass.LOW,
        known_bad=True,
    )


def state_documents(
    run: DrillRun, drill: Drill, served: ReleaseManifest, spec: SignalSpec
) -> tuple[ReleaseDocument, RolloutDocument]:
    """The drill's release and rollout; the same for the same run, so that stating them again changes nothing."""
    bad = make_bad(served, run.rollout)
    rollout = Rollout(
        rollout=run.rollout,
        title=f"drill of {drill.gateway}",
        author=AUTHOR,
        candidate=digest_document(bad),
        control=digest_document(served),
        targets=(
            RolloutTarget(
                target=Target(gateway=drill.gateway, tenant=drill.tenant, workflow=drill.workflow),
                specialties=(drill.specialty,),
            ),
        ),
        share=_SHARE,
        guardrails=(spec.name,),
        max_duration_s=drill.limit_s,
        drill=True,
    )
    at_ms = run.started_at_ms
    return (
        ReleaseDocument(subject=rollout.candidate, subject_version=at_ms, at_ms=at_ms, body=bad),
        RolloutDocument(subject=rollout.rollout, subject_version=at_ms, at_ms=at_ms, body=rollout),
    )


def _can_be_broken(spec: SignalSpec) -> bool:
    declared = spec.role is Role.GUARDRAIL and spec.tolerance < 1.0
    return declared and spec.carrier is Carrier.WORK and spec.source is Source.SIGNAL

"""Ids, places and documents that the examples share."""

from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.release import (
    Artifact,
    ArtifactKind,
    Constraint,
    ReleaseManifest,
    RiskClass,
    SideEffect,
)
from homeostat.schemas.rollout import OnHarm, Rollout, RolloutTarget, Target, Wave, Window
from homeostat.schemas.trace import (
    Arm,
)

AT_MS = 1_700_000_000_000
CANDIDATE, CONTROL = "sha256:" + "ca" * 32, "sha256:" + "b0" * 32
ROLLOUT, LEASE, DECISION, INTENT, EVENT = "0a" * 16, "1b" * 16, "2c" * 16, "3d" * 16, "4e" * 16
TRACE, SESSION, ACTOR, ALARM, WORK = "5f" * 16, "6a" * 16, "7b" * 16, "8c" * 16, "9d" * 16
TARGET = Target(gateway="gateway-1", tenant="clinic-a", workflow="scribe")
LEAF = Cohort(layer=Layer.LEAF, tenant="clinic-a", specialty="cardiology", workflow="scribe", arm=Arm.CANDIDATE)
SPECIALTY = Cohort(layer=Layer.SPECIALTY, specialty="cardiology")
WORKFLOW = Cohort(layer=Layer.WORKFLOW, workflow="scribe")
MANIFEST = ReleaseManifest(
    title="BioBART, full notes",
    artifacts=(
        Artifact(
            kind=ArtifactKind.MODEL,
            name="biobart",
            artifact_version="2.1.0",
            digest=CANDIDATE,
            constraints=(Constraint(kind=ArtifactKind.PROMPT_PACK, name="soap", min_version="1.4", below_version="2"),),
        ),
        Artifact(
            kind=ArtifactKind.TOOL_CONTRACTS,
            name="ehr",
            artifact_version="7",
            digest=CONTROL,
            side_effects=(SideEffect.DRAFT_NOTE,),
            tools=("write-draft",),
        ),
    ),
    parent=CONTROL,
    author="release-team",
    risk=RiskClass.HIGH,
)
PLAN = Rollout(
    rollout=ROLLOUT,
    title="BioBART for two specialties",
    candidate=CANDIDATE,
    control=CONTROL,
    targets=(RolloutTarget(target=TARGET, specialties=("cardiology", "oncology")),),
    guardrails=("edit_ratio", "omission_ratio"),
    waves=(
        Wave(share=0.1, specialties=("cardiology",), min_pairs=10, bake_s=60.0),
        Wave(share=0.5, tenants=("clinic-a",), workflows=("scribe",), approvals=1),
    ),
    on_harm=OnHarm.COHORT,
    approvals=2,
    windows=(Window(days=(0, 1), from_hour=8, to_hour=18),),
    not_before_ms=AT_MS,
)

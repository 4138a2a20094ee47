"""The demo's plan: three canaries on disjoint tenants, and what must become of each."""

from enum import StrEnum
from typing import Any, NamedTuple

from homeostat.schemas.canonical import derive_id, digest_bytes, digest_document
from homeostat.schemas.policy import Policy
from homeostat.schemas.release import Artifact, ArtifactKind, ReleaseManifest, SideEffect

GATEWAY = "demo-gateway"
WORKFLOW = "visit-note"
SPECIALTIES = ("cardiology", "family-medicine", "orthopedics")

WARM_UP_SESSIONS, WARM_UP_SESSIONS_PER_S = 215, 20.0
"""How many sessions a cohort has, and how fast, before its first baseline is surely sealed (200 of them)."""


class Outcome(StrEnum):
    """How a canary must end."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"


class Canary(NamedTuple):
    """One rollout of the demo; `must_name` is a signal that must be among the deciding.

    `sessions_per_s` is per cohort, once it has had its `WARM_UP_SESSIONS`. Tenants are chosen so that the embedded
    broker's four partitions fill evenly.
    """

    name: str
    title: str
    control: str
    candidate: str
    tenants: tuple[str, ...]
    outcome: Outcome
    sessions_per_s: float
    must_name: str | None = None

    @property
    def rollout(self) -> str:
        return derive_id("demo", self.name)


CANARIES = (
    Canary(
        "biobart",
        "BART large → BioBART: worse by at most .02",
        "BART_large:full",
        "BioBART:full",
        ("riverside-clinic", "harbor-clinic"),
        Outcome.PROMOTED,
        20.0,
    ),
    Canary(
        "led",
        "BART large → LED: invents content",
        "BART_large:full",
        "LED:full",
        ("north-clinic", "lakeview-clinic"),
        Outcome.ROLLED_BACK,
        4.0,
        "unsupported_ratio",
    ),
    Canary(
        "dropped-sections",
        "BioBART by section → whole note: drops sections",
        "BioBART:division_combined",
        "BioBART:full",
        ("summit-clinic", "hillside-clinic"),
        Outcome.ROLLED_BACK,
        4.0,
        "omission_ratio",
    ),
)


def build_manifest(model: str) -> ReleaseManifest:
    """The manifest of a release that runs one of the published models."""
    name, _, mode = model.lower().replace("_", "-").partition(":")
    parts = (
        (ArtifactKind.MODEL, name, "1.0.0", (SideEffect.NONE,)),
        (ArtifactKind.PROMPT_PACK, f"note-{mode.replace('_', '-')}", "1.0.0", (SideEffect.NONE,)),
        (ArtifactKind.ROUTING_RULES, "all-visits", "1.0.0", (SideEffect.NONE,)),
        (ArtifactKind.TOOL_CONTRACTS, "note-tools", "1.0.0", (SideEffect.DRAFT_NOTE,)),
    )
    artifacts = tuple(
        Artifact(
            kind=kind,
            name=part,
            artifact_version=version,
            digest=digest_bytes(f"{kind}/{part}/{version}".encode()),
            side_effects=effects,
        )
        for kind, part, version, effects in parts
    )
    return ReleaseManifest(title=model, artifacts=artifacts)


def models_by_digest() -> dict[str, str]:
    """Which model's figures stand behind each release digest of the plan."""
    models = {model for canary in CANARIES for model in (canary.control, canary.candidate)}
    return {digest_document(build_manifest(model)): model for model in models}


def setup_entries(policy: Policy, masters: list[str]) -> list[dict[str, Any]]:
    """Documents that must be there before the first session: keys, policy, releases, targets' baselines."""
    entries: list[dict[str, Any]] = [
        {"kind": "keys", "body": {"mac_masters": masters}},
        {"kind": "policy", "body": policy.model_dump(mode="json")},
    ]
    entries += _release_entries()
    for canary in CANARIES:
        targets = [{"gateway": GATEWAY, "tenant": tenant, "workflow": WORKFLOW} for tenant in canary.tenants]
        entries.append({"kind": "targets", "body": {"release": f"@{_slug(canary.control)}", "targets": targets}})
    return entries


def rollout_entries() -> list[dict[str, Any]]:
    """The releases again, for their names, and the three rollouts: half of the sessions of each cohort."""
    return [*_release_entries(), *(_rollout_entry(canary) for canary in CANARIES)]


def _release_entries() -> list[dict[str, Any]]:
    return [
        {"kind": "release", "name": _slug(model), "version": 1, "body": build_manifest(model).model_dump(mode="json")}
        for model in sorted(models_by_digest().values())
    ]


def _rollout_entry(canary: Canary) -> dict[str, Any]:
    targets = [
        {"target": {"gateway": GATEWAY, "tenant": tenant, "workflow": WORKFLOW}, "specialties": list(SPECIALTIES)}
        for tenant in canary.tenants
    ]
    body = {
        "rollout": canary.rollout,
        "title": canary.title,
        "candidate": f"@{_slug(canary.candidate)}",
        "control": f"@{_slug(canary.control)}",
        "targets": targets,
        "share": 0.5,
    }
    return {"kind": "rollout", "name": canary.name, "body": body}


def _slug(model: str) -> str:
    return model.lower().replace(":", "-").replace("_", "-")

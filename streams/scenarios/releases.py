"""Releases and rollouts of a scenario, as the documents that an operator would apply."""

from collections.abc import Sequence
from typing import NamedTuple

from homeostat.schemas.canonical import derive_id, digest_bytes, digest_document
from homeostat.schemas.control import (
    KeyActivation,
    KeyActivationDocument,
    PolicyDocument,
    ReleaseDocument,
    RolloutDocument,
)
from homeostat.schemas.intent import Intent, IntentAction
from homeostat.schemas.policy import Policy
from homeostat.schemas.release import Artifact, ArtifactKind, ReleaseManifest
from homeostat.schemas.rollout import Rollout, RolloutTarget, Target
from homeostat.schemas.topics import CONTROLS, INTENTS, POLICIES, RELEASES, ROLLOUTS
from homeostat.streams.documents.read import ToPublish
from homeostat.streams.key_set import FIRST_MASTER
from homeostat.streams.scenarios.effects_format import Canary
from homeostat.streams.scenarios.policy_of import DAY_S
from homeostat.streams.scenarios.scenario import Scenario

GATEWAY = "gateway-1"
_PARTS = tuple(ArtifactKind)


class Trial(NamedTuple):
    """A rollout of the scenario: its plan, and the candidate's manifest."""

    canary: Canary
    rollout: Rollout
    manifest: ReleaseManifest


def build_manifest(title: str, differs: ArtifactKind | None = None) -> ReleaseManifest:
    """The usual release, or one that differs from it in one artifact."""
    artifacts = []
    for kind in _PARTS:
        version = f"2.0.0-{title}"[:32] if kind is differs else "1.0.0"
        digest = digest_bytes(f"{kind}/{version}/{title if kind is differs else ''}".encode())
        artifacts.append(
            Artifact(kind=kind, name=kind.value.replace("_", "-"), artifact_version=version, digest=digest)
        )
    return ReleaseManifest(title=title, artifacts=tuple(artifacts))


def build_trial(scenario: Scenario, index: int, usual: str) -> Trial:
    """The rollout document of one canary; its control is the usual release."""
    canary = scenario.rollouts[index]
    manifest = build_manifest(f"{canary.name}-{index}", canary.artifact)
    cells = [cell for cell in scenario.cells() if canary.where.holds(*cell)]
    pairs = dict.fromkeys((tenant, workflow) for tenant, _, workflow in cells)
    targets = tuple(
        RolloutTarget(
            target=Target(gateway=GATEWAY, tenant=tenant, workflow=workflow),
            specialties=tuple(s for t, s, w in cells if (t, w) == (tenant, workflow)),
        )
        for tenant, workflow in pairs
    )
    rollout = Rollout(
        rollout=derive_id("scenario", scenario.name, "rollout", index),
        title=canary.name,
        candidate=digest_document(manifest),
        control=usual,
        targets=targets,
        share=canary.share,
        guardrails=canary.guardrails,
        min_pairs=canary.min_pairs,
        max_duration_s=canary.max_days * DAY_S,
    )
    return Trial(canary, rollout, manifest)


def first_documents(
    scenario: Scenario, policy: Policy, manifests: Sequence[ReleaseManifest], at_ms: int
) -> list[ToPublish]:
    """Keys, policy, all releases, and what every target serves, before the first session."""
    keys = KeyActivation(mac_masters=(FIRST_MASTER,))
    found = [
        ToPublish(CONTROLS, "keys", KeyActivationDocument(subject="keys", subject_version=1, at_ms=at_ms, body=keys)),
        ToPublish(
            POLICIES, policy.name, PolicyDocument(subject=policy.name, subject_version=1, at_ms=at_ms, body=policy)
        ),
    ]
    for manifest in manifests:
        digest = digest_document(manifest)
        document = ReleaseDocument(subject=digest, subject_version=1, at_ms=at_ms, body=manifest)
        found.append(ToPublish(RELEASES, digest, document))
    if scenario.rollouts:
        found += [_baseline(target, manifests[0], at_ms) for target in targets_of(scenario)]
    return found


def targets_of(scenario: Scenario) -> list[Target]:
    """Every tenant × workflow at the gateway."""
    return [Target(gateway=GATEWAY, tenant=t, workflow=w) for t in scenario.tenants for w in scenario.workflows]


def rollout_document(trial: Trial, at_ms: int) -> ToPublish:
    """The document that begins a trial."""
    body = trial.rollout
    return ToPublish(
        ROLLOUTS, body.rollout, RolloutDocument(subject=body.rollout, subject_version=1, at_ms=at_ms, body=body)
    )


def _baseline(target: Target, manifest: ReleaseManifest, at_ms: int) -> ToPublish:
    intent = Intent(
        intent=derive_id("baseline", target.key),
        target=target,
        action=IntentAction.BASELINE,
        author="operator",
        reason="baseline stated by the scenario",
        at_ms=at_ms,
        manifest=manifest,
    )
    return ToPublish(INTENTS, target.key, intent)

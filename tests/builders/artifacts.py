"""Artifacts, releases and overrides for tests."""

from typing import Any

from homeostat.schemas.canonical import derive_id
from homeostat.schemas.override import Override, OverrideDocument, Scope
from homeostat.schemas.release import Artifact, ArtifactKind, Constraint, Contract, ContractNeed, ReleaseManifest

MODEL, PROMPT, TOOLS = ArtifactKind.MODEL, ArtifactKind.PROMPT_PACK, ArtifactKind.TOOL_CONTRACTS


def artifact(kind: ArtifactKind, version: str, name: str = "a", **fields: Any) -> Artifact:
    """An artifact whose digest is that of its place."""
    digest = "sha256:" + derive_id(kind, name, version) * 2
    return Artifact(**{"kind": kind, "name": name, "artifact_version": version, "digest": digest, **fields})


def needs(kind: ArtifactKind, lowest: str | None = None, below: str | None = None, name: str = "a") -> Constraint:
    """A constraint on another artifact."""
    return Constraint(kind=kind, name=name, min_version=lowest, below_version=below)


def offers(contract: str, version: int) -> Contract:
    """A contract that is provided."""
    return Contract(contract=contract, contract_version=version)


def wants(contract: str, lowest: int = 1, below: int | None = None) -> ContractNeed:
    """A contract that is required."""
    return ContractNeed(contract=contract, min_version=lowest, below_version=below)


def release(*artifacts: Artifact, title: str = "release") -> ReleaseManifest:
    """A manifest of these artifacts."""
    return ReleaseManifest(title=title, artifacts=artifacts)


def override(
    tenant: str | None = None, specialty: str | None = None, workflow: str | None = None, **fields: Any
) -> Override:
    """An override of a scope; of the platform where no tag is given."""
    return Override(scope=Scope(tenant=tenant, specialty=specialty, workflow=workflow), **fields)


def override_document(body: Override, version: int = 1) -> OverrideDocument:
    """The document that carries an override."""
    return OverrideDocument(subject=body.scope.key, subject_version=version, at_ms=0, body=body)

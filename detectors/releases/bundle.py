"""Whether artifacts fit together: version ranges, and contracts that one provides and another requires."""

from collections.abc import Sequence
from typing import NamedTuple

from homeostat.detectors.releases.catalogue import describe
from homeostat.detectors.releases.versions import constraint_range, meets_constraint, parse_version
from homeostat.schemas.release import Artifact, Constraint, ContractNeed

Need = Constraint | ContractNeed


class Unmet(NamedTuple):
    """One thing that an artifact of a bundle needs and the bundle has not."""

    artifact: Artifact
    need: Need
    found: str

    def __str__(self) -> str:
        return f"{describe(self.artifact)} needs {describe_need(self.need)}, the bundle has {self.found}"


def check_bundle(artifacts: Sequence[Artifact]) -> list[Unmet]:
    """Everything that does not hold, in the order of the artifacts; an empty list for a bundle that fits."""
    return [
        Unmet(artifact, need, _say_found(artifacts, need))
        for artifact in artifacts
        for need in needs_of(artifact)
        if not is_met(need, artifact, artifacts)
    ]


def check_artifact(artifact: Artifact) -> None:
    """Refuse one whose version, or a bound of whose constraints, cannot be ordered. Raises `DocumentInvalid`."""
    parse_version(artifact.artifact_version)
    for constraint in artifact.constraints:
        constraint_range(constraint)


def needs_of(artifact: Artifact) -> list[Need]:
    """Everything that an artifact needs of others."""
    return [*artifact.constraints, *artifact.requires]


def is_met(need: Need, by: Artifact, artifacts: Sequence[Artifact]) -> bool:
    """Whether an artifact's need is met by another one of these."""
    return any(meets_need(other, need) for other in artifacts if other is not by)


def meets_need(artifact: Artifact, need: Need) -> bool:
    """Whether one artifact is what is needed, or provides it."""
    if isinstance(need, Constraint):
        return meets_constraint(artifact, need)
    return any(need.is_met_by(offer) for offer in artifact.provides)


def describe_need(need: Need) -> str:
    """A need in words.

    >>> describe_need(ContractNeed(contract="note_schema", min_version=3, below_version=5))
    'contract note_schema >=3,<5'
    """
    if isinstance(need, Constraint):
        bounds = ",".join(sorted(map(str, constraint_range(need)), reverse=True)) or "in any version"
        return f"{need.kind} {need.name} {bounds}"
    upper = "" if need.below_version is None else f",<{need.below_version}"
    return f"contract {need.contract} >={need.min_version}{upper}"


def _say_found(artifacts: Sequence[Artifact], need: Need) -> str:
    if isinstance(need, Constraint):
        of_name = [each.artifact_version for each in artifacts if (each.kind, each.name) == (need.kind, need.name)]
        return " and ".join(of_name) or "none"
    offers = [
        f"{offer.contract_version} of {describe(artifact)}"
        for artifact in artifacts
        for offer in artifact.provides
        if offer.contract == need.contract
    ]
    return "version " + ", ".join(offers) if offers else "nobody who provides it"

"""Why no bundle of a draft fits: which constraint fails, and what would fit instead."""

from collections.abc import Sequence
from typing import NamedTuple

from homeostat.detectors.releases.bundle import Unmet, check_bundle, meets_need
from homeostat.detectors.releases.catalogue import Catalogue, describe
from homeostat.detectors.releases.resolve import in_range, search
from homeostat.schemas.release import Artifact, ArtifactKind, Constraint
from homeostat.schemas.release_draft import DraftArtifact, ReleaseDraft

MAX_SHOWN = 8
MAX_ADDED = 8


class Obstacles(NamedTuple):
    """`failing` says what does not hold; `would_fit` what to write into the draft instead, empty if nothing helps."""

    failing: list[str]
    would_fit: list[str]


def find_obstacles(draft: ReleaseDraft, catalogue: Catalogue) -> Obstacles:
    """Explain a draft that `resolve` gave nothing for. Raises `DocumentInvalid` where the search does not end."""
    absent = [_say_absent(wanted, catalogue) for wanted in draft.artifacts if not in_range(wanted, catalogue)]
    if absent:
        return Obstacles(absent, _find_changes(draft, catalogue))
    newest = [in_range(wanted, catalogue)[0] for wanted in draft.artifacts]
    failing = [_say_failing(unmet, catalogue) for unmet in check_bundle(newest)]
    return Obstacles(failing, _find_changes(draft, catalogue))


def _say_absent(wanted: DraftArtifact, catalogue: Catalogue) -> str:
    registered = catalogue.versions(wanted.kind, wanted.name)
    has = f"the registry has {_list(registered)}" if registered else "the registry has no such artifact"
    return f"{wanted.kind} {wanted.name} {wanted.version or 'in any version'}: {has}"


def _say_failing(unmet: Unmet, catalogue: Catalogue) -> str:
    meeting = [artifact for artifact in catalogue.artifacts if meets_need(artifact, unmet.need)]
    if isinstance(unmet.need, Constraint):
        fits = f"registered and fitting: {_list(meeting)}" if meeting else "no registered version fits"
    else:
        names = ", ".join(describe(artifact) for artifact in meeting[:MAX_SHOWN])
        fits = f"provided by {names}" if names else "no registered artifact provides it"
    return f"{unmet} ({fits})"


def _find_changes(draft: ReleaseDraft, catalogue: Catalogue) -> list[str]:
    """Changes to the draft that make it fit: of one range; else of all ranges; else with artifacts added."""
    choices = [in_range(wanted, catalogue) for wanted in draft.artifacts]
    every = [tuple(catalogue.versions(wanted.kind, wanted.name)) for wanted in draft.artifacts]
    single = []
    for place, wanted in enumerate(draft.artifacts):
        found = search([*choices[:place], every[place], *choices[place + 1 :]])
        if found is not None:
            single.append(f"{wanted.kind} {wanted.name} {found[place].artifact_version} instead of {_range(wanted)}")
    if single:
        return single
    found = search(every)
    if found is not None:
        return [" and ".join(_say_changed(draft, choices, found))]
    return _find_additions(draft, catalogue, choices, every)


def _find_additions(
    draft: ReleaseDraft, catalogue: Catalogue, choices: list[tuple[Artifact, ...]], every: list[tuple[Artifact, ...]]
) -> list[str]:
    """Artifacts that the draft does not name and that others need, taken in until it fits or nothing is left to add."""
    added: list[tuple[Artifact, ...]] = []
    names = {(wanted.kind, wanted.name) for wanted in draft.artifacts}
    while len(added) < MAX_ADDED:
        lacking = _find_lacking([*every, *added], names, catalogue)
        if lacking is None:
            return []
        names.add(lacking)
        added.append(tuple(catalogue.versions(*lacking)))
        for within in (choices, every):
            found = search([*within, *added])
            if found is not None:
                more = [f"with {describe(artifact)} added" for artifact in found[len(every) :]]
                return [" and ".join([*_say_changed(draft, choices, found[: len(every)]), *more])]
    return []


def _find_lacking(
    choices: Sequence[tuple[Artifact, ...]], names: set[tuple[ArtifactKind, str]], catalogue: Catalogue
) -> tuple[ArtifactKind, str] | None:
    newest = [versions[0] for versions in choices if versions]
    for unmet in check_bundle(newest):
        for artifact in catalogue.artifacts:
            if (artifact.kind, artifact.name) not in names and meets_need(artifact, unmet.need):
                return artifact.kind, artifact.name
    return None


def _say_changed(draft: ReleaseDraft, choices: Sequence[Sequence[Artifact]], found: Sequence[Artifact]) -> list[str]:
    changed = zip(draft.artifacts, choices, found, strict=True)
    return [
        f"{wanted.kind} {wanted.name} {artifact.artifact_version} instead of {_range(wanted)}"
        for wanted, versions, artifact in changed
        if artifact not in versions
    ]


def _range(wanted: DraftArtifact) -> str:
    return wanted.version or "any version"


def _list(artifacts: Sequence[Artifact]) -> str:
    shown = ", ".join(artifact.artifact_version for artifact in artifacts[:MAX_SHOWN])
    return shown if len(artifacts) <= MAX_SHOWN else f"{shown} and {len(artifacts) - MAX_SHOWN} older"

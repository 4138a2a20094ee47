"""Which artifacts a release changed, and which of them several rollouts point to."""

from collections.abc import Mapping
from typing import NamedTuple

from homeostat.detectors.triage.timeline import RolloutTimeline
from homeostat.schemas.drift_event import ArtifactChange
from homeostat.schemas.release import Artifact, ReleaseManifest
from homeostat.schemas.rollout import RolloutPhase

_VERSION_CHARS = 32
_DIGEST_CHARS = 8


class Pair(NamedTuple):
    """The release before and the one after, by digest."""

    before: str
    after: str


class Trial(NamedTuple):
    """A release pair that was tried, and whether it regressed."""

    pair: Pair
    regressed: bool


class Suspects(NamedTuple):
    """The artifacts that differ, the likely ones first; how many of them those are, and how many trials say so."""

    changes: tuple[ArtifactChange, ...] = ()
    likely: int = 0
    regressed: int = 0
    fine: int = 0


def diff_manifests(before: ReleaseManifest, after: ReleaseManifest) -> tuple[ArtifactChange, ...]:
    """Give the artifacts that differ in digest, sorted by kind and name; an absent side is None.

    Two versions of the same name are told apart by the beginning of their digests.
    """
    old, new = _by_name(before), _by_name(after)
    keys = sorted(key for key in {*old, *new} if key not in old or key not in new or old[key].digest != new[key].digest)
    return tuple(_describe(old.get(key), new.get(key)) for key in keys)


def read_trial(timeline: RolloutTimeline) -> Trial | None:
    """What a rollout has shown: None before the guard found it harmful, or promoted it."""
    if not (timeline.control and timeline.candidate):
        return None
    if not (timeline.judged_harmful or timeline.phase is RolloutPhase.PROMOTED):
        return None
    return Trial(Pair(timeline.control, timeline.candidate), timeline.judged_harmful)


def find_suspects(pair: Pair | None, releases: Mapping[str, ReleaseManifest], trials: Mapping[Trial, int]) -> Suspects:
    """Give what a pair of releases changed, what all regressed trials that share a part of it have in common first.

    `trials` says how many rollouts have shown each.
    Of the changes those are likely that every regressed trial with any of them has, and no trial that went well.
    Without another trial to compare with, or where that leaves none or all, none is likelier than the others.
    """
    changes = _diff(pair, releases)
    likely, regressed, fine = list(changes), 0, 0
    for trial, times in trials.items():
        tried = {_name(change) for change in _diff(trial.pair, releases)}
        if trial.pair == pair or not any(_name(change) in tried for change in changes):
            continue
        likely = [change for change in likely if (_name(change) in tried) is trial.regressed]
        regressed, fine = regressed + times * trial.regressed, fine + times * (not trial.regressed)
    if not 0 < len(likely) < len(changes):
        return Suspects(changes, 0, regressed, fine)
    rest = [change for change in changes if change not in likely]
    return Suspects((*likely, *rest), len(likely), regressed, fine)


def _diff(pair: Pair | None, releases: Mapping[str, ReleaseManifest]) -> tuple[ArtifactChange, ...]:
    if pair is None or pair.before not in releases or pair.after not in releases:
        return ()
    return diff_manifests(releases[pair.before], releases[pair.after])


def _by_name(manifest: ReleaseManifest) -> dict[tuple[str, str], Artifact]:
    return {(artifact.kind.value, artifact.name): artifact for artifact in manifest.artifacts}


def _describe(before: Artifact | None, after: Artifact | None) -> ArtifactChange:
    known = after or before
    assert known is not None
    alike = before is not None and after is not None and before.artifact_version == after.artifact_version
    return ArtifactChange(
        kind=known.kind, name=known.name, before=_say_version(before, alike), after=_say_version(after, alike)
    )


def _say_version(artifact: Artifact | None, with_digest: bool) -> str | None:
    if artifact is None:
        return None
    if not with_digest:
        return artifact.artifact_version
    digest = artifact.digest.removeprefix("sha256:")[:_DIGEST_CHARS]
    return f"{artifact.artifact_version[: _VERSION_CHARS - _DIGEST_CHARS - 1]}+{digest}"


def _name(change: ArtifactChange) -> tuple[str, str, str | None]:
    return change.kind.value, change.name, change.after

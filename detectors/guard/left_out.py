"""Targets whose overrides refuse the candidate: a rollout goes on without them, instead of waiting for them."""

from collections.abc import Sequence
from itertools import dropwhile

from homeostat.detectors.guard.planned_wave import PlannedWave
from homeostat.detectors.releases.fit import check_target
from homeostat.detectors.releases.override_book import OverrideBook
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.release import ReleaseManifest

Target = tuple[str, str]


def leave_out_refused(
    waves: Sequence[PlannedWave], candidate: ReleaseManifest, overrides: OverrideBook
) -> tuple[tuple[PlannedWave, ...], tuple[str, ...]]:
    """The waves without the targets that refuse the candidate, and for each of those the first reason.

    A target is in or out as a whole, because a promotion is of the whole target. A wave that adds nobody, but raises
    the share, stays. Raises `DocumentInvalid` where nobody is left.
    """
    refused = _find_refused(
        {(tenant, workflow) for wave in waves for tenant, _, workflow in wave.cohorts}, candidate, overrides
    )
    if not refused:
        return tuple(waves), ()
    narrowed = [
        wave.model_copy(update={"cohorts": tuple(each for each in wave.cohorts if (each[0], each[2]) not in refused)})
        for wave in waves
    ]
    kept = (now for now, before in zip(narrowed, waves, strict=True) if now.cohorts or not before.cohorts)
    left = tuple(dropwhile(lambda wave: not wave.cohorts, kept))
    if not left:
        raise DocumentInvalid(f"0 of {len(refused)} targets take the candidate: {next(iter(refused.values()))}")
    first = left[0].model_copy(update={"approvals": max(left[0].approvals, waves[0].approvals)})
    return (first, *left[1:]), tuple(refused.values())


def _find_refused(targets: set[Target], candidate: ReleaseManifest, overrides: OverrideBook) -> dict[Target, str]:
    refused: dict[Target, str] = {}
    for tenant, workflow in sorted(targets):
        conflicts = check_target(candidate, overrides.of(tenant, workflow).whole)
        if conflicts:
            refused[tenant, workflow] = f"{tenant}/{workflow} ({conflicts[0].setting}: {conflicts[0].detail})"
    return refused

"""What a target's overrides make of its state: releases that they refuse, tools and work that they withhold."""

from typing import NamedTuple

from homeostat.detectors.releases.fit import Conflict, check_release, check_target, disallowed_tools
from homeostat.detectors.releases.override_book import OverrideBook
from homeostat.detectors.sequencer.target_state import MAX_TOOLS, Configured, Serving, TargetState
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.override import TargetConfiguration
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.release import ReleaseManifest

_SHOWN = 3


class _Served(NamedTuple):
    """A release, and the specialty that gets it; None: every specialty that gets nothing else."""

    release: str
    specialty: str | None


def configure(before: TargetState, after: TargetState, overrides: OverrideBook) -> TargetState:
    """The state with what the overrides say of it.

    Raises `PoisonRecord` where a release that `before` did not serve there breaks what a specialty or the target
    relies on, or needs more tools switched off than a desired state can name. What is served already goes on: only
    people decide whether a contract that came later is worth an outage.
    """
    whole, digest = overrides.of(after.target.tenant, after.target.workflow)
    new = {} if after.serving is None else _find_new(before.serving, after.serving)
    for place in sorted(new, key=str):
        conflicts = _check(place, new[place], after.serving, whole)
        if conflicts:
            raise PoisonRecord(Refusal.BREAKS_CONFIGURATION, _describe(conflicts))
    served = [] if after.serving is None else after.serving.manifests
    withheld = disallowed_tools(served, whole)
    if len(withheld) > MAX_TOOLS and new:
        raise PoisonRecord(Refusal.BREAKS_CONFIGURATION, f"{len(withheld)} tools are not allowed > {MAX_TOOLS}")
    never_on = {each for settings in (whole.settings, *whole.specialties.values()) for each in settings.never_on}
    configured = Configured(
        configuration=digest, withheld_tools=tuple(sorted(withheld)), never_on=tuple(sorted(never_on))
    )
    return after.model_copy(update={"configured": configured})


def _find_new(before: Serving | None, after: Serving) -> dict[_Served, ReleaseManifest]:
    """What somebody is to be given who was not given it before."""
    found = {_Served(after.baseline, None): after.manifest}
    for variant in after.variants:
        found.update({_Served(variant.release, name): variant.manifest for name in variant.specialties})
    for exposure in after.exposures:
        found.update({_Served(exposure.candidate, name): exposure.manifest for name in exposure.specialties})
    return {place: manifest for place, manifest in found.items() if before is None or not _is_served(before, place)}


def _is_served(serving: Serving, place: _Served) -> bool:
    release, specialty = place
    if specialty is None:
        return serving.baseline == release
    exposed = (held.candidate == release and specialty in held.specialties for held in serving.exposures)
    return serving.release_of(specialty) == release or any(exposed)


def _check(
    place: _Served, manifest: ReleaseManifest, serving: Serving | None, whole: TargetConfiguration
) -> list[Conflict]:
    """Against what one specialty relies on; of a baseline, against everything but what others than it are given."""
    if place.specialty is not None:
        return check_target(manifest, whole, [place.specialty])
    varied = set() if serving is None else {name for each in serving.variants for name in each.specialties}
    return check_release(manifest, whole.settings) + check_target(manifest, whole, set(whole.specialties) - varied)


def _describe(conflicts: list[Conflict]) -> str:
    shown = "; ".join(f"{conflict.setting}: {conflict.detail}" for conflict in conflicts[:_SHOWN])
    return shown if len(conflicts) <= _SHOWN else f"{shown}; and {len(conflicts) - _SHOWN} more"

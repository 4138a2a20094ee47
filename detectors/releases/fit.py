"""Whether a release keeps what a tenant's configuration relies on."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from homeostat.detectors.releases.bundle import describe_need
from homeostat.detectors.releases.catalogue import describe
from homeostat.schemas.override import Configuration, TargetConfiguration
from homeostat.schemas.release import ReleaseManifest, SideEffect


class Breach(StrEnum):
    """What a release would break."""

    TEMPLATE = "template"
    TOOL = "tool"
    CONTRACT = "contract"
    SIDE_EFFECT = "side_effect"
    CONFIGURATION = "configuration"


class Conflict(NamedTuple):
    """One thing that a configuration relies on and a release does not keep; `detail` says it for people."""

    breach: Breach
    setting: str
    detail: str


def check_release(manifest: ReleaseManifest, effective: Configuration) -> list[Conflict]:
    """Everything that a release would break for whoever has this configuration, sorted; empty: it fits.

    Tools that the configuration does not allow are no conflict: `disallowed_tools` names what has to be switched off.
    A configuration that no release can satisfy conflicts with every one.
    """
    tools = {tool for artifact in manifest.artifacts for tool in artifact.tools}
    templates = {template for artifact in manifest.artifacts for template in artifact.templates}
    found = [
        Conflict(Breach.TEMPLATE, f"templates.{slot}", f"no artifact brings the template {template}")
        for slot, template in effective.templates.items()
        if template not in templates
    ]
    found += [
        Conflict(Breach.TOOL, "required_tools", f"no artifact brings the tool {tool}")
        for tool in effective.required_tools
        if tool not in tools
    ]
    found += _check_contracts(manifest, effective)
    found += _check_side_effects(manifest, effective)
    return sorted([*found, *check_configuration(effective)])


def check_configuration(effective: Configuration) -> list[Conflict]:
    """What a configuration asks for that contradicts itself: several documents did it together."""
    found = [
        Conflict(Breach.CONFIGURATION, f"thresholds.{name}", f"at least {bound.at_least:g}, at most {bound.at_most:g}")
        for name, bound in effective.thresholds.items()
        if bound.is_empty
    ]
    allowed = effective.allowed_tools
    forbidden = [] if allowed is None else sorted(set(effective.required_tools) - set(allowed))
    return found + [Conflict(Breach.CONFIGURATION, "required_tools", f"{tool} is not allowed") for tool in forbidden]


def check_target(
    manifest: ReleaseManifest, whole: TargetConfiguration, specialties: Iterable[str] | None = None
) -> list[Conflict]:
    """`check_release` for a target with all its specialties (None), or for some of its specialties.

    Settings of one specialty are named with it: `cardiology: templates.note`.
    """
    found = check_release(manifest, whole.settings) if specialties is None else []
    for name in sorted(whole.specialties if specialties is None else set(specialties)):
        settings = whole.specialties.get(name, whole.settings)
        found += [c._replace(setting=f"{name}: {c.setting}") for c in check_release(manifest, settings)]
    return found


def disallowed_tools(manifests: Iterable[ReleaseManifest], whole: TargetConfiguration) -> set[str]:
    """Tools of these releases that a target must not use; one that any of its specialties must not use is among them.

    A gateway switches tools off for a target as a whole.
    """
    limits = [settings.allowed_tools for settings in (whole.settings, *whole.specialties.values())]
    tools = {tool for manifest in manifests for artifact in manifest.artifacts for tool in artifact.tools}
    return {tool for tool in tools if any(allowed is not None and tool not in allowed for allowed in limits)}


def _check_contracts(manifest: ReleaseManifest, effective: Configuration) -> list[Conflict]:
    offers = [offer for artifact in manifest.artifacts for offer in artifact.provides]
    return [
        Conflict(Breach.CONTRACT, "requires", f"no artifact provides {describe_need(need)}")
        for need in effective.requires
        if not any(need.is_met_by(offer) for offer in offers)
    ]


def _check_side_effects(manifest: ReleaseManifest, effective: Configuration) -> list[Conflict]:
    allowed = effective.allowed_side_effects
    if allowed is None:
        return []
    return [
        Conflict(Breach.SIDE_EFFECT, "allowed_side_effects", f"{describe(artifact)} may write {effect}")
        for artifact in manifest.artifacts
        for effect in artifact.side_effects
        if effect is not SideEffect.NONE and effect not in allowed
    ]

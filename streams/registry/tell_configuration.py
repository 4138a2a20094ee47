"""An effective configuration in words: each setting, its value, where it comes from and what may become of it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from homeostat.detectors.releases.bundle import describe_need
from homeostat.detectors.releases.compose import RULES, Effective, compose
from homeostat.detectors.releases.fit import Conflict, check_configuration, check_target, disallowed_tools
from homeostat.detectors.releases.override_book import OverrideBook
from homeostat.schemas.override import Bound, Configuration
from homeostat.schemas.release import ReleaseManifest
from homeostat.streams.registry.tell import join


class Asked(NamedTuple):
    """Whose configuration; without a specialty, that of every specialty that nobody set apart."""

    tenant: str
    workflow: str
    specialty: str | None


class Told(NamedTuple):
    """What there is to say; `conflicts` are those of the release, or without one those in the configuration itself."""

    digest: str
    effective: Effective
    specialties: list[str]
    conflicts: list[Conflict]
    switched_off: list[str]

    def to_json(self) -> dict[str, Any]:
        """The document that `--json` prints."""
        return {
            "configuration": self.digest,
            "settings": self.effective.settings.model_dump(mode="json"),
            "sources": self.effective.sources,
            "specialties": self.specialties,
            "conflicts": [conflict._asdict() for conflict in self.conflicts],
            "switched_off": self.switched_off,
        }


def tell_configuration(overrides: OverrideBook, asked: Asked, release: ReleaseManifest | None) -> Told:
    """Compose what was asked for, and check a release against it where one is given."""
    whole, digest = overrides.of(asked.tenant, asked.workflow)
    effective = compose(overrides, asked.tenant, asked.workflow, asked.specialty)
    specialties = None if asked.specialty is None else [asked.specialty]
    if release is None:
        conflicts, off = check_configuration(effective.settings), set[str]()
    else:
        conflicts = check_target(release, whole, specialties)
        off = disallowed_tools([release], whole)
    return Told(digest, effective, sorted(whole.specialties), conflicts, sorted(off))


def setting_rows(effective: Effective) -> Iterator[tuple[str, ...]]:
    """Setting, value, the scopes that it comes from, and what a more specific document may do with it."""
    for setting, value in _settings(effective.settings):
        scopes = join(effective.sources.get(setting, ()))
        yield setting, value, scopes, "fixed" if setting in effective.fixed else RULES[setting.partition(".")[0]]


def _settings(settings: Configuration) -> Iterator[tuple[str, str]]:
    for slot, template in settings.templates.items():
        yield f"templates.{slot}", template
    for slot, text in settings.phrasing.items():
        yield f"phrasing.{slot}", text
    for name, bound in settings.thresholds.items():
        yield f"thresholds.{name}", describe_bound(bound)
    if settings.allowed_tools is not None:
        yield "allowed_tools", join(settings.allowed_tools)
    if settings.required_tools:
        yield "required_tools", join(settings.required_tools)
    if settings.allowed_side_effects is not None:
        yield "allowed_side_effects", join(settings.allowed_side_effects)
    if settings.requires:
        yield "requires", join(map(describe_need, settings.requires))
    if settings.never_on:
        yield "never_on", join(settings.never_on)


def describe_bound(bound: Bound) -> str:
    """A threshold in words.

    >>> describe_bound(Bound(at_most=0.02))
    'at most 0.02'
    """
    least = [] if bound.at_least is None else [f"at least {bound.at_least:g}"]
    return ", ".join([*least, *([] if bound.at_most is None else [f"at most {bound.at_most:g}"])])

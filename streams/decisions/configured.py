"""The effective configuration that a decision was made under, target by target, with where each value comes from."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from homeostat.streams.decisions.dossier import Dossier
from homeostat.streams.registry.tell_configuration import Asked, setting_rows, tell_configuration


class Configured(NamedTuple):
    """Some of a target's work and its settings: (setting, value, scopes that it comes from, what may become of it)."""

    whose: str
    digest: str
    rows: Sequence[tuple[str, ...]]


def list_configured(dossier: Dossier) -> list[Configured]:
    """Each target of the rollout, and each specialty that is set apart in it; those without a setting have no rows."""
    return [each for target in dossier.targets() for each in _list(dossier, *target)]


def _list(dossier: Dossier, tenant: str, workflow: str) -> Iterator[Configured]:
    overrides = dossier.overrides()
    told = tell_configuration(overrides, Asked(tenant, workflow, None), None)
    yield Configured(f"{tenant}, {workflow}", told.digest, list(setting_rows(told.effective)))
    for specialty in told.specialties:
        apart = tell_configuration(overrides, Asked(tenant, workflow, specialty), None)
        yield Configured(f"{tenant}, {workflow}, {specialty}", told.digest, list(setting_rows(apart.effective)))

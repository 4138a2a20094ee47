"""The overrides of a platform, found by target; what they compose to is kept until one of its documents changes."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from homeostat.detectors.releases.compose import compose_target
from homeostat.schemas.canonical import digest_bytes, digest_document
from homeostat.schemas.override import Override, TargetConfiguration

Target = tuple[str, str]
"""Tenant and workflow."""


class Known(NamedTuple):
    """A target's effective configuration and its digest."""

    whole: TargetConfiguration
    digest: str


class OverrideBook:
    """One override a scope; the newest that was put counts. Equal sets give equal answers, however they came."""

    def __init__(self, overrides: Iterable[Override] = ()) -> None:
        self._held: dict[tuple[str | None, str | None], dict[str | None, Override]] = {}
        self._known: dict[Target, Known] = {}
        for override in overrides:
            self.put(override)

    def __iter__(self) -> Iterator[Override]:
        for _, by_specialty in sorted(self._held.items(), key=str):
            yield from by_specialty.values()

    def put(self, override: Override) -> None:
        """Take over the override of a scope, in place of a former one."""
        scope = override.scope
        self._held.setdefault((scope.tenant, scope.workflow), {})[scope.specialty] = override
        self._known = {target: known for target, known in self._known.items() if not _touches(override, target)}

    def of(self, tenant: str, workflow: str) -> Known:
        """What holds for a target; an empty configuration where nobody set anything."""
        known = self._known.get((tenant, workflow))
        if known is None:
            whole = compose_target(self.covering(tenant, workflow), tenant, workflow)
            known = self._known[tenant, workflow] = Known(whole, digest_document(whole))
        return known

    def covering(self, tenant: str, workflow: str) -> list[Override]:
        """The overrides of a target, of whatever specialty."""
        places = [(one, other) for one in (None, tenant) for other in (None, workflow)]
        return [override for place in places for override in self._held.get(place, {}).values()]

    def digest(self, targets: Iterable[Target]) -> str:
        """The digest of one target's effective configuration, or of several together."""
        digests = [self.of(*target).digest for target in sorted(set(targets))]
        return digests[0] if len(digests) == 1 else digest_bytes("\n".join(digests).encode())


def _touches(override: Override, target: Target) -> bool:
    return override.scope.tenant in {None, target[0]} and override.scope.workflow in {None, target[1]}

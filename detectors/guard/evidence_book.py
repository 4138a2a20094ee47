"""The newest evidence of each source partition and cohort: cumulative, so the highest mark says everything."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pydantic import ValidationError

from homeostat.detectors.frames import frame, unframe
from homeostat.schemas.canonical import to_json
from homeostat.schemas.effect import Aftermath
from homeostat.schemas.errors import StateCorrupt
from homeostat.schemas.evidence import Evidence

_STATE_VERSION = 1
_PREFIX = b"evidence/"

CohortKey = tuple[str, str, str]
"""(tenant, specialty, workflow)."""


class SourceKey(NamedTuple):
    """Which source says it of which cohort of which rollout."""

    rollout: str
    source_partition: int
    tenant: str
    specialty: str
    workflow: str

    def encode(self, prefix: bytes) -> bytes:
        """The key of its state record; the parts are slugs and hex ids, so `/` separates them."""
        return prefix + "/".join(str(part) for part in self).encode()


def key_of(said: Evidence | Aftermath) -> SourceKey:
    """Where a source's message belongs."""
    return SourceKey(said.rollout, said.source_partition, said.tenant, said.specialty, said.workflow)


class EvidenceBook:
    """Evidence of all rollouts of one partition, by rollout, cohort and source partition."""

    def __init__(self) -> None:
        self._entries: dict[SourceKey, Evidence] = {}
        self._by_cohort: dict[tuple[str, CohortKey], dict[int, Evidence]] = {}
        self._changed: set[SourceKey] = set()

    def take(self, evidence: Evidence) -> bool:
        """Keep a record that is newer than what its source said before; False for a repeat or an older one."""
        key = key_of(evidence)
        held = self._entries.get(key)
        if held is not None and evidence.mark <= held.mark:
            return False
        self._put(key, evidence)
        self._changed.add(key)
        return True

    def of_cohort(self, rollout: str, cohort: CohortKey) -> list[Evidence]:
        """What every source says of one cohort, by source partition."""
        parts = self._by_cohort.get((rollout, cohort), {})
        return [parts[source] for source in sorted(parts)]

    def of_rollout(self, rollout: str) -> Iterator[Evidence]:
        """What every source says of every cohort of a rollout."""
        return (evidence for key, evidence in self._entries.items() if key.rollout == rollout)

    def forget(self, rollout: str) -> None:
        """Drop a rollout's evidence: its last decision holds what it came to."""
        for key in [key for key in self._entries if key.rollout == rollout]:
            del self._entries[key]
            self._by_cohort.pop((rollout, key[2:]), None)
            self._changed.add(key)

    def state_records(self) -> dict[bytes, bytes]:
        """One record a source partition, rollout and cohort."""
        return {key.encode(_PREFIX): _encode(evidence) for key, evidence in self._entries.items()}

    def drain_changes(self) -> list[tuple[bytes, bytes | None]]:
        """State records changed since the last call; None for one that was dropped."""
        changed, self._changed = self._changed, set()
        found = ((key, self._entries.get(key)) for key in changed)
        return [(key.encode(_PREFIX), None if evidence is None else _encode(evidence)) for key, evidence in found]

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Take over the records whose keys begin with `evidence/`. Raises `StateCorrupt`."""
        for name in sorted(name for name in records if name.startswith(_PREFIX)):
            evidence = _decode(records[name])
            self._put(key_of(evidence), evidence)

    def _put(self, key: SourceKey, evidence: Evidence) -> None:
        self._entries[key] = evidence
        self._by_cohort.setdefault((key.rollout, key[2:]), {})[key.source_partition] = evidence


def _encode(evidence: Evidence) -> bytes:
    return frame(to_json(evidence), _STATE_VERSION)


def _decode(data: bytes) -> Evidence:
    try:
        return Evidence.model_validate_json(unframe(data, _STATE_VERSION))
    except ValidationError as error:
        raise StateCorrupt(f"evidence state does not fit its model: {error.error_count()} errors") from None

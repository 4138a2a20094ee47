"""Rollbacks whose effect is watched: what was taken back when, and the newest that each source says of it."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, ValidationError

from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.guard.evidence_book import SourceKey, key_of
from homeostat.schemas.base import Count, Digest, EpochMs, OpaqueId, Part, Slug
from homeostat.schemas.canonical import to_json
from homeostat.schemas.effect import Aftermath
from homeostat.schemas.errors import StateCorrupt
from homeostat.schemas.withdrawal import CohortTags

_STATE_VERSION = 1
_RUN, _REPORT = b"effect/", b"aftermath/"


class TakenBack(Part):
    """A cohort that was given the release, and the log time at which it was taken back there."""

    cohort: CohortTags
    since_ms: EpochMs


class EffectRun(Part):
    """One rollout's rollback; `deciding` are the signals that it rests on, `stated` what was last said.

    `done` are cohorts of which the last word is said: what is taken back later is watched without them.
    """

    rollout: OpaqueId
    step: Annotated[int, Field(ge=1)]
    release: Digest
    deciding: tuple[Slug, ...] = ()
    cohorts: tuple[TakenBack, ...] = ()
    done: tuple[CohortTags, ...] = ()
    revision: Count = 0
    stated: str = ""
    final: bool = False


class EffectBook:
    """Runs by rollout, and reports of those that are not final."""

    def __init__(self) -> None:
        self.runs: dict[str, EffectRun] = {}
        self._reports: dict[str, dict[SourceKey, Aftermath]] = {}
        self._kept: dict[bytes, EffectRun | Aftermath] = {}
        self._changed: set[bytes] = set()

    def put(self, run: EffectRun) -> None:
        """Keep a run as it is now; a final one needs its reports no longer."""
        self.runs[run.rollout] = run
        self._note(_RUN + run.rollout.encode(), run)
        if run.final:
            for key in self._reports.pop(run.rollout, {}):
                self._note(key.encode(_REPORT), None)

    def take(self, report: Aftermath) -> bool:
        """Keep a report that is newer than what its source said before; False for a repeat, or one that is too late."""
        key = key_of(report)
        reports, run = self._reports.setdefault(report.rollout, {}), self.runs.get(report.rollout)
        held = reports.get(key)
        if (held is not None and report.mark <= held.mark) or (run is not None and run.final):
            return False
        reports[key] = report
        self._note(key.encode(_REPORT), report)
        return True

    def of_rollout(self, rollout: str) -> list[Aftermath]:
        """What every source says of a rollout's cohorts, in order."""
        return [report for _, report in sorted(self._reports.get(rollout, {}).items())]

    def state_records(self) -> dict[bytes, bytes]:
        """One record a run and a report."""
        return {key: _encode(part) for key, part in self._kept.items()}

    def drain_changes(self) -> list[tuple[bytes, bytes | None]]:
        """State records changed since the last call; None for one that was dropped."""
        changed, self._changed = self._changed, set()
        found = ((key, self._kept.get(key)) for key in sorted(changed))
        return [(key, None if part is None else _encode(part)) for key, part in found]

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Take over the records of runs and reports. Raises `StateCorrupt`."""
        try:
            for name in sorted(name for name in records if name.startswith(_RUN)):
                run = EffectRun.model_validate_json(unframe(records[name], _STATE_VERSION))
                self.put(run)
            for name in sorted(name for name in records if name.startswith(_REPORT)):
                self.take(Aftermath.model_validate_json(unframe(records[name], _STATE_VERSION)))
        except ValidationError as error:
            raise StateCorrupt(f"the state of effects does not fit its model: {error.error_count()} errors") from None
        self._changed.clear()

    def _note(self, key: bytes, part: EffectRun | Aftermath | None) -> None:
        self._changed.add(key)
        if part is None:
            del self._kept[key]
        else:
            self._kept[key] = part


def _encode(part: EffectRun | Aftermath) -> bytes:
    return frame(to_json(part) if isinstance(part, Aftermath) else part.model_dump_json().encode(), _STATE_VERSION)

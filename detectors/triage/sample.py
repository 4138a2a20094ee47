"""The works that people read of an event: a bottom-k of a keyed hash, mergeable, the same for the same alarms."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from homeostat.schemas.alarm import Alarm
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.drift_event import ReviewSample

SAMPLE_SIZE = 32
"""Works of each kind that an event keeps: 16 from one alarm, more where it has several cohorts."""
MAX_SOURCES = 128


@dataclass
class Drawn:
    """Affected and unaffected trace ids, the k smallest by a hash of (event, id); sessions that they stand for.

    `sources` holds, by leaf cohort, the sessions since its onset and those of its baseline; cohorts beyond
    `MAX_SOURCES` are drawn from all the same, and stand for nothing more.
    """

    affected: list[str] = field(default_factory=list)
    unaffected: list[str] = field(default_factory=list)
    sources: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, event: str, alarm: Alarm) -> None:
        """Merge an alarm's ids; one that is affected by any alarm is no longer unaffected."""
        if not alarm.affected and not alarm.unaffected:
            return
        key = alarm.cohort.key
        if key in self.sources or len(self.sources) < MAX_SOURCES:
            since, before = self.sources.get(key, (0, 0))
            self.sources[key] = max(since, alarm.observed_sessions), max(before, alarm.baseline_sessions)
        self.affected = keep_smallest(event, [*self.affected, *alarm.affected])
        hit = {*self.affected, *alarm.affected}
        self.unaffected = keep_smallest(event, [i for i in (*self.unaffected, *alarm.unaffected) if i not in hit])

    def merge(self, event: str, other: "Drawn") -> None:
        """Take in what another event drew."""
        self.sources = dict([*self.sources.items(), *other.sources.items()][:MAX_SOURCES])
        self.affected = keep_smallest(event, [*self.affected, *other.affected])
        hit = {*self.affected, *other.affected}
        self.unaffected = keep_smallest(event, [i for i in (*self.unaffected, *other.unaffected) if i not in hit])

    def describe(self) -> ReviewSample:
        """The sample with its weights: sessions of the cohorts drawn from, for each id."""
        since = sum(rows[0] for rows in self.sources.values())
        before = sum(rows[1] for rows in self.sources.values())
        return ReviewSample(
            affected=tuple(self.affected),
            unaffected=tuple(self.unaffected),
            affected_weight=since / len(self.affected) if self.affected else 0.0,
            unaffected_weight=before / len(self.unaffected) if self.unaffected else 0.0,
        )


def keep_smallest(event: str, ids: Iterable[str]) -> list[str]:
    """The `SAMPLE_SIZE` ids whose hash with the event is smallest, in that order, each once."""
    return sorted(set(ids), key=lambda trace_id: (derive_id(event, trace_id), trace_id))[:SAMPLE_SIZE]

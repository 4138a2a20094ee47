"""An event that is still open: what its alarms said, within bounds however many they are."""

from dataclasses import dataclass, field

from pydantic import TypeAdapter

from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.triage.change_of import Rank, rank_change
from homeostat.detectors.triage.lattice import cover, covers, join_tags, read_tags
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.signal import Direction
from homeostat.schemas.trace import Arm

MAX_CHANGES = 64
MAX_COHORTS = 128
_MAX_RELEASES = 8
_STATE_VERSION = 1


def _platform() -> Cohort:
    return Cohort(layer=Layer.PLATFORM)


@dataclass
class OpenEvent:
    """One cause in the making.

    `opened_at` is the offset of the first alarm. `changes` keeps the newest alarm of the gravest (cohort, signal,
    direction) with its rank, `narrowest` the cohorts that cover no other; changes beyond `MAX_CHANGES` are counted in
    `left_out`, cohorts beyond `MAX_COHORTS` only widen the scope through `rest_tags`. `spill` marks the one event that
    takes in what found no room.
    """

    event: str
    opened_at: int
    rollout: str | None = None
    spill: bool = False
    revision: int = 0
    alarms: int = 0
    last_alarm_ms: int = 0
    onset_from_ms: int = 0
    onset_to_ms: int = 0
    left_out: int = 0
    dirty: bool = True
    scope: Cohort = field(default_factory=_platform)
    changes: dict[str, Alarm] = field(default_factory=dict)
    ranks: dict[str, Rank] = field(default_factory=dict)
    narrowest: dict[str, Cohort] = field(default_factory=dict)
    rest_tags: dict[str, str | None] | None = None
    moved: dict[str, int] = field(default_factory=dict)
    releases: list[str] = field(default_factory=list)

    def add(self, alarm: Alarm) -> None:
        """Take one alarm in."""
        first = self.alarms == 0
        self.alarms += 1
        self.dirty = True
        self.last_alarm_ms = max(self.last_alarm_ms, alarm.log_time_ms)
        self.onset_from_ms = alarm.onset_from_ms if first else min(self.onset_from_ms, alarm.onset_from_ms)
        onset_to_ms = alarm.onset_to_ms if first else min(self.onset_to_ms, alarm.onset_to_ms)
        self.onset_to_ms = max(self.onset_from_ms, onset_to_ms)
        self.releases += [r for r in alarm.releases if r not in self.releases][: _MAX_RELEASES - len(self.releases)]
        move = name_move(alarm.signal, alarm.direction)
        self.moved[move] = self.moved.get(move, 0) + 1
        self._add_cohort(alarm.cohort)
        self._add_change(alarm)

    def holds(self, cohort: Cohort, signal: str, direction: Direction) -> bool:
        """Whether this very change is among those kept."""
        return name_change(cohort, signal, direction) in self.changes

    def tenants(self) -> list[str]:
        """The tenants that its cohorts name; none where one names no tenant, or not all cohorts were kept."""
        named = {cohort.tenant for cohort in self.narrowest.values()}
        return [] if None in named or self.rest_tags is not None else sorted(tenant for tenant in named if tenant)

    def gravest_first(self) -> list[Alarm]:
        """The alarms kept, one a change."""
        order = sorted(self.changes, key=lambda key: (self.ranks[key], key), reverse=True)
        return [self.changes[key] for key in order]

    def to_bytes(self) -> bytes:
        """Give framed JSON: equal events give equal bytes."""
        return frame(_ADAPTER.dump_json(self), _STATE_VERSION)

    @classmethod
    def from_bytes(cls, data: bytes) -> "OpenEvent":
        """Read what `to_bytes` gave. Raises `StateCorrupt`."""
        return _ADAPTER.validate_json(unframe(data, _STATE_VERSION))

    def _add_cohort(self, cohort: Cohort) -> None:
        if cohort.key in self.narrowest:
            return
        if cohort.layer is not Layer.LEAF and any(covers(cohort, held) for held in self.narrowest.values()):
            return
        if len(self.narrowest) < MAX_COHORTS:
            self.narrowest = {k: held for k, held in self.narrowest.items() if not covers(held, cohort)}
            self.narrowest[cohort.key] = cohort
        else:
            tags = read_tags(cohort)
            joined = tags if self.rest_tags is None else join_tags([self.rest_tags, tags])
            if joined == self.rest_tags:
                return
            self.rest_tags = joined
        rows = [read_tags(held) for held in self.narrowest.values()]
        self.scope = cover(join_tags(rows if self.rest_tags is None else [*rows, self.rest_tags]))

    def _add_change(self, alarm: Alarm) -> None:
        key = name_change(alarm.cohort, alarm.signal, alarm.direction)
        self.changes[key], self.ranks[key] = alarm, rank_change(alarm)
        if len(self.changes) > MAX_CHANGES:
            self.left_out += 1
            _, least = min((rank, key) for key, rank in self.ranks.items())
            del self.changes[least], self.ranks[least]


_ADAPTER = TypeAdapter(OpenEvent)


def name_move(signal: str, direction: Direction) -> str:
    """A key for 'this signal, this way', in whichever cohort."""
    return f"{signal}/{direction.value}"


def name_change(cohort: Cohort, signal: str, direction: Direction) -> str:
    """A key for a signal's change in one cohort."""
    return f"{cohort.key}|{name_move(signal, direction)}"


def in_arm(cohort: Cohort, arm: Arm) -> Cohort:
    """The same leaf in another arm; a parent as it is."""
    return cohort if cohort.arm is None else cohort.model_copy(update={"arm": arm})

"""An event that is still open: what its alarms said, within bounds however many they are."""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.triage.beside import Beside, leave_out, look_beside
from homeostat.detectors.triage.change_of import Rank, rank_change
from homeostat.detectors.triage.lattice import cover, join_tags, read_tags
from homeostat.detectors.triage.move_names import is_told, name_change, name_move
from homeostat.detectors.triage.nearness import delay_ms
from homeostat.detectors.triage.onset import Onset, date_onset
from homeostat.detectors.triage.reviews import Reviews
from homeostat.detectors.triage.sample import Drawn
from homeostat.detectors.triage.strands import ORDER, strand_of
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.trace import Arm

MAX_CHANGES = 64
MAX_COHORTS = 128
MAX_PARENTS = 32
MAX_BESIDES, MAX_WIDE_BESIDES = 16, 8
_MAX_RELEASES = 8
_STATE_VERSION = 4


def _platform() -> Cohort:
    return Cohort(layer=Layer.PLATFORM)


@dataclass
class OpenEvent:
    """One cause in the making.

    `opened_at` is the offset of the first alarm, or of the guard's verdict. `changes` keeps the newest alarm of the
    gravest (cohort, column, direction), `ranks` how grave it is, and `onsets` when its first alarm dated it: a ring
    forgets. Companions and samples are in `besides` (by cohort, at most `MAX_BESIDES` leaves and `MAX_WIDE_BESIDES`
    others) and `drawn`. Leaves that alarmed are in `leaves`, parents in `parents`, how many of both a tenant has in
    `at_tenants`; changes beyond `MAX_CHANGES` are counted in `left_out`, cohorts beyond their bounds only widen the
    scope through `rest_tags`.
    `longest_ms` is the longest that one of its alarms took from the onset. `spill` marks the one event that takes in
    what found no room.
    """

    event: str
    opened_at: int
    rollout: str | None = None
    spill: bool = False
    revision: int = 0
    alarms: int = 0
    last_alarm_ms: int = 0
    longest_ms: int = 0
    onset_from_ms: int = 0
    onset_to_ms: int = 0
    left_out: int = 0
    dirty: bool = True
    scope: Cohort = field(default_factory=_platform)
    changes: dict[str, Alarm] = field(default_factory=dict)
    ranks: dict[str, Rank] = field(default_factory=dict)
    onsets: dict[str, Onset] = field(default_factory=dict)
    noticed: dict[str, int] = field(default_factory=dict)
    leaves: dict[str, Cohort] = field(default_factory=dict)
    parents: dict[str, Cohort] = field(default_factory=dict)
    at_tenants: dict[str, int] = field(default_factory=dict)
    rest_tags: dict[str, str | None] | None = None
    moved: dict[str, int] = field(default_factory=dict)
    besides: dict[str, Beside] = field(default_factory=dict)
    besides_left_out: int = 0
    releases: list[str] = field(default_factory=list)
    drawn: Drawn = field(default_factory=Drawn)
    reviews: Reviews = field(default_factory=Reviews)
    accepted: list[str] = field(default_factory=list)
    closed_because: str = ""
    closed_at: int = 0

    def add(self, alarm: Alarm) -> None:
        """Take one alarm in."""
        self.alarms += 1
        self.dirty = True
        self.last_alarm_ms = max(self.last_alarm_ms, alarm.log_time_ms)
        self.longest_ms = max(self.longest_ms, delay_ms(alarm))
        self.releases += [r for r in alarm.releases if r not in self.releases][: _MAX_RELEASES - len(self.releases)]
        move = name_move(alarm.signal, alarm.direction)
        self.moved[move] = self.moved.get(move, 0) + 1
        self._add_beside(alarm)
        self.drawn.add(self.event, alarm)
        self.add_cohort(alarm.cohort)
        self._add_change(alarm)

    def add_cohorts(self, cohorts: Iterable[Cohort]) -> None:
        """Note several cohorts that moved."""
        for cohort in cohorts:
            self.add_cohort(cohort)

    def add_cohort(self, cohort: Cohort) -> None:
        """Note a cohort that moved."""
        held = self.leaves if cohort.layer is Layer.LEAF else self.parents
        if cohort.key in held:
            return
        if len(held) < (MAX_COHORTS if held is self.leaves else MAX_PARENTS):
            held[cohort.key] = cohort
            if cohort.tenant is not None:
                self.at_tenants[cohort.tenant] = self.at_tenants.get(cohort.tenant, 0) + 1
        else:
            tags = read_tags(cohort)
            joined = tags if self.rest_tags is None else join_tags([self.rest_tags, tags])
            if joined == self.rest_tags:
                return
            self.rest_tags = joined
        rows = [read_tags(each) for each in (self.leaves or self.parents).values()]
        self.scope = cover(join_tags(rows if self.rest_tags is None else [*rows, self.rest_tags]))

    def leave_out(self, moves: Set[str]) -> None:
        """Forget what stood beside its alarms and is of another cause."""
        if moves:
            self.besides = {key: leave_out(row, moves) for key, row in self.besides.items()}

    def is_of_candidate(self) -> bool:
        """Whether only the arm on trial moved, as far as the cohorts are kept."""
        return not self.parents and all(leaf.arm is Arm.CANDIDATE for leaf in self.leaves.values())

    def tenants(self) -> list[str]:
        """The tenants that its cohorts name; none where one names no tenant, or not all cohorts were kept."""
        named = {cohort.tenant for cohort in (self.leaves or self.parents).values()}
        return [] if None in named or self.rest_tags is not None else sorted(tenant for tenant in named if tenant)

    def leading_strand(self) -> int:
        """The place in `ORDER` of the most upstream strand that alarmed; past the last for none."""
        return min((ORDER.index(strand_of(a.family, a.carrier)) for a in self.changes.values()), default=len(ORDER))

    def absorb(self, part: "OpenEvent") -> None:
        """Take in another event's alarms: what it was is part of this one."""
        counted = self.alarms + part.alarms
        for key, alarm in part.changes.items():
            onset = part.onsets[key]
            self.add(alarm.model_copy(update={"onset_from_ms": onset.from_ms, "onset_to_ms": onset.to_ms}))
        self.alarms, self.left_out = counted, self.left_out + part.left_out
        self.besides_left_out += part.besides_left_out
        for key, row in part.besides.items():
            if key not in self.besides:
                self._keep_beside(key, row)
        self.drawn.merge(self.event, part.drawn)
        for cohort in (*part.leaves.values(), *part.parents.values()):
            self.add_cohort(cohort)

    def gravest_first(self) -> list[Alarm]:
        """The alarms kept, one a change; a spread beside the alarm of its own value says nothing new."""
        order = sorted(self.changes, key=lambda key: (self.ranks[key], key), reverse=True)
        values = {(alarm.cohort.key, alarm.signal) for alarm in self.changes.values()}
        return [self.changes[key] for key in order if not is_told(self.changes[key], values)]

    def as_noticed(self, alarm: Alarm) -> Alarm:
        """An alarm that is kept, with the times of the first of its change: later ones see less far back."""
        key = name_change(alarm.cohort, alarm.signal, alarm.direction)
        onset = self.onsets[key]
        times = {"onset_from_ms": onset.from_ms, "onset_to_ms": onset.to_ms, "log_time_ms": self.noticed[key]}
        return alarm.model_copy(update=times)

    def to_bytes(self) -> bytes:
        """Give framed JSON: equal events give equal bytes."""
        return frame(_ADAPTER.dump_json(self), _STATE_VERSION)

    @classmethod
    def from_bytes(cls, data: bytes) -> "OpenEvent":
        """Read what `to_bytes` gave. Raises `StateCorrupt`."""
        return _ADAPTER.validate_json(unframe(data, _STATE_VERSION))

    def _add_beside(self, alarm: Alarm) -> None:
        key = alarm.cohort.key
        beside = look_beside(alarm, self.besides.get(key))
        if beside is None:
            return
        self._keep_beside(key, beside)

    def _keep_beside(self, key: str, beside: Beside) -> None:
        """Keep what stood beside an alarm where there is room for one more cohort of its kind."""
        is_leaf = beside.cohort.layer is Layer.LEAF
        if key not in self.besides:
            like = sum((row.cohort.layer is Layer.LEAF) is is_leaf for row in self.besides.values())
            if like >= (MAX_BESIDES if is_leaf else MAX_WIDE_BESIDES):
                self.besides_left_out += is_leaf
                return
        self.besides[key] = beside

    def _add_change(self, alarm: Alarm) -> None:
        key = name_change(alarm.cohort, alarm.signal, alarm.direction)
        bare = alarm.model_copy(update={"companions": (), "affected": (), "unaffected": ()})
        self.changes[key], self.ranks[key] = bare, rank_change(alarm)
        if key in self.onsets:
            return
        if len(self.changes) > MAX_CHANGES:
            self.left_out += 1
            least = min(self.ranks, key=lambda held: (self.ranks[held], held))
            del self.changes[least], self.ranks[least]
            if least == key:
                return
            del self.onsets[least], self.noticed[least]
        self.noticed[key] = alarm.log_time_ms
        self.onsets[key] = Onset(alarm.onset_from_ms, alarm.onset_to_ms)
        dated = ((held, self.onsets[name]) for name, held in self.changes.items())
        self.onset_from_ms, self.onset_to_ms = date_onset(dated, min(self.noticed.values()))


_ADAPTER = TypeAdapter(OpenEvent)


def in_arm(cohort: Cohort, arm: Arm) -> Cohort:
    """The same leaf in another arm; a parent as it is."""
    return cohort if cohort.arm is None else cohort.model_copy(update={"arm": arm})

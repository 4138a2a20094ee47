"""What a parent cohort has come to: moments of each signal since the beginning, and its monitors."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from itertools import zip_longest
from typing import Final

from pydantic import TypeAdapter
from river import stats

from homeostat.detectors.fixed_point import merge_squares
from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.parents.monitors import Monitors
from homeostat.detectors.statistics.river_bridge import as_variance
from homeostat.schemas.cohort import Cohort
from homeostat.schemas.summary import ServedRelease, SignalSummary

MAX_RELEASES: Final = 8
_STATE_VERSION = 2


@dataclass
class SignalState:
    """Sums over all sealed buckets (scales as in `SignalSummary`)."""

    sessions: int = 0
    total: int = 0
    square_high: int = 0
    square_low: int = 0
    bet_sessions: int = 0
    expected: int = 0

    def add(self, sums: SignalSummary) -> None:
        """Add a sealed bucket's sums."""
        self.sessions += sums.sessions
        self.total += sums.total
        squares = (self.square_high, self.square_low)
        self.square_high, self.square_low = merge_squares(squares, (sums.square_high, sums.square_low))
        self.bet_sessions += sums.bet_sessions
        self.expected += sums.expected

    def moments(self) -> stats.Var:
        """Mean and variance over the sessions of all sealed buckets, as River's object (`.mean.get()`, `.get()`)."""
        return as_variance(self.sessions, self.total, (self.square_high, self.square_low))


@dataclass
class ReleaseState:
    """A release that leaves of a parent have as their newest: since when (None: as old as a leaf), when seen last."""

    since_ms: int | None
    last_bucket: int


@dataclass
class CohortState:
    """One parent cohort. `no_data` counts the sealed buckets in which some source owed its summary.

    `releases` holds by digest the newest ones of its leaves, the `MAX_RELEASES` that were seen last.
    """

    cohort: Cohort
    buckets: int = 0
    records: int = 0
    no_data: int = 0
    last_bucket: int = -1
    signals: dict[str, SignalState] = field(default_factory=dict)
    monitors: Monitors = field(default_factory=Monitors)
    releases: dict[str, ReleaseState] = field(default_factory=dict)

    def note_releases(self, bucket: int, served: Iterable[ServedRelease]) -> None:
        """Take what the sources say of a sealed bucket."""
        for each in sorted(served, key=lambda each: each.release):
            held = self.releases.get(each.release, ReleaseState(each.since_ms, bucket))
            always = held.since_ms is None or each.since_ms is None
            since_ms = None if always else min(held.since_ms or 0, each.since_ms or 0)
            self.releases[each.release] = ReleaseState(since_ms, bucket)
        latest = sorted(self.releases, key=lambda name: (-self.releases[name].last_bucket, name))[:MAX_RELEASES]
        self.releases = {name: self.releases[name] for name in sorted(latest)}

    def release_since(self, bucket: int) -> tuple[tuple[str, ...], int | None]:
        """The release that all its leaves had after `bucket`, those before it, and since when; ((), None) for several.

        Without a bucket after it the newest one counts.
        """
        begin = min(bucket, self.last_bucket - 1)
        served = [name for name, state in self.releases.items() if state.last_bucket > begin]
        if len(served) != 1:
            return (), None
        before = [name for name in self.releases if name not in served]
        before.sort(key=lambda name: (-self.releases[name].last_bucket, name))
        return (served[0], *before), self.releases[served[0]].since_ms

    def to_bytes(self) -> bytes:
        """Give framed JSON: equal states give equal bytes."""
        return frame(_ADAPTER.dump_json(self), _STATE_VERSION)

    @classmethod
    def from_bytes(cls, data: bytes) -> "CohortState":
        """Read what `to_bytes` gave. Raises `StateCorrupt`."""
        return _ADAPTER.validate_json(unframe(data, _STATE_VERSION))


_ADAPTER = TypeAdapter(CohortState)


def add_up(parts: Iterable[SignalSummary]) -> SignalSummary:
    """Sum the fixed-point sums of several sources, exactly and in any order.

    A bet that one source does not know counts as e = 1 there. Raises ValueError for no parts at all.
    """
    summands = list(parts)
    if not summands:
        raise ValueError("no parts to add up")
    if len(summands) == 1:
        return summands[0]
    squares = reduce(merge_squares, ((part.square_high, part.square_low) for part in summands))
    return SignalSummary.model_construct(
        sessions=sum(part.sessions for part in summands),
        total=sum(part.total for part in summands),
        square_high=squares[0],
        square_low=squares[1],
        bet_sessions=sum(part.bet_sessions for part in summands),
        expected=sum(part.expected for part in summands),
        histogram=_add_columns(part.histogram for part in summands),
        log_e_up=_add_columns(part.log_e_up for part in summands),
        log_e_down=_add_columns(part.log_e_down for part in summands),
    )


def _add_columns(rows: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(sum(column) for column in zip_longest(*rows, fillvalue=0))

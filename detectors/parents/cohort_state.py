"""What a parent cohort has come to: moments of each signal since the beginning, and its monitors."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from itertools import zip_longest

from pydantic import TypeAdapter
from river import stats

from homeostat.detectors.fixed_point import merge_squares
from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.parents.monitors import Monitors
from homeostat.detectors.statistics.river_bridge import as_variance
from homeostat.schemas.cohort import Cohort
from homeostat.schemas.summary import SignalSummary

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
class CohortState:
    """One parent cohort. `no_data` counts the sealed buckets in which some source owed its summary."""

    cohort: Cohort
    buckets: int = 0
    records: int = 0
    no_data: int = 0
    last_bucket: int = -1
    signals: dict[str, SignalState] = field(default_factory=dict)
    monitors: Monitors = field(default_factory=Monitors)

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

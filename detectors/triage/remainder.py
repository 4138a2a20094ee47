"""What remains of changes after conditioning on the inputs."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from homeostat.detectors.triage.explained import explains
from homeostat.detectors.triage.moves import Move
from homeostat.detectors.triage.strands import ORDER, Strand
from homeostat.schemas.alarm import Alarm

_LEFT_ALONE = frozenset({Strand.INPUT, Strand.OPERATIONS})
_QUOTED = 3


class Remainders(NamedTuple):
    """Alarmed moves downstream of the inputs, by what the inputs leave of them against the tolerance."""

    within: list[Move]
    beyond: list[Move]
    unknown: list[Move]

    def say_within(self) -> str:
        """The changes that the inputs explain, with their numbers."""
        return _quote(self.within)

    def say_beyond(self) -> str:
        """The changes that they do not, with their numbers."""
        return _quote(self.beyond)

    def leading(self) -> Strand | None:
        """The most upstream strand that the inputs do not explain."""
        strands = {move.strand for move in self.beyond}
        return next((strand for strand in ORDER if strand in strands), None)


def split_remainders(moves: Iterable[Move]) -> Remainders:
    """Split alarmed moves downstream of the inputs; those without a sealed regression are unknown."""
    split = Remainders([], [], [])
    for move in moves:
        alarm, remainder = move.alarm, move.remainder
        if alarm is None or move.strand in _LEFT_ALONE:
            continue
        if remainder is None:
            split.unknown.append(move)
        else:
            (split.within if explains(alarm) else split.beyond).append(move)
    return split


def _quote(moves: Sequence[Move]) -> str:
    said = "; ".join(_say(move.source) for move in moves[:_QUOTED] if isinstance(move.source, Alarm))
    return said if len(moves) <= _QUOTED else f"{said}; and {len(moves) - _QUOTED} more"


def _say(alarm: Alarm) -> str:
    size, explained = alarm.observed - alarm.baseline, alarm.explained or 0.0
    within = "<=" if explains(alarm) else ">"
    return (
        f"{alarm.signal} {size:+.3f}, of which inputs {explained:+.3f}, remains {size - explained:+.3f}, "
        f"{within} tolerance {alarm.tolerance:.3f} (n={alarm.observed_sessions}) in {alarm.cohort.key}"
    )

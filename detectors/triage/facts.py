"""Facts for and against a class: each weighs between 0 (speaks against) and 1 (shown), ½ where it is not known."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from homeostat.detectors.triage.beside import Tally
from homeostat.detectors.triage.moves import Move
from homeostat.detectors.triage.strands import WORDS, Strand
from homeostat.detectors.triage.wording import say_alarm, say_companion
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.drift_event import ClassEvidence, DriftClass

AGAINST: Final = 0.0
UNKNOWN: Final = 0.5
SHOWN: Final = 1.0
_LITTLE: Final = 0.4
"""How much of ½ a column that moved within its tolerance takes away."""
_QUOTED: Final = 3
_REASON_CHARS: Final = 2000


class Fact(NamedTuple):
    """One thing that a class needs; with `decides`, the class is out where it weighs 0."""

    weight: float
    reason: str
    decides: bool = False


class Weighed(NamedTuple):
    """A class with its facts; the first is what it cannot do without."""

    drift_class: DriftClass
    facts: tuple[Fact, ...]

    @property
    def fits(self) -> bool:
        """Whether its first fact is likelier than not, and nothing rules it out."""
        ruled_out = any(fact.decides and fact.weight == AGAINST for fact in self.facts)
        return bool(self.facts) and self.facts[0].weight > UNKNOWN and not ruled_out

    @property
    def confidence(self) -> float:
        """The mean weight of its facts, in [0, 1]: the share of what it needs that is shown, unknown counting half."""
        return math.fsum(fact.weight for fact in self.facts) / len(self.facts) if self.facts else 0.0

    def evidence(self) -> list[ClassEvidence]:
        """The facts as sentences; one that is not known supports nothing and says so."""
        return [_say_fact(self.drift_class, fact) for fact in self.facts]


def weigh_steady(strands: Sequence[Strand], moves: Iterable[Move], tallies: Mapping[Strand, Tally]) -> Fact:
    """Weigh whether these strands stood still: 0 where one moved, else by the share of columns shown steady.

    ½ + ½·steady/n − .4·little/n over the n columns that stood beside the alarms; ½ for none.
    """
    words = " and ".join(WORDS[strand] for strand in strands)
    moved = [move for move in moves if move.strand in strands]
    if moved:
        return Fact(AGAINST, f"{words} moved: {quote(moved)}", decides=True)
    rows = [tallies[strand] for strand in strands if strand in tallies]
    steady, little = sum(row.steady for row in rows), sum(row.little for row in rows)
    total = steady + little + sum(row.unknown for row in rows)
    if total == 0:
        return Fact(UNKNOWN, f"{words}: no alarm, and none was seen beside the alarms")
    counts = f"{words}: no alarm; {steady} of {total} columns shown within tolerance, {little} moved a little"
    return Fact(UNKNOWN + 0.5 * steady / total - _LITTLE * little / total, f"{counts} (99 % intervals)")


def quote(moves: Sequence[Move]) -> str:
    """The first moves with their numbers, and how many more."""
    shown = "; ".join(_say_move(move) for move in moves[:_QUOTED])
    return shown if len(moves) <= _QUOTED else f"{shown}; and {len(moves) - _QUOTED} more"


def _say_move(move: Move) -> str:
    source = move.source
    return say_alarm(source) if isinstance(source, Alarm) else say_companion(source, move.cohort)


def _say_fact(drift_class: DriftClass, fact: Fact) -> ClassEvidence:
    supports = fact.weight > UNKNOWN
    reason = fact.reason if supports or fact.weight < UNKNOWN else f"not known: {fact.reason}"
    return ClassEvidence(drift_class=drift_class, supports=supports, reason=reason[:_REASON_CHARS])

"""What kind of change an event is: the evidence for and against each class, upstream first, and a confidence."""

from collections.abc import Sequence
from typing import NamedTuple

from homeostat.detectors.triage.beside import add_tallies
from homeostat.detectors.triage.facts import Weighed
from homeostat.detectors.triage.grouping import find_twins
from homeostat.detectors.triage.moves import Arms, Move, list_moves, split_arms
from homeostat.detectors.triage.nearness import read_nearness
from homeostat.detectors.triage.open_event import OpenEvent
from homeostat.detectors.triage.remainder import split_remainders
from homeostat.detectors.triage.scope import choose_besides
from homeostat.detectors.triage.strands import CLASS_OF
from homeostat.detectors.triage.timeline import RolloutTimeline
from homeostat.detectors.triage.weigh_release import Exposure, weigh_changed, weigh_exposed
from homeostat.detectors.triage.weigh_strands import LED, Seen, weigh_data, weigh_rest, weigh_strand
from homeostat.schemas.drift_event import ClassEvidence, DriftClass
from homeostat.schemas.policy import Policy


class Finding(NamedTuple):
    """The class, further ones, how sure, why, and the moves that it rests on."""

    drift_class: DriftClass
    also: tuple[DriftClass, ...]
    confidence: float
    evidence: tuple[ClassEvidence, ...]
    moves: tuple[Move, ...]

    def leading_moves(self) -> tuple[Move, ...]:
        """The moves of the strand that gave the class, or all of them."""
        strand = next((strand for strand, name in CLASS_OF.items() if name is self.drift_class), None)
        return tuple(move for move in self.moves if move.strand is strand) or self.moves


def classify(event: OpenEvent, timeline: RolloutTimeline | None, policy: Policy) -> Finding:
    """Weigh every class against the event and take the first that fits, upstream first.

    The order: a release on trial, a release that changed at the onset, inputs, outputs, safety, workflow, use,
    outcomes; 'unexplained' where none fits. Equal events give equal findings.
    """
    moves = list_moves(event, policy)
    arms = split_arms(moves)
    besides = choose_besides(event).values()
    tallies = add_tallies(besides)
    exposure = None if event.rollout is None or timeline is None else Exposure(timeline, event.onset_to_ms)
    exposed = weigh_exposed(exposure, arms, tallies)
    changed = weigh_changed(_as_noticed([*arms.both, *arms.others], event), tallies, read_nearness(policy))
    seen = Seen(arms, tallies, frozenset(row.cohort.key for row in besides), changed)
    rest = [_weigh_inputs(seen, moves), *(weigh_strand(strand, seen) for strand in LED)]
    ordered = [exposed, changed, *rest] if exposure else [changed, *rest]
    unexplained = weigh_rest(seen, ordered)
    chosen = next((weighed for weighed in ordered if weighed.fits), unexplained)
    also = _find_more(chosen, rest, arms)
    told = [*([exposed] if exposure or not changed.fits else []), changed, *rest, unexplained]
    evidence = [item for weighed in told for item in weighed.evidence()]
    return Finding(chosen.drift_class, also, min(1.0, chosen.confidence), tuple(evidence), tuple(moves))


def _as_noticed(moves: Sequence[Move], event: OpenEvent) -> list[Move]:
    return [move if move.alarm is None else move._replace(source=event.as_noticed(move.alarm)) for move in moves]


def _weigh_inputs(seen: Seen, moves: Sequence[Move]) -> Weighed:
    twins = {move.cohort.key: tuple(twin.key for twin in find_twins(move.cohort)) for move in moves}
    return weigh_data(seen, twins)


def _find_more(chosen: Weighed, rest: Sequence[Weighed], arms: Arms) -> tuple[DriftClass, ...]:
    """Further causes beside the chosen one.

    A release: also the class of what moved in the other arm, or of inputs that do not explain the change. Inputs: also
    the class of the most upstream change that they do not explain, and a release that only they speak against.
    """
    data = rest[0]
    if chosen.drift_class is DriftClass.RELEASE_REGRESSION:
        if arms.both:
            return tuple(weighed.drift_class for weighed in rest if weighed.fits)[:1]
        return (data.drift_class,) if data.fits else ()
    if chosen is not data:
        return ()
    more = []
    if split_remainders([move for move in arms.candidate_only if not move.given]).unknown:
        more.append(DriftClass.RELEASE_REGRESSION)
    leading = split_remainders([*arms.both, *arms.others]).leading()
    return (*more, *(() if leading is None else (CLASS_OF[leading],)))

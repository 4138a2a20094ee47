"""Which strand moved, with everything upstream of it still: data, prompt, policy, workflow, product, concept."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from homeostat.detectors.triage.beside import Tally
from homeostat.detectors.triage.facts import AGAINST, SHOWN, UNKNOWN, Fact, Weighed, quote, weigh_steady
from homeostat.detectors.triage.moves import Arms, Move
from homeostat.detectors.triage.remainder import split_remainders
from homeostat.detectors.triage.strands import CLASS_OF, WORDS, Strand, upstream_of

_LIKELY = 0.75
_ONE_ARM = 0.6
"""The weight of inputs that moved on the exposed arm, when nothing was heard of the other arm."""
_DOWNSTREAM = (Strand.OUTPUT, Strand.SAFETY, Strand.WORKFLOW, Strand.USE, Strand.OUTCOME)
LED = (Strand.OUTPUT, Strand.SAFETY, Strand.WORKFLOW, Strand.USE, Strand.OUTCOME)
"""The strands that give a class of their own, upstream first."""


class Seen(NamedTuple):
    """What speaks in an event: its moves by arm, the sums of what stood beside them, the cohorts heard, the release."""

    arms: Arms
    tallies: Mapping[Strand, Tally]
    heard: frozenset[str]
    released: Weighed

    @property
    def shared(self) -> list[Move]:
        """The moves that are not the exposed arm's alone."""
        return [*self.arms.both, *self.arms.others]


def weigh_data(seen: Seen, twins_of: Mapping[str, tuple[str, ...]]) -> Weighed:
    """Weigh data drift: inputs moved, in both arms alike, and what they leave of other changes is within tolerance.

    A remainder beyond tolerance speaks against it, but does not rule it out: then there are two causes.
    """
    lead = _weigh_inputs(seen, twins_of)
    downstream = [move for move in seen.shared if move.strand in _DOWNSTREAM]
    if lead.weight == _ONE_ARM:
        downstream += [move for move in seen.arms.candidate_only if move.strand in _DOWNSTREAM]
    return Weighed(CLASS_OF[Strand.INPUT], (lead, *_weigh_remainders(downstream, seen.tallies)))


def weigh_strand(lead: Strand, seen: Seen) -> Weighed:
    """Weigh the class of a strand: it moved, every strand upstream of it did not, and no release explains it."""
    moved = [move for move in seen.shared if move.strand is lead]
    words = WORDS[lead]
    facts = [Fact(SHOWN, f"{words} moved: {quote(moved)}") if moved else Fact(AGAINST, f"{words} did not move")]
    if moved:
        facts += [weigh_steady((strand,), seen.shared, seen.tallies) for strand in upstream_of(lead)]
        facts.append(_weigh_release(seen))
        facts += _weigh_arms(seen)
    return Weighed(CLASS_OF[lead], tuple(facts))


def weigh_rest(seen: Seen, others: Sequence[Weighed]) -> Weighed:
    """Weigh 'unexplained': no class fits; certain where every strand that a class begins with is shown still."""
    moved = [*seen.shared, *seen.arms.candidate_only]
    fitting = [weighed.drift_class.value for weighed in others if weighed.fits]
    strand = CLASS_OF[Strand.OPERATIONS]
    if fitting:
        return Weighed(strand, (Fact(AGAINST, f"explained by {fitting[0]}", decides=True),))
    what = f"moved: {quote(moved)}" if moved else "no change of a signal was seen"
    lead = Fact(SHOWN, f"neither a release nor the inputs nor any other class explains what {what}")
    still = [weigh_steady((each,), moved, seen.tallies)._replace(decides=False) for each in (Strand.INPUT, *LED)]
    return Weighed(strand, (lead, *still))


def _weigh_inputs(seen: Seen, twins_of: Mapping[str, tuple[str, ...]]) -> Fact:
    inputs = [move for move in seen.shared if move.strand is Strand.INPUT]
    if inputs:
        return Fact(SHOWN, f"inputs moved: {quote(inputs)}")
    alone = [move for move in seen.arms.candidate_only if move.given]
    if not alone:
        return Fact(AGAINST, "no input moved in the arm that is not tried")
    heard = any(twin in seen.heard for move in alone for twin in twins_of.get(move.cohort.key, ()))
    if heard:
        return Fact(AGAINST, f"an input moved on the exposed arm alone: {quote(alone)}")
    return Fact(_ONE_ARM, f"inputs moved on the exposed arm, and nothing was heard of the other: {quote(alone)}")


def _weigh_remainders(downstream: Sequence[Move], tallies: Mapping[Strand, Tally]) -> Iterator[Fact]:
    if not downstream:
        steady = weigh_steady((Strand.OUTPUT,), [], tallies)
        yield steady._replace(weight=max(steady.weight, _LIKELY), reason=f"nothing else moved; {steady.reason}")
        return
    split = split_remainders(downstream)
    if split.within:
        yield Fact(SHOWN, f"the inputs explain the change: {split.say_within()}")
    if split.beyond:
        yield Fact(AGAINST, f"the inputs do not explain all of the change: {split.say_beyond()}")
    if not split.within and not split.beyond:
        yield Fact(UNKNOWN, f"how much of it the inputs explain: {quote(downstream)}")


def _weigh_release(seen: Seen) -> Fact:
    released = seen.released
    if released.fits:
        return Fact(AGAINST, f"a release explains it: {released.facts[0].reason}", decides=True)
    lead = released.facts[0]
    if lead.weight == UNKNOWN:
        return Fact(UNKNOWN, lead.reason)
    return Fact(SHOWN, f"the declared release does not explain it: {lead.reason}")


def _weigh_arms(seen: Seen) -> Iterator[Fact]:
    if seen.arms.both:
        yield Fact(SHOWN, f"both arms moved alike: {quote(seen.arms.both)}")

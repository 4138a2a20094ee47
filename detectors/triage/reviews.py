"""What people found in an event's sample: how many works show harm, affected against unaffected."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from homeostat.detectors.triage.share_interval import share_interval
from homeostat.schemas.control import Review, ReviewVerdict
from homeostat.schemas.drift_event import Harm, ReviewSample

MAX_REVIEWERS = 8
MAX_ASKED = 256
"""Works of one event that people have been asked to read; beyond it no further ones are asked for."""
HARMFUL_SHARE = 0.05
"""Where no unaffected work was read: harm is shown by an affected share that is surely above this."""
HARMLESS_SHARE = 0.25
"""Harm is ruled out by an affected share that is surely at most this: none of 13 works, or 1 of 20."""


class Share(NamedTuple):
    """Of n works read, how many show harm, with the 95 % interval of their share."""

    harmful: int
    n: int
    low: float
    high: float

    def say(self) -> str:
        """The share with its numbers."""
        return f"{self.harmful} of {self.n} ({self.low:.2f} to {self.high:.2f})"


@dataclass
class Reviews:
    """By trace id that people were asked to read, whether it is affected, and what each reviewer said of it."""

    asked: dict[str, bool] = field(default_factory=dict)
    verdicts: dict[str, dict[str, str]] = field(default_factory=dict)

    def ask(self, sample: ReviewSample) -> bool:
        """Note what people are asked to read; gives whether any of it is new enough to ask again.

        The first sample is; a later one when half of its affected works have not been asked for.
        """
        new = [trace_id for trace_id in sample.affected if trace_id not in self.asked]
        if 2 * len(new) < max(1, len(sample.affected)) or len(self.asked) >= MAX_ASKED:
            return False
        self.asked |= dict.fromkeys(sample.unaffected, False)
        self.asked |= dict.fromkeys(sample.affected, True)
        return True

    def take(self, review: Review) -> bool:
        """Take a verdict; gives False for a work that nobody was asked to read, or one reviewer too many."""
        if review.trace_id not in self.asked:
            return False
        said = self.verdicts.setdefault(review.trace_id, {})
        if review.reviewer not in said and len(said) >= MAX_REVIEWERS:
            return False
        said[review.reviewer] = review.verdict.value
        return True

    def count(self, affected: bool) -> Share:
        """The share of harm among the works of one kind; a work on which reviewers are even counts for nothing."""
        found = list(self._decided(affected))
        return Share(sum(found), len(found), *share_interval(sum(found), len(found)))

    def judge(self) -> Harm | None:
        """Dangerous or benign where the verdicts show it, else None.

        Dangerous: the affected share is surely above the unaffected one, or above `HARMFUL_SHARE` where no unaffected
        work was read. Benign: it is surely at most `HARMLESS_SHARE`.
        """
        affected, unaffected = self.count(True), self.count(False)
        if affected.n and affected.low > (unaffected.high if unaffected.n else HARMFUL_SHARE):
            return Harm.DANGEROUS
        return Harm.BENIGN if affected.n and affected.high <= HARMLESS_SHARE else None

    def say(self) -> str:
        """What people found, or nothing while they have found nothing."""
        affected, unaffected = self.count(True), self.count(False)
        if not affected.n and not unaffected.n:
            return ""
        words = f"people found harm in {affected.say()} of the affected works that they read"
        return f"{words}, and in {unaffected.say()} of the unaffected ones; 95 % intervals"

    def _decided(self, affected: bool) -> Iterator[bool]:
        for trace_id in sorted(self.verdicts):
            said = list(self.verdicts[trace_id].values())
            harmful, harmless = said.count(ReviewVerdict.CONFIRMED), said.count(ReviewVerdict.REFUTED)
            if self.asked[trace_id] is affected and harmful != harmless:
                yield harmful > harmless

"""A guardrail over several cohorts together: how much worse it may be than its baselines, at 95 %."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from homeostat.schemas.alarm import Companion
from homeostat.schemas.signal import Direction

_Z_COMPANION = 2.5758293035489004
_Z = 1.6448536269514722
"""The standard normal's quantiles at .995, which a companion's interval has, and at .95."""


class Together(NamedTuple):
    """By how much a guardrail is worse (negative: better) than its baselines, and at most so at 95 %."""

    signal: str
    worse: float
    at_most: float
    tolerance: float
    sessions: int

    @property
    def is_held(self) -> bool:
        """Whether it is shown to be no worse than its tolerance."""
        return self.sessions > 0 and self.at_most <= self.tolerance

    def say(self) -> str:
        """Give it with its numbers."""
        most = f"at most {self.at_most:.3f} <= {self.tolerance:.3f}"
        return f"{self.signal} worse by {self.worse:+.3f}, {most} (n={self.sessions})"


def weigh_together(companions: Sequence[Companion]) -> Together:
    """Weigh one guardrail of several cohorts, each against its own baseline and by its sessions.

    worse = Σ n_i·d_i/Σ n_i with d_i the change in the harmful direction; its standard error comes from the harmful ends
    of the cohorts' 99 % intervals, taken as independent: √Σ (n_i·s_i)²/Σ n_i. One-sided, normal, for an onset that was
    chosen by the data: a description, not a test. No cohorts give no sessions.
    """
    known = [each for each in companions if each.sessions > 0]
    sessions = sum(each.sessions for each in known)
    first = companions[0]
    if not known:
        return Together(first.signal, 0.0, 1.0, first.tolerance, 0)
    worse = math.fsum(each.sessions * _worse_by(each, each.observed) for each in known) / sessions
    squares = (each.sessions * (_worse_by(each, _harmful_end(each)) - _worse_by(each, each.observed)) for each in known)
    error = math.sqrt(math.fsum(each**2 for each in squares)) / sessions / _Z_COMPANION
    return Together(first.signal, worse, worse + _Z * error, first.tolerance, sessions)


def _harmful_end(companion: Companion) -> float:
    return companion.low if companion.direction is Direction.DOWN else companion.high


def _worse_by(companion: Companion, value: float) -> float:
    return companion.baseline - value if companion.direction is Direction.DOWN else value - companion.baseline

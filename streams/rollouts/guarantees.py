"""What each strategy guarantees, and what that rests on."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from homeostat.schemas.rollout import Rollout, Strategy


class Guarantee(NamedTuple):
    """What holds, and the assumption that it holds under."""

    holds: str
    assumption: str


_SPLIT = "sessions of each tenant × specialty × workflow are split between candidate and control by their id"
_BOTH = (
    "P(ever judged harmful | no guardrail worse than its tolerance in any cohort) ≤ {alpha:g}; "
    "P(promoted | some guardrail worse than its tolerance in a promoted cohort) ≤ {beta:g}; however often one looks"
)
GUARANTEES: Mapping[Strategy, Guarantee] = MappingProxyType(
    {
        Strategy.GLOBAL: Guarantee(_BOTH, _SPLIT),
        Strategy.TENANT_BY_TENANT: Guarantee(
            f"{_BOTH}; β holds for each tenant, promoted on its own evidence before the next begins", _SPLIT
        ),
        Strategy.COHORT_CANARY: Guarantee(f"{_BOTH}; a wave that only widens promises nothing about β", _SPLIT),
        Strategy.FEATURE_FLAG: Guarantee(
            f"{_BOTH}; for the sessions that the flag chooses",
            f"{_SPLIT}; and what is promoted to everybody is no worse for the sessions that the flag left out: of "
            "them there is no evidence",
        ),
        Strategy.MANUAL_APPROVAL: Guarantee(
            f"{_BOTH}; nobody is exposed without signatures for that very wave",
            f"{_SPLIT}; reviewers keep their keys to themselves",
        ),
        Strategy.SHADOW: Guarantee(
            f"{_BOTH}; nobody is given the candidate's output before promotion",
            "the candidate does beside people what it would do for them: signals that feedback carries "
            "(edits, acceptance, complaints) are not judged, since nobody saw its work",
        ),
    }
)


def find_guarantee(rollout: Rollout) -> Guarantee:
    """The guarantee of a rollout, with its own α and β."""
    found = GUARANTEES[rollout.strategy]
    return found._replace(holds=found.holds.format(alpha=rollout.alpha, beta=rollout.beta))

"""The words of the page that explains a decision."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

from homeostat.schemas.decision import Decision, GuardrailVerdict, Health, LeafTags, Verdict
from homeostat.schemas.intent import IntentAction

VERDICTS: Mapping[Verdict, str] = MappingProxyType(
    {
        Verdict.BEGIN: "Exposure began",
        Verdict.ADVANCE: "The rollout widened",
        Verdict.HEALTHY: "The candidate was promoted: no guardrail is worse than its tolerance",
        Verdict.HARMFUL: "The candidate was taken back: harmful",
        Verdict.SAMPLE_RATIO: "The rollout was held: the sessions of the arms are not in the planned ratio",
        Verdict.LOW_YIELD: "The rollout was held: too few traces came for the sessions that were started",
        Verdict.NO_DATA: "The rollout was held: there is no data",
        Verdict.UNPROVEN: "Nobody gets the candidate: not shown to be safe within its budget of time and sessions",
        Verdict.LAPSE: "Exposure ended: its lease lapsed",
        Verdict.REGRESSED: "What was promoted was taken back: worse than the baseline before it",
        Verdict.NEVER: "The candidate was taken back: something happened that must never happen",
        Verdict.OPERATOR: "An operator decided",
        Verdict.STOPPED: "An emergency stop ended the exposure",
    }
)
HEALTHS: Mapping[Health, str] = MappingProxyType(
    {
        Health.NOT_EVALUATED: "not evaluated",
        Health.NO_DATA: "no data",
        Health.LOW_POWER: "too few pairs",
        Health.INCONCLUSIVE: "inconclusive",
        Health.ERROR: "error",
        Health.HEALTHY: "within tolerance",
        Health.HARMFUL: "harmful",
    }
)
ACTIONS: Mapping[IntentAction, str] = MappingProxyType(
    {
        IntentAction.BASELINE: "serve this release",
        IntentAction.EXPOSE: "expose the candidate",
        IntentAction.END_EXPOSURE: "end the exposure",
        IntentAction.PROMOTE: "make the candidate the baseline",
        IntentAction.ROLL_BACK: "take the candidate back and quarantine it",
    }
)


def say_verdict(decision: Decision) -> str:
    """What was decided, as a headline."""
    return VERDICTS.get(decision.verdict, decision.verdict.value)


def say_time(at_ms: int) -> str:
    """A time to the millisecond, UTC.

    >>> say_time(1_700_000_000_123)
    '2023-11-14 22:13:20.123'
    """
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{at_ms % 1000:03d}"


def say_reach(reached: float, limit: float) -> str:
    """A log-e against the limit that it had to reach.

    >>> say_reach(1.25, 6.5), say_reach(7.0, 6.5)
    ('1.25 of 6.50', '7.00 ≥ 6.50')
    """
    return f"{reached:.2f} ≥ {limit:.2f}" if reached >= limit else f"{reached:.2f} of {limit:.2f}"


def is_pooled(decision: Decision) -> bool:
    """Whether harm was shown by all cohorts together and by none alone."""
    alone = any(each.health is Health.HARMFUL for each in decision.guardrails)
    return decision.verdict is Verdict.HARMFUL and not alone


def list_standings(decision: Decision) -> list[tuple[str, Sequence[LeafTags]]]:
    """The cohorts by how they stand after the decision, states without any left out."""
    states = (("exposed", decision.exposed), ("taken back", decision.taken_back), ("promoted", decision.promoted))
    return [(state, cohorts) for state, cohorts in states if cohorts]


def sort_verdicts(decision: Decision) -> list[GuardrailVerdict]:
    """Those that decided first, then the gravest."""
    order = list(Health)[::-1]
    return sorted(
        decision.guardrails,
        key=lambda each: (each.signal not in decision.deciding, order.index(each.health), -each.log_e_harmful),
    )

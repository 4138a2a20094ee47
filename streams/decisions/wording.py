"""The words of the page that explains a decision."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

from homeostat.detectors.guard.assess import GRAVEST_FIRST
from homeostat.schemas.decision import Decision, GuardrailVerdict, Health, LeafTags, Verdict
from homeostat.schemas.intent import IntentAction
from homeostat.schemas.rollout import RolloutPhase
from homeostat.streams.report.units import say_column as say_signal

_MOST_SAID = 4
_GRAVEST = (*GRAVEST_FIRST, Health.NOT_EVALUATED)

VERDICTS: Mapping[Verdict, str] = MappingProxyType(
    {
        Verdict.BEGIN: "Exposure began",
        Verdict.ADVANCE: "The rollout widened",
        Verdict.HEALTHY: "The candidate was promoted: no guardrail is worse than its tolerance",
        Verdict.HARMFUL: "The candidate was taken back: harmful",
        Verdict.OVER_BUDGET: "The candidate was taken back: it spends an error budget faster than declared",
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


def say_plainly(decision: Decision) -> list[str]:
    """The decision in words for people who do not read statistics: what was found where, and who goes on."""
    said = [
        f"In {each.tenant}, {each.specialty} ({each.workflow}), {say_signal(each.signal)} is worse by "
        f"{abs(each.mean_difference or 0.0):.3f} on a scale from 0 to 1, and {each.tolerance:.3g} is tolerated: seen "
        f"in {each.pairs} pairs of sessions."
        for each in sort_verdicts(decision)
        if decided(decision, each) and each.health is Health.HARMFUL
    ]
    more = [f"So it is in {len(said) - _MOST_SAID} more."] if len(said) > _MOST_SAID else []
    goes_on = decision.phase is RolloutPhase.EXPOSING and decision.verdict is Verdict.HARMFUL
    groups = f"{len(decision.exposed)} other group{'' if len(decision.exposed) == 1 else 's'} of patients"
    return [*said[:_MOST_SAID], *more, *([f"The trial goes on in {groups}."] if goes_on else [])]


def decided(decision: Decision, verdict: GuardrailVerdict) -> bool:
    """Whether a guardrail of a cohort is among those that decided; for harm over all together, in every cohort."""
    if verdict.signal not in decision.deciding:
        return False
    alone = decision.verdict is Verdict.HARMFUL and not is_pooled(decision)
    return verdict.health is Health.HARMFUL if alone else True


def say_difference(size: float | None) -> str:
    """A mean difference with its sign.

    >>> say_difference(-0.25), say_difference(None)
    ('−0.250', '–')
    """
    return "–" if size is None else f"{'−' if size < 0 else '+'}{abs(size):.3f}"


def say_reach(reached: float, limit: float) -> str:
    """A log-e against the limit that it had to reach.

    >>> say_reach(1.25, 6.5), say_reach(7.0, 6.5)
    ('1.25 of 6.50', '7.00 ≥ 6.50')
    """
    said = f"{'−' if reached < 0 else ''}{abs(reached):.2f}"
    return f"{said} ≥ {limit:.2f}" if reached >= limit else f"{said} of {limit:.2f}"


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
    return sorted(
        decision.guardrails,
        key=lambda each: (not decided(decision, each), _GRAVEST.index(each.health), -each.log_e_harmful),
    )

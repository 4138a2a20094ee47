"""What a rollout's plan means, before anybody signs it: its waves, its guarantee, its signatures."""

import math
from typing import Any, NamedTuple

from homeostat.detectors.guard.promotion import find_limit
from homeostat.detectors.guard.rollout_state import ExposureBudget, Plan
from homeostat.detectors.statistics.verdict import POOLED_PART
from homeostat.schemas.canonical import digest_document
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.rollout import Mode, OnUnproven
from homeostat.streams.rollouts.guarantees import Guarantee, find_guarantee
from homeostat.streams.rollouts.outlook import tell_least

WAVE_TITLES = ("wave", "who is added", "share", "then", "pairs", "bake", "approvals")


_UNPROVEN = {OnUnproven.FREEZE: "frozen until a person resumes or aborts", OnUnproven.ROLL_BACK: "rolled back"}


class ToldPlan(NamedTuple):
    """A plan in words. `limit_harmful` is the evidence (e) at which one guardrail of one cohort is harmful."""

    plan: Plan
    digest: str
    rows: list[tuple[str, ...]]
    guarantee: Guarantee
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        """The plan, its digest, its waves, its guarantee and its notes."""
        return {
            "rollout": self.plan.rollout.rollout,
            "plan_digest": self.digest,
            "strategy": self.plan.rollout.strategy,
            "waves": [wave.model_dump(mode="json") for wave in self.plan.waves],
            "guardrails": [each.model_dump(mode="json") for each in self.plan.guardrails],
            "guarantee": self.guarantee.holds,
            "assumption": self.guarantee.assumption,
            "notes": self.notes,
        }


def tell_plan(plan: Plan, candidate: ReleaseManifest) -> ToldPlan:
    """Put a plan into words."""
    rows = [_describe_wave(plan, number) for number in range(len(plan.waves))]
    return ToldPlan(plan, digest_document(plan.rollout), rows, find_guarantee(plan.rollout), _notes(plan, candidate))


def _describe_wave(plan: Plan, number: int) -> tuple[str, ...]:
    wave, last = plan.waves[number], number == len(plan.waves) - 1
    then = "promote all" if last else "promote these, next wave" if wave.settles else "next wave"
    share = "beside all" if plan.rollout.mode is Mode.SHADOW else f"{wave.share:.0%}"
    places = [f"{tenant}/{workflow}: {specialty}" for tenant, specialty, workflow in wave.cohorts]
    who = "; ".join(places[:4]) + (f"; and {len(places) - 4} more" if len(places) > 4 else "")
    pairs = str(plan.rollout.min_pairs if last or wave.settles else wave.min_pairs)
    return (str(number + 1), who or "nobody new", share, then, pairs, f"{wave.bake_s:g} s", str(wave.approvals))


def _notes(plan: Plan, candidate: ReleaseManifest) -> list[str]:
    rollout = plan.rollout
    family = len(plan.cohorts) * len(plan.guardrails)
    limit = -math.log(plan.alpha * (1 - POOLED_PART) / family)
    names = ", ".join(guardrail.signal for guardrail in plan.guardrails)
    back = "the harmed cohorts alone" if rollout.on_harm == "cohort" else "the whole rollout"
    notes = [
        f"guardrails: {names}",
        f"family of α: {len(plan.cohorts)} cohorts × {len(plan.guardrails)} guardrails",
        f"one alone is harmful at e ≥ {math.exp(limit):.4g}, non-inferior at e ≥ {1 / rollout.beta:.4g}",
        f"harm takes back {back}; what must never be takes back everything",
        _say_budget(plan.budget),
    ]
    if plan.watch_alpha:
        notes.append(
            f"after a promotion, for {rollout.watch_s:g} s, a guardrail beyond its tolerance of the baseline that was "
            f"sealed before takes it back at e ≥ {math.exp(find_limit(plan)):.4g}, with {plan.watch_alpha:g} of α"
        )
    if rollout.windows:
        notes.append(f"it begins and widens only in its {len(rollout.windows)} windows (UTC)")
    if rollout.not_before_ms:
        notes.append(f"it does not begin before {rollout.not_before_ms} ms")
    told = [*_say_order(plan), *_say_error_budgets(plan), *tell_least(plan)]
    return [*notes, *told, *_signatures(plan, candidate)]


def _say_budget(budget: ExposureBudget) -> str:
    used = f"{budget.max_duration_s:g} s or {budget.max_sessions} candidate sessions"
    return f"not shown safe after {used} it is unproven: {_UNPROVEN[budget.action]}, and no finding of harm"


def _say_order(plan: Plan) -> list[str]:
    """Where a wave reaches a place of more risk before one of less: the author's to choose, but seen."""
    risks = {(entry.target.tenant, entry.target.workflow): entry.risk for entry in plan.rollout.targets}
    of_waves = [[risks[tenant, workflow] for tenant, _, workflow in wave.cohorts] for wave in plan.waves]
    for number, first in enumerate(of_waves):
        later = [risk for wave in of_waves[number + 1 :] for risk in wave]
        if first and later and max(risk.rank for risk in first) > min(risk.rank for risk in later):
            return [f"wave {number + 1} reaches a place of more risk before a later wave reaches one of less"]
    return []


def _say_error_budgets(plan: Plan) -> list[str]:
    return [
        f"error budget of {each.signal}: {each.budget.rate:g} a session over {each.budget.period_s:g} s; a candidate "
        f"that keeps to it is taken back for it with a chance of at most {each.budget.alpha:g}, beside α"
        for each in plan.guardrails
        if each.budget is not None
    ]


def _signatures(plan: Plan, candidate: ReleaseManifest) -> list[str]:
    most = max(wave.approvals for wave in plan.waves)
    if not most:
        return [f"signatures: the operator's; no reviewer's (risk {candidate.risk})"]
    authors = " and ".join(sorted({plan.rollout.author, candidate.author}))
    return [
        f"signatures: the operator's, and up to {most} reviewers' (risk {candidate.risk}); {authors} do not count",
        f"a reviewer signs with: homeostat rollout approve {plan.rollout.rollout}",
    ]

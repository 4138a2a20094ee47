"""What a decision of the guard owes its plan and the decision before it."""

import math

import pytest

from homeostat.detectors.guard.planned_wave import PlannedWave
from homeostat.detectors.guard.rollout_state import Plan
from homeostat.schemas.decision import Decision, Health, Verdict
from homeostat.schemas.rollout import ENDED, RolloutPhase


def check_decision(plan: Plan, before: Decision | None, decision: Decision, step: int) -> None:
    """One decision against the plan: limits of the declared family, evidence of what it advances or promotes."""
    rollout, waves = plan.rollout, plan.waves
    assert decision.step == step
    regressed = decision.verdict is Verdict.REGRESSED
    assert before is None or before.phase not in ENDED or (regressed and before.promoted), (
        "only a promotion is watched on"
    )
    cells = len(plan.cohorts) * len(plan.guardrails)
    assert plan.alpha + plan.watch_alpha == pytest.approx(rollout.alpha)
    limit = math.log(cells / plan.watch_alpha) if regressed else math.log(2 * cells / plan.alpha)
    for cell in decision.guardrails:
        assert cell.limit_harmful == pytest.approx(limit)
        assert cell.limit_non_inferior == pytest.approx(math.log(1 / rollout.beta))
    kept = {*decision.exposed, *decision.taken_back, *decision.promoted}
    assert before is None or set(before.taken_back) <= set(decision.taken_back)
    assert not set(decision.taken_back) & {*decision.exposed, *decision.promoted}
    if regressed:
        assert before is not None
        back = set(before.promoted) - set(decision.promoted)
        assert back
        assert back <= set(decision.taken_back)
        assert any(cell.health is Health.HARMFUL for cell in decision.guardrails)
    elif before is not None:
        assert set(before.promoted) <= set(decision.promoted)
    if decision.verdict is Verdict.BEGIN:
        assert before is None
        assert len(decision.approved_by) >= waves[0].approvals
    if decision.verdict in {Verdict.ADVANCE, Verdict.HEALTHY}:
        assert before is not None
        assert before.phase is RolloutPhase.EXPOSING
        _check_progress(plan, waves[before.wave], before, decision)
    if decision.verdict is Verdict.ADVANCE:
        assert before is not None
        assert decision.wave == before.wave + 1
        assert len(decision.approved_by) >= waves[decision.wave].approvals
    elif before is not None:
        assert decision.wave == before.wave
    if decision.verdict is Verdict.HEALTHY:
        assert before is not None
        assert set(decision.promoted) == {*before.promoted, *before.exposed}
    assert len(kept) <= len(plan.cohorts)


def _check_progress(plan: Plan, wave: PlannedWave, before: Decision, decision: Decision) -> None:
    """Every guardrail of every cohort that was exposed has its pairs, and is non-inferior where it is promoted."""
    judged = {(cell.tenant, cell.specialty, cell.signal) for cell in decision.guardrails}
    assert len(judged) == len(before.exposed) * len(plan.guardrails)
    promotes = decision.verdict is Verdict.HEALTHY or wave.settles
    least = plan.rollout.min_pairs if promotes else wave.min_pairs
    for cell in decision.guardrails:
        assert cell.pairs >= least
        assert cell.health is Health.HEALTHY or (not promotes and cell.health is Health.INCONCLUSIVE)
        assert cell.log_e_harmful < cell.limit_harmful
        if promotes:
            assert cell.log_e_non_inferior >= cell.limit_non_inferior
            assert cell.mean_difference is not None
            assert cell.mean_difference < cell.tolerance
    begun_ms = before.log_time_ms if before.verdict in {Verdict.BEGIN, Verdict.ADVANCE} else 0
    assert decision.log_time_ms - begun_ms >= wave.bake_s * 1000

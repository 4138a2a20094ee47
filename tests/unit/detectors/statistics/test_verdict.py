"""The verdict: closed testing against all subsets, shares, promotion, pooling."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.detectors.fixed_point import LIMIT
from homeostat.detectors.statistics import verdict
from homeostat.detectors.statistics.bets import guard_stakes
from homeostat.detectors.statistics.closed_test import reject_by_share, reject_closed
from homeostat.detectors.statistics.river_bridge import corroborate
from homeostat.detectors.statistics.two_sample import harm, sum_pairs

ALPHA = 0.05
E_VALUES = st.floats(0.0, 400.0)


def closed_by_definition(es: list[float], shares: list[float], alpha: float) -> list[bool]:
    n = len(es)
    subsets = [s for size in range(1, n + 1) for s in itertools.combinations(range(n), size)]
    return [
        all(sum(shares[j] * (es[j] - 1.0 / alpha) for j in s) >= -1e-9 for s in subsets if i in s) for i in range(n)
    ]


@given(st.lists(st.tuples(E_VALUES, st.floats(0.01, 1.0)), min_size=1, max_size=7))
def test_the_closed_test_is_the_closure_over_all_subsets(members: list[tuple[float, float]]) -> None:
    es = [e for e, _ in members]
    total = sum(s for _, s in members)
    shares = [s / total for _, s in members]
    with np.errstate(divide="ignore"):
        log_es = np.log(np.array(es))
    found = reject_closed(log_es, np.array(shares), ALPHA).tolist()
    expected = closed_by_definition(es, shares, ALPHA)
    near = abs(sum(shares[j] * min(es[j] - 20.0, 0.0) for j in range(len(es)))) < 1e-6
    assert found == expected or near or any(abs(e - 20.0) < 1e-6 for e in es)
    alone = reject_by_share(log_es, np.array(shares) * 0.999, ALPHA)
    assert not np.any(alone & ~np.array(found))


def test_a_member_without_a_share_is_never_rejected() -> None:
    log_es, shares = np.array([900.0, 900.0]), np.array([0.0, 1.0])
    assert reject_closed(log_es, shares, ALPHA).tolist() == [False, True]
    assert reject_by_share(log_es, shares, ALPHA).tolist() == [False, True]


def sums_of(ds: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[verdict.Sums, verdict.Sums]:
    harmful, non_inferior = sum_pairs(ds, 0.05, *guard_stakes(0.05))
    return harmful.reshape(1, 1, 6), non_inferior.reshape(1, 1, 6)


def judged(*ds: float, repeat: int = 200, usable: bool = True) -> verdict.Judgement:
    harmful, non_inferior = sums_of(np.tile(np.array(ds), repeat))
    flags = np.full((1, 1), usable)
    return verdict.judge(harmful, non_inferior, flags, verdict.equal_shares(1, 1), ALPHA, ALPHA)


def test_harm_is_found_and_not_promoted() -> None:
    found = judged(0.2, 0.1)
    assert found.harmful.all()
    assert found.harmful_alone.all()
    assert not verdict.may_promote(found)
    assert found.limit_harmful[0, 0] == pytest.approx(math.log(20))


def test_no_effect_is_promoted_unless_something_holds_it() -> None:
    found = judged(0.05, -0.05)
    assert not found.harmful.any()
    assert verdict.may_promote(found)
    assert not verdict.may_promote(found, held=True)


def test_evidence_that_must_not_be_judged_decides_nothing() -> None:
    for d in (0.5, -0.5):
        found = judged(d, usable=False)
        assert not found.harmful.any()
        assert not verdict.may_promote(found)
        assert found.log_e_harmful[0, 0] == -math.inf


def test_nothing_seen_is_neither() -> None:
    found = judged(repeat=0)
    assert not found.harmful.any()
    assert not found.non_inferior.any()


def test_one_missing_guardrail_keeps_a_rollout_back() -> None:
    _, non_inferior = sums_of(np.zeros(300))
    both = np.concatenate([non_inferior, np.zeros_like(non_inferior)], axis=1)
    found = verdict.judge(
        np.zeros_like(both), both, np.ones((1, 2), np.bool_), verdict.equal_shares(1, 2), ALPHA, ALPHA
    )
    assert found.non_inferior.tolist() == [[True, False]]
    assert not verdict.may_promote(found)


@pytest.mark.parametrize(
    ("alpha", "beta", "share"), [(0.0, 0.05, 1.0), (0.05, 1.0, 1.0), (0.05, 0.05, 1.1), (0.05, 0.05, -0.1)]
)
def test_undeclared_error_rates_are_refused(alpha: float, beta: float, share: float) -> None:
    zeros = np.zeros((1, 1, 6), np.int64)
    with pytest.raises(ValueError, match=r"alpha"):
        verdict.judge(zeros, zeros, np.ones((1, 1), np.bool_), np.full((1, 1), share), alpha, beta)


def spread(d: float, cohorts: int, pairs: int, pooled_part: float = verdict.POOLED_PART) -> verdict.Judgement:
    """The same small harm in every cohort, one guardrail."""
    harmful, non_inferior = (np.tile(sums, (cohorts, 1, 1)) for sums in sums_of(np.full(pairs, d)))
    flags, shares = np.ones((cohorts, 1), np.bool_), verdict.equal_shares(cohorts, 1)
    return verdict.judge(harmful, non_inferior, flags, shares, ALPHA, ALPHA, pooled_part=pooled_part)


def test_harm_too_small_for_any_cohort_is_found_in_all_together() -> None:
    found = spread(0.15, 6, 25)
    assert not found.harmful_alone.any()
    assert found.harmful_pooled.tolist() == [True]
    assert found.any_harmful
    assert not verdict.may_promote(found)
    assert found.limit_pooled.tolist() == [pytest.approx(math.log(2 / ALPHA))]
    assert found.limit_harmful[0, 0] == pytest.approx(math.log(12 / ALPHA))


def test_cohorts_judged_one_by_one_have_the_same_limits_and_pooled_evidence() -> None:
    harmful, non_inferior = (np.tile(sums, (6, 1, 1)) for sums in sums_of(np.full(25, 0.15)))
    flags, shares = np.ones((6, 1), np.bool_), verdict.equal_shares(6, 1)
    together = verdict.judge(harmful, non_inferior, flags, shares, ALPHA, ALPHA, pooled_part=verdict.POOLED_PART)
    pooled = verdict.judge_pooled(harmful, flags, shares, ALPHA, verdict.POOLED_PART)
    assert pooled.harmful.tolist() == together.harmful_pooled.tolist() == [True]
    np.testing.assert_array_equal(pooled.log_e, together.log_e_pooled)
    np.testing.assert_array_equal(pooled.limit, together.limit_pooled)
    of_cells = verdict.split_shares(shares, verdict.POOLED_PART)[0]
    alone = verdict.judge(harmful[:1], non_inferior[:1], flags[:1], of_cells[:1], ALPHA, ALPHA)
    np.testing.assert_array_equal(alone.limit_harmful, together.limit_harmful[:1])


def test_without_a_pooled_part_the_cells_have_all_of_alpha() -> None:
    found = spread(0.15, 6, 25, pooled_part=0.0)
    assert not found.any_harmful
    assert found.limit_harmful[0, 0] == pytest.approx(math.log(6 / ALPHA))
    with pytest.raises(ValueError, match="pooled_part"):
        spread(0.15, 6, 25, pooled_part=1.0)


def test_a_single_cohort_keeps_all_of_alpha() -> None:
    found = spread(0.15, 1, 25)
    assert found.limit_pooled.tolist() == [math.inf]
    assert found.limit_harmful[0, 0] == pytest.approx(math.log(1 / ALPHA))
    assert not found.harmful_pooled.any()


def test_leaving_a_cohort_out_never_adds_to_the_pooled_evidence() -> None:
    sums = np.array([[[50, -3]], [[-20, 4]]])
    everyone = verdict.pool_sums(sums, np.ones((2, 1), np.bool_))
    for mask in ([[True], [False]], [[False], [True]], [[False], [False]]):
        left = verdict.pool_sums(sums, np.array(mask))
        assert np.all(left <= everyone)


def test_pooling_adds_and_saturates() -> None:
    sums = np.array([[[1, LIMIT]], [[2, 5]], [[3, 4]]])
    assert verdict.pool_strata(sums, np.array([0, 0, 1]), 2).tolist() == [[[3, LIMIT]], [[3, 4]]]


def test_harm_of_a_signal_that_is_harmful_downwards() -> None:
    assert harm(0.9, -1) == pytest.approx(0.1)
    assert harm(0.9, 1) == 0.9


def test_adwin_dates_a_cut_and_sees_none_in_a_steady_ring() -> None:
    rng = np.random.default_rng(5)
    ring = np.concatenate([rng.normal(0.2, 0.05, 300), rng.normal(0.6, 0.05, 100)])
    found = corroborate(ring)
    assert found.onset is not None
    assert 300 - 32 <= found.onset <= 300 + 64
    assert found.before < 0.3 < 0.5 < found.after
    steady = corroborate(rng.normal(0.2, 0.05, 200))
    assert (steady.drifts, steady.onset) == (0, None)
    assert corroborate(np.empty(0)).width == 0
    with pytest.raises(ValueError, match="nan"):
        corroborate(np.array([0.1, math.nan]))

"""When an exposure ends: each of the ways, on both clocks."""

from hypothesis import given
from hypothesis import strategies as st

from homeostat.schemas.canonical import derive_id
from homeostat.schemas.lease import Lease
from homeostat.schemas.rollout import RolloutPhase
from homeostat.streams.client.gateway.lease_clock import LeaseClock, LeaseState, Moment

START_MS, TTL_MS, SKEW_MS = 1_700_000_000_000, 15_000, 1_000
LEASE = derive_id("lease")
SEEN = Moment(START_MS + 20, 500)


def renewal(number: int = 1, phase: RolloutPhase = RolloutPhase.EXPOSING, evaluated_ms: int = START_MS) -> Lease:
    return Lease(
        lease=LEASE,
        rollout=derive_id("rollout"),
        step=1,
        renewal=number,
        phase=phase,
        evaluated_at_ms=evaluated_ms,
        expires_ms=evaluated_ms + TTL_MS,
        ttl_ms=TTL_MS,
        skew_ms=SKEW_MS,
    )


def later(ms: int, wall_extra_ms: int = 0) -> Moment:
    return Moment(SEEN.wall_ms + ms + wall_extra_ms, SEEN.mono_ms + ms)


def held() -> LeaseClock:
    clock = LeaseClock({})
    assert clock.renew(renewal(), SEEN)
    return clock


def test_a_fresh_renewal_is_alive() -> None:
    assert held().judge(LEASE, later(0)) is LeaseState.ALIVE


def test_an_unknown_lease_permits_nothing() -> None:
    assert LeaseClock({}).judge(LEASE, SEEN) is LeaseState.UNKNOWN


@given(st.integers(TTL_MS - SKEW_MS, 10 * TTL_MS))
def test_it_is_over_at_expiry_less_the_skew(ms: int) -> None:
    assert held().judge(LEASE, later(ms)) is LeaseState.EXPIRED


def test_the_monotonic_clock_ends_it_when_the_renewal_is_stamped_ahead() -> None:
    clock = LeaseClock({})
    clock.renew(renewal(evaluated_ms=SEEN.wall_ms + SKEW_MS), SEEN)
    assert clock.judge(LEASE, later(TTL_MS - 1)) is LeaseState.ALIVE
    assert clock.judge(LEASE, later(TTL_MS)) is LeaseState.EXPIRED


@given(st.integers(SKEW_MS + 1, 10**9), st.sampled_from([-1, 1]))
def test_a_wall_clock_that_jumps_ends_it(jump_ms: int, sign: int) -> None:
    assert held().judge(LEASE, later(10, sign * jump_ms)) is LeaseState.CLOCK_OFF


def test_a_wall_clock_behind_the_evaluation_ends_it() -> None:
    clock = LeaseClock({})
    clock.renew(renewal(evaluated_ms=SEEN.wall_ms + SKEW_MS + 1), SEEN)
    assert clock.judge(LEASE, later(0)) is LeaseState.CLOCK_OFF


def test_after_a_restart_only_a_newer_renewal_counts() -> None:
    restarted = LeaseClock({LEASE: 7})
    assert not restarted.renew(renewal(7), SEEN)
    assert restarted.judge(LEASE, SEEN) is LeaseState.UNKNOWN
    assert restarted.renew(renewal(8), SEEN)
    assert restarted.judge(LEASE, SEEN) is LeaseState.ALIVE


def test_the_same_renewal_seen_again_does_not_start_its_clock_again() -> None:
    clock = held()
    assert not clock.renew(renewal(), later(TTL_MS))
    assert clock.judge(LEASE, later(TTL_MS)) is LeaseState.EXPIRED


def test_an_ended_phase_ends_exposure_at_once() -> None:
    clock = held()
    clock.renew(renewal(2, RolloutPhase.ROLLED_BACK), later(5))
    assert clock.judge(LEASE, later(5)) is LeaseState.ENDED

"""A route is looked up once for its tags, and anew where a rollout has moved; the others are left as they are."""

import numpy as np

from homeostat.detectors.leaf.pairings import PairStore
from homeostat.detectors.leaf.plan import Plan
from homeostat.detectors.leaf.routes import Router
from homeostat.detectors.leaf.tables import SEEDS
from homeostat.detectors.leaf.world import World
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.trace import Arm, WorkTrace
from tests.builders.documents import CANDIDATE_DIGEST, CONTROL_DIGEST, policy, rollout
from tests.builders.traces import work

RELEASES = {CANDIDATE_DIGEST, CONTROL_DIGEST, work(0, {}).release}
TENANTS = [f"tenant-{number}" for number in range(40)]


def traces_of(tenant: str, rollout_id: str) -> list[WorkTrace]:
    return [
        work(0, {}, tenant=tenant, arm=arm, rollout=None if arm is Arm.BASELINE else rollout_id) for arm in tuple(Arm)
    ]


def lead(router: Router, pairs: PairStore, rollout_id: str) -> list[str]:
    """By tenant and arm, the pairing to which a trace leads; the scanner's table holds what the router knows."""
    found = [
        pairs.name_of(router.find(trace, number, 0).pair)
        for number, tenant in enumerate(TENANTS)
        for trace in traces_of(tenant, rollout_id)
    ]
    rows = router.arrays
    size = int(rows.size[0])
    assert np.count_nonzero(rows.tenant[:size] >= 0) == len(router.known) == np.count_nonzero(_reachable(router))
    return found


def _reachable(router: Router) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Rows of somebody that a place of the table leads to."""
    rows = router.arrays
    numbers = rows.table[rows.table > 0] - 1
    assert len(set(numbers.tolist())) == len(numbers)
    living: np.ndarray[tuple[int], np.dtype[np.bool_]] = rows.tenant[numbers] >= 0
    return living


def test_routes_are_those_of_a_router_that_knows_nothing_after_every_move() -> None:
    world = World(Plan(policy()), SEEDS)
    router, pairs = Router(world.plan, world.cohorts, world.pairs, RELEASES), world.pairs
    for number in range(60):
        moving = rollout([TENANTS[number % 7], TENANTS[number % 11]][: 1 + (number % 7 != number % 11)])
        moving = moving.model_copy(update={"rollout": derive_id("rollout", number % 5)})
        if number % 3:
            pairs.begin(moving, 1, 0.5, number)
        else:
            pairs.take_step(moving.rollout, 2 + number, 0.0, True, number)
        router.forget(pairs.take_moved())
        fresh = Router(world.plan, world.cohorts, pairs, RELEASES)
        assert lead(router, pairs, moving.rollout) == lead(fresh, pairs, moving.rollout)
    assert len(router.arrays.found) < 2_048


def test_forgetting_leaves_the_routes_of_other_leaves_and_of_the_baseline() -> None:
    world = World(Plan(policy()), SEEDS)
    router = Router(world.plan, world.cohorts, world.pairs, RELEASES)
    lead(router, world.pairs, derive_id("rollout", 1))
    known = set(router.known)
    router.forget({(TENANTS[3], "cardiology", "scribe")})
    gone = known - set(router.known)
    assert {(tags[0], tags[4]) for tags in gone} == {(TENANTS[3], arm) for arm in (Arm.CONTROL, Arm.CANDIDATE)}


def test_what_was_taken_back_is_kept_from_the_scanner_and_taught_again_when_it_is_over() -> None:
    world = World(Plan(policy()), SEEDS)
    router = Router(world.plan, world.cohorts, world.pairs, RELEASES)
    lead(router, world.pairs, derive_id("rollout", 1))
    known, taught = set(router.known), _count_taught(router)
    router.leave_untaught(frozenset({(TENANTS[3], "cardiology", "scribe", work(0, {}).release)}))
    assert {(tags[0], tags[5]) for tags in known - set(router.known)} == {(TENANTS[3], work(0, {}).release)}
    for number, tenant in enumerate(TENANTS):
        for trace in traces_of(tenant, derive_id("rollout", 1)):
            router.find(trace, number, 0)
    assert set(router.known) == known
    assert _count_taught(router) == taught - 1
    router.leave_untaught(frozenset())
    lead(router, world.pairs, derive_id("rollout", 1))
    assert _count_taught(router) == taught


def _count_taught(router: Router) -> int:
    rows = router.arrays
    return int(np.count_nonzero(rows.tenant[: int(rows.size[0])] >= 0))

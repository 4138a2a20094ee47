"""What the demo makes of what it reads, in whatever order the topics come."""

from itertools import permutations

from homeostat.schemas.canonical import derive_id, digest_bytes
from homeostat.schemas.command import Acknowledgement, AckOutcome, DesiredState, Exposure
from homeostat.schemas.decision import Verdict
from homeostat.schemas.rollout import RolloutPhase, Target
from homeostat.streams.demo.board import Board
from homeostat.streams.simulator.plan import CANARIES, GATEWAY, WORKFLOW
from tests.builders.documents import BASELINE, BASELINE_DIGEST, CANDIDATE, CANDIDATE_DIGEST, START_MS, decision, rollout

LED = next(canary for canary in CANARIES if canary.name == "led")


def target(tenant: str) -> Target:
    return Target(gateway=GATEWAY, tenant=tenant, workflow=WORKFLOW)


def state(tenant: str, generation: int, exposed: bool) -> DesiredState:
    exposure = Exposure(
        specialties=("cardiology",),
        rollout=LED.rollout,
        step=1,
        candidate=CANDIDATE_DIGEST,
        manifest=CANDIDATE,
        share=0.5,
        lease=derive_id("lease"),
    )
    return DesiredState(
        target=target(tenant),
        generation=generation,
        baseline=BASELINE_DIGEST,
        manifest=BASELINE,
        exposures=(exposure,) if exposed else (),
        intent=derive_id(generation),
        reason="test",
        at_ms=START_MS,
    )


def ack(tenant: str, generation: int) -> Acknowledgement:
    return Acknowledgement(
        gateway=GATEWAY,
        target=target(tenant),
        generation=generation,
        state_digest=digest_bytes(b""),
        outcome=AckOutcome.APPLIED,
        at_ms=START_MS,
    )


def test_a_rollback_is_seen_in_any_order_of_topics() -> None:
    ended = decision(
        rollout(rollout=LED.rollout), 2, RolloutPhase.ROLLED_BACK, Verdict.HARMFUL, deciding=("unsupported_ratio",)
    )

    def take_states(board: Board) -> None:
        for tenant in LED.tenants:
            for generation, exposed in ((1, False), (2, True), (3, False)):
                board.take_state(state(tenant, generation, exposed))

    def take_acks(board: Board) -> None:
        for tenant in LED.tenants:
            for generation in (1, 2, 3):
                board.take_ack(ack(tenant, generation), START_MS + generation)

    def take_decision(board: Board) -> None:
        board.take_decision(ended, START_MS)

    for steps in permutations((take_states, take_acks, take_decision)):
        board = Board()
        for step in steps:
            step(board)
        view = board.views[LED.rollout]
        assert view.right
        assert set(view.acked_ms.values()) == {START_MS + 3}


def test_without_the_last_acknowledgement_it_is_not_over() -> None:
    board = Board()
    board.take_decision(decision(rollout(rollout=LED.rollout), 2, RolloutPhase.ROLLED_BACK, Verdict.HARMFUL), START_MS)
    for generation, exposed in ((1, False), (2, True), (3, False)):
        board.take_state(state(LED.tenants[0], generation, exposed))
        board.take_ack(ack(LED.tenants[0], min(generation, 2)), START_MS)
    assert not board.views[LED.rollout].acked
    assert not board.over

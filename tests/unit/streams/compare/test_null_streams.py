"""Null streams: arms drawn anew by session, blocks drawn anew with ids of their own."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from homeostat.schemas.canonical import derive_id
from homeostat.schemas.rollout import Rollout, RolloutTarget, Target
from homeostat.schemas.trace import Arm, WorkTrace
from homeostat.streams.compare.history import Arrival
from homeostat.streams.compare.null_streams import DAY_MS, cut_blocks, redraw_arms, resample_blocks

MONDAY_MS, NOON_MS = 1_793_577_600_000, 43_200_000
CANDIDATE, CONTROL = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
ROLLOUT = Rollout(
    rollout=derive_id("rollout"),
    candidate=CANDIDATE,
    control=CONTROL,
    share=0.25,
    targets=(
        RolloutTarget(
            target=Target(gateway="gateway-1", tenant="north", workflow="visit-note"), specialties=("cardiology",)
        ),
    ),
)


def arrival(number: int, at_ms: int, session: int, arm: Arm = Arm.BASELINE) -> Arrival:
    rollout = None if arm is Arm.BASELINE else ROLLOUT.rollout
    trace = WorkTrace(
        trace_id=derive_id("trace", number),
        tenant="north",
        specialty="cardiology",
        workflow="visit-note",
        runtime="scribe",
        release=CONTROL,
        arm=arm,
        rollout=rollout,
        session=derive_id("session", session),
        actor=derive_id("actor"),
        work_id=derive_id("work", number),
        work_time_ms=at_ms,
    )
    return Arrival(at_ms, trace)


def test_arms_are_drawn_by_session_with_the_declared_share() -> None:
    arrivals = [arrival(n, MONDAY_MS + n, n // 2, Arm.CONTROL) for n in range(4_000)]
    arrivals.append(arrival(9_999, MONDAY_MS, 9_999))
    arms: dict[str, set[Arm]] = defaultdict(set)
    for trace in redraw_arms(arrivals, ROLLOUT, 1):
        arms[trace.session].add(trace.arm)
        assert trace.release == (CANDIDATE if trace.arm is Arm.CANDIDATE else CONTROL)
    assert len(arms) == 2_000, "a session outside the rollout is none of its"
    assert all(len(each) == 1 for each in arms.values())
    share = sum(each == {Arm.CANDIDATE} for each in arms.values()) / len(arms)
    assert abs(share - 0.25) < 0.04
    again = [trace.arm for trace in redraw_arms(arrivals, ROLLOUT, 1)]
    assert again == [trace.arm for trace in redraw_arms(arrivals, ROLLOUT, 1)]
    assert again != [trace.arm for trace in redraw_arms(arrivals, ROLLOUT, 2)]


def test_blocks_are_whole_days_before_anything_happened() -> None:
    nine = 9 * 3_600_000
    arrivals = [arrival(day, MONDAY_MS + day * DAY_MS + nine, day) for day in range(10)]
    blocks = cut_blocks(arrivals, MONDAY_MS + 8 * DAY_MS + 1, DAY_MS)
    assert [block.start_ms for block in blocks] == [MONDAY_MS + day * DAY_MS for day in range(8)]
    assert all(len(block.arrivals) == 1 for block in blocks)
    assert cut_blocks([], MONDAY_MS, DAY_MS) == []
    assert cut_blocks(arrivals, MONDAY_MS, DAY_MS) == []


@given(st.integers(1, 1_000))
def test_days_are_drawn_from_days_of_their_kind_and_ids_are_new(seed: int) -> None:
    arrivals = [arrival(n, MONDAY_MS + (n // 3) * DAY_MS + NOON_MS + n % 3, n) for n in range(42)]
    blocks = cut_blocks(arrivals, MONDAY_MS + 14 * DAY_MS, DAY_MS)
    assert len(blocks) == 14
    drawn = list(resample_blocks(blocks, DAY_MS, seed))
    assert len({trace.trace_id for trace in drawn}) == len(drawn) == 42
    assert len({trace.session for trace in drawn}) == 42
    assert [trace.work_time_ms for trace in drawn] == sorted(trace.work_time_ms for trace in drawn)
    days = [(trace.work_time_ms - MONDAY_MS) // DAY_MS for trace in drawn]
    assert days == [n // 3 for n in range(42)], "each day has what a day of its kind had"
    assert drawn == list(resample_blocks(blocks, DAY_MS, seed))

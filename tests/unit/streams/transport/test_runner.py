"""A partition's life on fakes: what is applied, saved, dropped, healed, and what ends the worker."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka.errors import CommitFailedError

from homeostat.schemas.errors import BuildRefusesMost, RetryableError
from homeostat.schemas.log import Record
from homeostat.streams.transport.errors import OffsetPoisoned, SignerMissing
from homeostat.streams.transport.runner import Phase
from tests.unit.streams.transport.fakes import Bench, FakeStateLog

POINT = "stop.final_checkpoint"


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    made.runner.start()
    await made.until(lambda: made.runner.phase is Phase.READY)
    yield made
    await made.runner.close(POINT, 1.0)
    assert not made.source.is_open


async def test_applies_and_saves_at_the_end(bench: Bench) -> None:
    await bench.runner.take(bench.batch(1, 1, 1, start=0))
    assert bench.state_log.state == {}
    assert bench.outputs.sent == [b"2"]
    await bench.runner.close(POINT, 1.0)
    assert bench.state_log.state == {b"sum": b"3 3"}
    assert bench.source.committed[-1] == 3
    assert bench.runner.phase is Phase.CLOSED


async def test_compacted_outputs_are_saved_at_once_with_the_state(bench: Bench) -> None:
    await bench.runner.take(bench.batch(5, 5, start=0))
    await bench.until(lambda: bench.state_log.shared["compacted"] == [b"10"])
    assert bench.state_log.state == {b"sum": b"2 10"}
    assert bench.outputs.sent == []


async def test_outputs_are_delivered_before_the_checkpoint_that_includes_them(bench: Bench) -> None:
    bench.outputs.delivered = asyncio.get_running_loop().create_future()
    await bench.runner.take(bench.batch(2, 8, start=0))
    for _ in range(20):
        await asyncio.sleep(0)
    assert bench.state_log.shared["writes"] == 0
    bench.outputs.delivered.set_result(None)
    await bench.until(lambda: bench.state_log.shared["writes"] == 1)


async def test_position_passes_what_cannot_be_seen(bench: Bench) -> None:
    await bench.runner.take(bench.batch(1, start=0, end=7))
    await bench.runner.take(bench.batch(1, start=7))
    await bench.runner.close(POINT, 1.0)
    assert bench.state_log.state == {b"sum": b"8 2"}
    assert bench.source.committed[-1] == 8


async def test_old_records_are_trimmed_and_old_seeks_passed_over(bench: Bench) -> None:
    await bench.runner.take(bench.batch(1, 1, start=0))
    await bench.runner.take(bench.batch(1, 1, 1, start=0))
    await bench.runner.take(bench.batch(7, start=3, epoch=99))
    assert (bench.stages[-1].sum, bench.stages[-1].next_offset) == (3, 3)


async def test_lost_batch_is_fetched_again(bench: Bench) -> None:
    await bench.runner.take(bench.batch(1, start=0))
    await bench.runner.take(bench.batch(1, start=5))
    await bench.until_ready(2)
    assert bench.source.placed == [0, 0]
    await bench.runner.take(bench.batch(1, 1, 1, start=0))
    assert bench.stages[-1].sum == 3


async def test_log_that_begins_above_is_no_loss_of_ours(bench: Bench) -> None:
    await bench.runner.take(bench.batch(1, start=0))
    bench.source.start = 5
    await bench.runner.take(bench.batch(1, start=5))
    assert (bench.stages[-1].sum, bench.source.placed) == (2, [0])


async def test_failed_checkpoint_drops_the_state_and_heals_from_the_last(bench: Bench) -> None:
    await bench.runner.take(bench.batch(10, start=0))
    await bench.until(lambda: bench.state_log.shared["writes"] == 1)
    bench.state_log.fail_writes.append(RetryableError("broker says no"))
    await bench.runner.take(bench.batch(10, start=1))
    await bench.until_ready(2)
    assert (bench.source.placed, bench.stages[-1].sum) == ([0, 1], 10)
    await bench.runner.take(bench.batch(10, start=1))
    await bench.until(lambda: bench.state_log.shared["compacted"] == [b"10", b"20"])


async def test_fenced_worker_takes_back_only_what_is_still_its_own(bench: Bench) -> None:
    await FakeStateLog(bench.state_log.shared).claim()
    bench.source.refuse_commits = CommitFailedError()
    await bench.runner.take(bench.batch(10, start=0))
    await bench.until(lambda: bench.source.refused >= 2)
    assert bench.state_log.shared["epoch"] == 2
    assert bench.state_log.state == {}
    bench.source.refuse_commits = None
    await bench.until(lambda: bench.runner.phase is Phase.READY)
    assert bench.state_log.shared["epoch"] == 3


async def test_renewed_outputs_are_made_again(bench: Bench) -> None:
    bench.outputs.generation = 1
    await bench.runner.take(bench.batch(2, start=0))
    await bench.until_ready(2)
    await bench.runner.take(bench.batch(2, start=0))
    assert bench.outputs.sent == [b"2"]


async def test_offset_that_fails_three_times_ends_the_worker() -> None:
    bench = Bench()

    def fail(record: Record) -> None:
        if record.offset == 2:
            raise ZeroDivisionError

    bench.fail = fail
    bench.runner.start()
    for attempt in (1, 2, 3):
        await bench.until_ready(attempt)
        await bench.runner.take(bench.batch(1, 1, 1, 1, start=0))
    await bench.until(lambda: bool(bench.fatal))
    assert isinstance(bench.fatal[0], OffsetPoisoned)
    assert "3 times at offset 2 " in str(bench.fatal[0])
    assert bench.stages[-1].next_offset == 2
    await bench.runner.close(POINT, 1.0)


async def test_build_that_refuses_most_ends_the_worker_and_saves_nothing() -> None:
    bench = Bench()

    def refuse(record: Record) -> None:
        raise BuildRefusesMost("5 of 8 tenants")

    bench.fail = refuse
    bench.runner.start()
    await bench.until(lambda: bench.runner.phase is Phase.READY)
    await bench.runner.take(bench.batch(1, start=0))
    await bench.until(lambda: [type(error) for error in bench.fatal] == [BuildRefusesMost])
    await bench.runner.close(POINT, 1.0)
    assert bench.state_log.state == {}


async def test_missing_key_ends_the_worker(bench: Bench) -> None:
    bench.state_log.fail_writes.append(SignerMissing("no key"))
    await bench.runner.take(bench.batch(10, start=0))
    await bench.until(lambda: [type(error) for error in bench.fatal] == [SignerMissing])
    assert bench.source.placed == [0]


async def test_state_ahead_of_its_log_is_not_served() -> None:
    state_log = FakeStateLog()
    state_log.state[b"sum"] = b"50 1"
    bench = Bench(end=49, state_log=state_log)
    bench.runner.start()
    await bench.until(lambda: bench.runner.phase is Phase.CORRUPT)
    await bench.runner.take(bench.batch(1, start=49))
    assert bench.source.placed == []
    await bench.runner.close(POINT, 1.0)
    assert state_log.state == {b"sum": b"50 1"}


async def test_batch_that_never_came_is_noticed() -> None:
    bench = Bench(interval_s=0.01)
    bench.runner.start()
    await bench.until(lambda: bench.runner.phase is Phase.READY)
    bench.runner._stall.limit_s = 0.05
    bench.source.handed_out = 10
    await bench.until(lambda: len(bench.source.placed) == 2)
    await bench.runner.close(POINT, 1.0)


async def test_closing_while_restoring_gives_the_claim_up() -> None:
    bench = Bench()
    bench.source.refuse_commits = CommitFailedError()
    bench.runner.start()
    await bench.until(lambda: bench.runner.phase is Phase.HEALING)
    await bench.runner.close(POINT, 1.0)
    assert (bench.runner.phase, bench.source.placed) == (Phase.CLOSED, [])

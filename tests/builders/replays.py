"""What every stage owes its log: no split into batches, no restart and no repeated reading may show."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from homeostat.detectors.stage import Stage
from homeostat.schemas.log import LogRecord, Output

Build = Callable[[], Stage]


def check_replay(build: Build, log: Sequence[LogRecord], cuts: Sequence[int]) -> list[Output]:
    """Run a log in one batch, in batches cut at `cuts`, and with a restart at every cut; all must be equal.

    Gives the outputs. The restarted stage is restored from what was drained so far, as a compacted topic keeps it, and
    reads a few records that it has seen once more.
    """
    whole = build()
    outputs = whole.apply(log)
    assert whole.next_offset == (log[-1].offset + 1 if log else 0)
    edges = sorted({0, len(log), *(cut % (len(log) + 1) for cut in cuts)})
    batches = [log[start:stop] for start, stop in pairwise(edges)]

    split = build()
    assert [output for batch in batches for output in split.apply(batch)] == outputs
    assert split.state_records() == whole.state_records()

    kept: dict[bytes, bytes] = {}
    stage, restarted = build(), []
    for start, batch in zip(edges, batches, strict=False):
        restarted += stage.apply([*log[max(0, start - 3) : start], *batch])
        for key, value in stage.drain_changes():
            if value is None:
                kept.pop(key, None)
            else:
                kept[key] = value
        assert kept == stage.state_records()
        stage = build()
        stage.restore(kept)
    assert restarted == outputs
    assert stage.state_records() == whole.state_records()
    assert stage.next_offset == whole.next_offset
    return outputs

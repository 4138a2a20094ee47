"""Streams in which nothing changed, made of those that happened: arms drawn anew, and days in another order.

Randomness is a keyed hash of coordinates: the same seed gives the same stream.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from homeostat.schemas.canonical import derive_id
from homeostat.schemas.rollout import Rollout
from homeostat.schemas.trace import Arm
from homeostat.streams.compare.history import Arrival, Trace

DAY_MS: Final = 86_400_000
_SATURDAY: Final = 5
_HEX_DIGITS: Final = 13
LEAST_BLOCKS: Final = 2
_NAMES = ("trace_id", "session", "work_id")


class Block(NamedTuple):
    """What came in one block of time that begins at `start_ms`."""

    start_ms: int
    arrivals: Sequence[Arrival]


def redraw_arms(arrivals: Sequence[Arrival], rollout: Rollout, seed: int) -> Iterator[Trace]:
    """The traces of a rollout with its sessions' arms drawn anew: whatever the release did, both arms are alike.

    A session is on the candidate with the rollout's declared share, its work and feedback together.
    """
    for arrival in arrivals:
        trace = arrival.trace
        if trace.rollout == rollout.rollout and trace.arm is not Arm.BASELINE:
            is_candidate = draw_unit("arm", seed, rollout.rollout, trace.tenant, trace.session) < rollout.share
            arm, release = (Arm.CANDIDATE, rollout.candidate) if is_candidate else (Arm.CONTROL, rollout.control)
            yield trace.model_copy(update={"arm": arm, "release": release})


def cut_blocks(arrivals: Sequence[Arrival], until_ms: int, block_ms: int) -> list[Block]:
    """Whole blocks of what came before a time outside rollouts; blocks of whole days begin at midnight (UTC).

    The first block may have begun before the first trace; the last ends before `until_ms`. Blocks in which nothing
    came are blocks as well.
    """
    if not arrivals:
        return []
    first_ms = arrivals[0].at_ms
    if block_ms % DAY_MS == 0:
        first_ms -= first_ms % DAY_MS
    end_ms = until_ms if until_ms <= arrivals[-1].at_ms else arrivals[-1].at_ms + 1 + _rest_of(block_ms)
    count = max(0, (end_ms - first_ms) // block_ms)
    found: list[list[Arrival]] = [[] for _ in range(count)]
    for arrival in arrivals:
        place = (arrival.at_ms - first_ms) // block_ms
        if 0 <= place < count and arrival.at_ms < until_ms and arrival.trace.rollout is None:
            found[place].append(arrival)
    return [Block(first_ms + place * block_ms, each) for place, each in enumerate(found)]


def resample_blocks(blocks: Sequence[Block], block_ms: int, seed: int) -> Iterator[Trace]:
    """As many blocks as there are, drawn with replacement, one after the other, every id made new.

    Single days are drawn from weekdays for a weekday and from weekends for a weekend.
    """
    by_day = block_ms == DAY_MS
    for place, held in enumerate(blocks):
        alike = [each for each in blocks if not by_day or _is_weekend(each) == _is_weekend(held)]
        drawn = alike[int(draw_unit("block", seed, place) * len(alike))]
        shift_ms = held.start_ms - drawn.start_ms
        for arrival in drawn.arrivals:
            trace = arrival.trace
            names = {
                name: derive_id("null", seed, place, getattr(trace, name))
                for name in ("trace_id", "session", "work_id")
            }
            yield trace.model_copy(update={**names, "work_time_ms": trace.work_time_ms + shift_ms})


def draw_unit(*coordinates: object) -> float:
    """A number in [0, 1) that is a hash of its coordinates.

    >>> draw_unit("arm", 1) == draw_unit("arm", 1), 0 <= draw_unit("arm", 2) < 1
    (True, True)
    """
    return int(derive_id(*coordinates)[:_HEX_DIGITS], 16) / float(16**_HEX_DIGITS)


def _rest_of(block_ms: int) -> int:
    """What a log's last day may lack and still count as whole: clinics close before midnight."""
    return block_ms // 2 if block_ms % DAY_MS == 0 else 0


def _is_weekend(block: Block) -> bool:
    return datetime.fromtimestamp(block.start_ms / 1000, UTC).weekday() >= _SATURDAY

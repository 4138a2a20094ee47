"""When buckets of works are settled, and whose: the clock of the columns of which absence means 0."""

from collections.abc import Iterator

import numpy as np

from homeostat.detectors.leaf.absence import settle_bucket
from homeostat.detectors.leaf.arrays import BUCKET_END, EVENTS, NEVER, SETTLE_AT, Ints
from homeostat.detectors.leaf.plan import OPEN_BUCKETS
from homeostat.detectors.leaf.world import World


def begin_waiting(world: World, now_ms: int) -> None:
    """Let columns that wait for no bucket yet begin with the first that lies wholly after `now_ms`.

    Of works before that it is not known how many there were.
    """
    lengths, waiting = world.plan.arrays.absent_ms[:, 0], world.cohorts.arrays.next_bucket
    waiting[:] = np.where(waiting > 0, waiting, now_ms // lengths + 1)
    set_clock(world)


def set_clock(world: World) -> None:
    """Write when the next bucket is to be settled into the kernel's cursor."""
    world.cursor[SETTLE_AT] = _due_ms(world).min(initial=NEVER)


def settle_due(world: World, now_ms: int) -> Iterator[None]:
    """Settle the bucket that is due, cohorts in the order of their names; yields when there are events to answer."""
    rows, due = world.cohorts.arrays, _due_ms(world)
    place = int(np.argmin(due))
    due_ms, bucket = int(due[place]), int(rows.next_bucket[place]) % OPEN_BUCKETS
    used = np.flatnonzero(rows.works[:, place, bucket, :2].any(axis=1)).tolist()
    slots = np.array(sorted(used, key=world.cohorts.names.__getitem__), np.int64)
    at = 0
    while at < len(slots):
        at = settle_slots(world, slots, at, place, due_ms)
        if world.cursor[EVENTS]:
            yield
    _go_on(world, place, now_ms)


def settle_slots(world: World, slots: Ints, first: int, place: int, due_ms: int) -> int:
    """Settle a column's bucket in `slots` from a place on; how far that came."""
    plan = world.plan
    return settle_bucket(
        slots,
        first,
        place,
        due_ms,
        int(world.cursor[BUCKET_END]) // plan.bucket_ms - 1,
        plan.bucket_ms,
        plan.arrays,
        world.cohorts.arrays,
        world.layers.arrays,
        world.kernel_counts,
        world.scratch,
        world.cursor,
    )


def _go_on(world: World, place: int, now_ms: int) -> None:
    """Wait for the next bucket; where nothing is waited for, for the first that is not due at `now_ms`."""
    rows, (length_ms, age_ms) = world.cohorts.arrays, world.plan.arrays.absent_ms[place].tolist()
    following = int(rows.next_bucket[place]) + 1
    if not rows.works[:, place, :, :2].any():
        following = max(following, (now_ms - age_ms) // length_ms)
    rows.next_bucket[place] = following
    set_clock(world)


def _due_ms(world: World) -> Ints:
    """When each column's next bucket is due: an age after its end."""
    times = world.plan.arrays.absent_ms
    return (world.cohorts.arrays.next_bucket + 1) * times[:, 0] + times[:, 1]

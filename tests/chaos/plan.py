"""Which faults a trial does, in which order and how many together; `small` and `full` size."""

import random
from collections.abc import Sequence
from itertools import cycle, islice
from typing import NamedTuple

from homeostat.streams.failpoints import ALL_FAILPOINTS, GATEWAY_FAILPOINTS
from tests.chaos.faults import ROLES, Fault, platform_faults, worker_faults

FULL_FAULTS, FULL_ROUNDS = 100, 3
SMALL_AT_ONCE, FULL_AT_ONCE = 6, 5
KNOWN_FAILPOINTS = frozenset({*ALL_FAILPOINTS, *GATEWAY_FAILPOINTS})


class Planned(NamedTuple):
    """One fault to come, and the role whose worker it is for; none where it is the gateway's or the broker's."""

    name: str
    role: str
    fault: Fault


def make_plan(size: str, only: Sequence[str]) -> list[list[Planned]]:
    """Groups of faults that are compared together.

    Small: every failpoint once. Full: every fault three times, on the roles in turn, and those that are no failpoints
    as often as makes 100 in all, in a seeded order. `only` keeps the faults whose names contain one of the
    texts.
    """
    planned = _small() if size == "small" else _full()
    at_once = SMALL_AT_ONCE if size == "small" else FULL_AT_ONCE
    kept = [item for item in planned if not only or any(text in item.name for text in only)]
    return [kept[first : first + at_once] for first in range(0, len(kept), at_once)]


def _small() -> list[Planned]:
    return [planned for planned in _each(0) if planned.name in KNOWN_FAILPOINTS]


def _full() -> list[Planned]:
    planned = [planned for turn in range(FULL_ROUNDS) for planned in _each(turn)]
    others = [planned for turn in range(len(ROLES)) for planned in _each(turn) if planned.name not in KNOWN_FAILPOINTS]
    planned += islice(cycle(others), FULL_FAULTS - len(planned))
    random.Random(1).shuffle(planned)
    return planned


def _each(turn: int) -> list[Planned]:
    """Every fault once, those of workers on one role after the other, beginning with another role each turn."""
    workers = [
        Planned(name, ROLES[(number + turn) % len(ROLES)], fault)
        for number, (name, fault) in enumerate(worker_faults().items())
    ]
    return workers + [Planned(name, "", fault) for name, fault in platform_faults().items()]

"""Open addressing: sessions and seen ids found by number, without an object for each.

A place's table index comes from multiply-shift hashing (Dietzfelbinger and others, 1997) with secret odd multipliers,
so that nobody can choose ids that collide. Nothing of a table reaches the state or an output.
"""

from typing import Final

import numpy as np

from homeostat.detectors.compiled import borrowing
from homeostat.detectors.leaf.arrays import Ints, SeenArrays, SessionArrays

SEGMENT_IDS: Final = 512
"""Seen ids in one state record."""
_LIMB: Final = 2**31 - 1
SEEDS: Final = np.array([1518500249, 1859775393, 1400159709, 1732584193, 1276349805, 1163531501], np.int64)
"""For tables that nobody attacks; a stage makes its own."""


def make_seeds(secret: bytes) -> Ints:
    """Six odd 31-bit multipliers from 24 bytes."""
    return (np.frombuffer(secret, np.uint32).astype(np.int64) & _LIMB) | 1


@borrowing
def spread(high: int, low: int, tag: int, slot: int, seeds: Ints) -> int:
    """Give 31 bits of hash of an id, its form or tenant, and a slot."""
    mixed = ((high & _LIMB) * seeds[0]) >> 25
    mixed ^= (((high >> 31) & _LIMB) * seeds[1]) >> 25
    mixed ^= ((low & _LIMB) * seeds[2]) >> 25
    mixed ^= (((low >> 31) & _LIMB) * seeds[3]) >> 25
    mixed ^= (((tag >> 8) ^ (tag << 3) ^ (high >> 62) ^ (low >> 60)) & _LIMB) * seeds[4] >> 25
    mixed ^= ((slot & _LIMB) * seeds[5]) >> 25
    return int(mixed & _LIMB)


@borrowing
def place_of_session(slot: int, lane: int, name: Ints, seeds: Ints, sessions: SessionArrays) -> int:
    """Give the table place of the newest kept session of a name, or −1 − the place where it may be put."""
    mask, rows = sessions.table.shape[0] - 1, sessions.slot.shape[0] - 1
    place = spread(name[0], name[1], name[2], 2 * slot + lane, seeds) & mask
    free = -1
    while sessions.table[place] != 0:
        position = sessions.table[place] - 1
        row = position & rows
        if position < sessions.marks[0]:
            if free < 0:
                free = place
        elif (
            sessions.name[row, 1] == name[1]
            and sessions.name[row, 0] == name[0]
            and sessions.name[row, 2] == name[2]
            and sessions.slot[row] == slot
            and sessions.lane[row] == lane
        ):
            return int(place)
        place = (place + 1) & mask
    return int(-1 - (place if free < 0 else free))


@borrowing
def put_session(place: int, position: int, sessions: SessionArrays) -> None:
    """Let a place that `place_of_session` gave lead to a position."""
    at = place if place >= 0 else -1 - place
    if sessions.table[at] == 0:
        sessions.marks[1] += 1
    sessions.table[at] = position + 1


@borrowing
def index_sessions(tail: int, seeds: Ints, sessions: SessionArrays) -> None:
    """Build the table anew from the sessions kept; of equal names the newest is found."""
    sessions.table[:] = 0
    sessions.marks[1] = 0
    rows = sessions.slot.shape[0] - 1
    for position in range(sessions.marks[0], tail):
        row = position & rows
        place = place_of_session(sessions.slot[row], sessions.lane[row], sessions.name[row], seeds, sessions)
        put_session(place, position, sessions)


@borrowing
def place_of_seen(name: Ints, seeds: Ints, seen: SeenArrays) -> int:
    """Give the table place of the newest kept id of this name, or −1 − the place where it may be put."""
    mask, rows = seen.table.shape[0] - 1, seen.time_ms.shape[0] - 1
    place = spread(name[0], name[1], name[2], 0, seeds) & mask
    free = -1
    while seen.table[place] != 0:
        number = seen.table[place] - 1
        row = number & rows
        if number < seen.marks[0]:
            if free < 0:
                free = place
        elif seen.name[row, 1] == name[1] and seen.name[row, 0] == name[0] and seen.name[row, 2] == name[2]:
            return int(place)
        place = (place + 1) & mask
    return int(-1 - (place if free < 0 else free))


@borrowing
def put_seen(place: int, number: int, seen: SeenArrays) -> None:
    """Let a place that `place_of_seen` gave lead to a number."""
    at = place if place >= 0 else -1 - place
    if seen.table[at] == 0:
        seen.marks[2] += 1
    seen.table[at] = number + 1


@borrowing
def index_seen(seeds: Ints, seen: SeenArrays) -> None:
    """Build the table anew from the ids kept; of equal ids the newest is found."""
    seen.table[:] = 0
    seen.marks[2] = 0
    rows = seen.time_ms.shape[0] - 1
    for number in range(seen.marks[0], seen.marks[1]):
        put_seen(place_of_seen(seen.name[number & rows], seeds, seen), number, seen)


@borrowing
def add_seen(name: Ints, now_ms: int, window_ms: int, most: int, seeds: Ints, seen: SeenArrays) -> bool:
    """Note an id; False when it was seen within the window, and then nothing changes.

    When more than `most` ids are kept after a full segment of 512, the oldest segment is forgotten.
    """
    rows = seen.time_ms.shape[0] - 1
    if 2 * seen.marks[2] > seen.table.shape[0]:
        index_seen(seeds, seen)
    place = place_of_seen(name, seeds, seen)
    if place >= 0 and now_ms < seen.time_ms[(seen.table[place] - 1) & rows] + window_ms:
        return False
    number = seen.marks[1]
    row = number & rows
    seen.name[row, 0], seen.name[row, 1], seen.name[row, 2] = name[0], name[1], name[2]
    seen.time_ms[row] = now_ms
    put_seen(place, number, seen)
    seen.marks[1] = number + 1
    if (number + 1) % SEGMENT_IDS == 0 and number + 1 - seen.marks[0] > most:
        seen.marks[0] += SEGMENT_IDS
    return True

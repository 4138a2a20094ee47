"""Doors: Kafka keys whose traces the kernel may let in by itself, with the keyed states that prove them."""

from hashlib import blake2b

import numpy as np

from homeostat.detectors.compiled import borrowing
from homeostat.detectors.leaf.arrays import Bytes, DoorArrays, Ints
from homeostat.detectors.leaf.scan_json import is_word
from homeostat.detectors.leaf.scan_words import join_words

_MASK = 2**56 - 1
_KEY_BYTES = 96
"""No key is longer (`tenant#shard`)."""


@borrowing
def hash_key(text: Bytes, at: int, stop: int) -> int:
    """Give 56 bits of hash."""
    mixed = 5381
    for i in range(at, stop):
        mixed = (mixed * 33 + int(text[i])) & _MASK
    return int(mixed ^ (mixed >> 29))


@borrowing
def find_door(text: Bytes, at: int, stop: int, doors: DoorArrays) -> int:
    """Give the door of the key text[at:stop], or −1 − the table place where it may be put."""
    mask = doors.table.shape[0] - 1
    place = hash_key(text, at, stop) & mask
    while doors.table[place] != 0:
        door = doors.table[place] - 1
        if is_word(text, at, stop, doors.keys, doors.starts[door], doors.starts[door + 1]):
            return int(door)
        place = (place + 1) & mask
    return int(-1 - place)


class Doors:
    """The doors of one partition; `macs` are keyed states, a row of as many as there are masters for each door."""

    def __init__(self, masters: tuple[bytes, ...] = ()) -> None:
        self._masters = masters
        self.macs: list[blake2b] = []
        self.arrays = self._new_arrays(64)

    def __len__(self) -> int:
        return int(self.arrays.size[0])

    def add(self, key: bytes, tenant: int, macs: "dict[bytes, blake2b]") -> None:
        """Let a key's traces in; `tenant` is its number, `macs` its keyed states by master."""
        number = len(self)
        if 2 * number >= self.arrays.tenant.shape[0]:
            self._grow()
        self._put(key, number)
        self.arrays.tenant[number] = tenant
        self.macs += [macs[master] for master in self._masters]

    def _put(self, key: bytes, number: int) -> None:
        held = self.arrays
        text: Bytes = np.frombuffer(key, np.uint8)
        first = int(held.starts[number])
        held.keys[first : first + len(key)] = text
        held.starts[number + 1] = first + len(key)
        held.table[-1 - find_door(text, 0, len(key), held)] = number + 1
        held.size[0] = number + 1

    def _grow(self) -> None:
        held, self.arrays = self.arrays, self._new_arrays(2 * self.arrays.tenant.shape[0])
        self.arrays.tenant[: held.tenant.shape[0]] = held.tenant
        raw, starts = held.keys.tobytes(), held.starts.tolist()
        for number in range(int(held.size[0])):
            self._put(raw[starts[number] : starts[number + 1]], number)

    def _new_arrays(self, doors: int) -> DoorArrays:
        words, starts = join_words(master.decode() for master in self._masters)
        table: Ints = np.zeros(4 * doors, np.int64)
        return DoorArrays(
            table=table,
            keys=np.zeros(_KEY_BYTES * doors, np.uint8),
            starts=np.zeros(doors + 1, np.int64),
            tenant=np.zeros(doors, np.int64),
            size=np.zeros(1, np.int64),
            master_words=words,
            master_starts=starts,
        )

"""The window of the last authenticated records: whose records are refused so often that their evidence is no data."""

from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np

from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.leaf.arrays import (
    MISSHAPEN,
    REFUSED,
    WINDOW_NEXT,
    WINDOW_SIZE,
    Bytes,
    Ints,
    Shorts,
    WindowArrays,
)
from homeostat.detectors.leaf.plan import Plan
from homeostat.detectors.leaf.window import slide_window
from homeostat.schemas.policy import Refusals
from homeostat.schemas.reasons import Refusal

UNUSABLE: Final = "refusals"
_KEY = b"window"
_STATE_VERSION = 1
_BY_SHAPE = frozenset(
    {
        Refusal.NOT_JSON,
        Refusal.WRONG_CODEC,
        Refusal.SCHEMA,
        Refusal.UNKNOWN_FIELD,
        Refusal.UNKNOWN_TYPE,
        Refusal.UNSUPPORTED_VERSION,
    }
)
"""Refusals that a build which does not know the messages of the day would give."""


def code_of(reason: Refusal) -> int:
    """How the window counts a refusal."""
    return MISSHAPEN if reason in _BY_SHAPE else REFUSED


class RefusalWindow:
    """Tenants by number, and the arrays of the window; only records with a good MAC enter it."""

    def __init__(self, plan: Plan) -> None:
        self.tenants: list[str] = []
        self._numbers: dict[str, int] = {}
        self._rule: Refusals = plan.policy.refusals
        self.arrays = self._new_arrays(16)

    def number_of(self, tenant: str) -> int:
        """The tenant's number."""
        number = self._numbers.setdefault(tenant, len(self.tenants))
        if number == len(self.tenants):
            self.tenants.append(tenant)
            if number == self.arrays.seen.shape[0]:
                counts = (np.concatenate([array, np.zeros_like(array)]) for array in self.arrays[2:])
                self.arrays = WindowArrays(self.arrays.tenant, self.arrays.code, *counts)
        return number

    def is_unusable(self, tenant: str) -> bool:
        """Whether so many of the tenant's records were refused lately that its evidence must not be judged."""
        number = self._numbers.get(tenant)
        if number is None:
            return False
        seen, refused = int(self.arrays.seen[number]), int(self.arrays.refused[number])
        return seen >= self._rule.tenant_min_records and refused > self._rule.tenant_no_data_ratio * seen

    def take_over(self, plan: Plan, cursor: Ints) -> None:
        """Go on under another plan's rule, with the newest records that its window holds."""
        if plan.policy.refusals != self._rule:
            numbers, codes = self._held(cursor)
            held = [(self.tenants[n], code) for n, code in zip(numbers.tolist(), codes.tolist(), strict=True)]
            self._rule = plan.policy.refusals
            self._fill(plan, cursor, held)

    def encode(self, cursor: Ints) -> tuple[bytes, bytes]:
        """The state record: the tenants in the window by name, and (tenant, code) of each record, oldest first."""
        numbers, codes = self._held(cursor)
        present, place = np.unique(numbers, return_inverse=True)
        names = [self.tenants[number] for number in present.tolist()]
        rank = np.argsort(np.argsort(np.array(names))) if names else present
        rows = np.stack([rank[place], codes]).astype(np.int32)
        return _KEY, frame(b"\n".join((msgspec.json.encode(sorted(names)), rows.tobytes())), _STATE_VERSION)

    def restore(self, records: Mapping[bytes, bytes], plan: Plan, cursor: Ints) -> None:
        """Take over the record that `encode` gave."""
        if _KEY not in records:
            return
        head, _, body = unframe(records[_KEY], _STATE_VERSION).partition(b"\n")
        names = msgspec.json.decode(head, type=list[str])
        places, codes = np.frombuffer(body, np.int32).reshape(2, -1).tolist()
        self._fill(plan, cursor, [(names[place], code) for place, code in zip(places, codes, strict=True)])

    def _held(self, cursor: Ints) -> tuple[Shorts, Bytes]:
        """Numbers of the tenants and codes, oldest record first."""
        size, limit = int(cursor[WINDOW_SIZE]), self.arrays.tenant.shape[0]
        places = (int(cursor[WINDOW_NEXT]) - size + np.arange(size)) % limit
        return self.arrays.tenant[places], self.arrays.code[places]

    def _fill(self, plan: Plan, cursor: Ints, held: list[tuple[str, int]]) -> None:
        self.arrays = self._new_arrays(max(16, len(self.tenants)))
        cursor[WINDOW_NEXT:] = 0
        for name, code in held[-self._rule.window_records :]:
            slide_window(self.number_of(name), code, plan.arrays, self.arrays, cursor)

    def _new_arrays(self, tenants: int) -> WindowArrays:
        rows = self._rule.window_records
        counts = [np.zeros(tenants, np.int32) for _ in range(3)]
        return WindowArrays(np.zeros(rows, np.int32), np.zeros(rows, np.uint8), *counts)

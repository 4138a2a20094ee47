"""Pairings: a rollout in one leaf, found by release, control manifest and leaf, so that a retry goes on."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.leaf.arrays import BESIDE, NOT_YET, PAIR_TALLIES, TOLD, UNTOLD, PairArrays
from homeostat.detectors.leaf.plan import Plan
from homeostat.detectors.leaf.rows import copy_rows, read_rows, take_columns
from homeostat.detectors.statistics.bets import GUARD_BETS
from homeostat.detectors.statistics.mixture import mixture_log_e
from homeostat.detectors.statistics.sample_ratio import RATIO_BETS
from homeostat.schemas.rollout import Rollout

QUEUE: Final = 128
_MAX_BLOCK: Final = 64
_KEPT_NATS: Final = 1.0
"""More than the .8 nats by which a limit of harm rises for the half of α of the pooled tests and the watch's tenth."""
_STATE_VERSION = 2
_PREFIX = b"pair/"
_FIXED = ("length", "sums", "harmful", "non_inferior", "ratio", "tally", "beside")
_TUPLES = ("guardrails", "never")
_SIGNAL_AXES = {
    "guarded": 1,
    "queue": 1,
    "head": 1,
    "length": 1,
    "sums": 1,
    "harmful": 1,
    "non_inferior": 1,
    "log_e": 1,
    "beside": 1,
    "occurred": 1,
}


class PairKey(NamedTuple):
    """What evidence belongs to: a candidate and control manifest in one tenant × specialty × workflow."""

    tenant: str
    specialty: str
    workflow: str
    candidate: str
    control: str

    @property
    def text(self) -> str:
        return "/".join(self)


@dataclass(slots=True)
class Attempt:
    """The rollout that the evidence is for now, `since` an offset; `unusable` is what its last evidence said.

    `counted_step` is the step from which its present share holds (0: none is exposed); starts that the gateway assigned
    under another are of no use. `never` are the signals that must never occur and did, in the candidate's arm.
    """

    rollout: str
    step: int
    active: bool
    share: float
    alpha: float
    beta: float
    cohorts: int
    guardrails: tuple[str, ...]
    unusable: str | None = None
    since: int = 0
    counted_step: int = 0
    never: tuple[str, ...] = ()


def new_arrays(capacity: int, signals: int) -> PairArrays:
    """Rows for `capacity` pairings."""
    by_bet = (capacity, signals, GUARD_BETS)
    return PairArrays(
        active=np.zeros(capacity, np.uint8),
        since=np.zeros(capacity, np.int64),
        guarded=np.zeros((capacity, signals), np.uint8),
        share=np.zeros(capacity),
        block=np.ones((capacity, 2), np.int64),
        limits=np.zeros((capacity, 2, 2)),
        queue=np.zeros((capacity, signals, 2, QUEUE), np.int32),
        head=np.zeros((capacity, signals, 2), np.int32),
        length=np.zeros((capacity, signals, 2), np.int32),
        sums=np.zeros((capacity, signals, 6), np.int64),
        harmful=np.zeros(by_bet, np.int64),
        non_inferior=np.zeros(by_bet, np.int64),
        ratio=np.zeros((capacity, RATIO_BETS), np.int64),
        tally=np.zeros((capacity, PAIR_TALLIES), np.int64),
        log_e=np.zeros((capacity, signals, 2)),
        beside=np.zeros((capacity, signals, BESIDE), np.int64),
        heard=np.zeros(capacity, np.uint8),
        occurred=np.zeros((capacity, signals), np.uint8),
        changed=np.zeros(capacity, np.uint8),
        urgent=np.zeros(capacity, np.uint8),
        dirty=np.zeros(capacity, np.uint8),
    )


def block_sizes(share: float) -> tuple[int, int]:
    """How many candidates and controls make one pair at a candidate's share; at most 64 of either.

    >>> block_sizes(0.5), block_sizes(0.1), block_sizes(0.75)
    ((1, 1), (1, 9), (3, 1))
    """
    if share <= 0.5:
        return 1, min(_MAX_BLOCK, max(1, round((1.0 - share) / share)))
    return min(_MAX_BLOCK, max(1, round(share / (1.0 - share)))), 1


class PairStore:
    """Rows by key. A row whose rollout has ended keeps its sums, and frees its queues."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.arrays = new_arrays(8, len(plan.specs))
        self.keys: list[PairKey] = []
        self.attempts: list[Attempt] = []
        self._rows: dict[PairKey, int] = {}
        self._live: dict[tuple[str, str, str], dict[str, int]] = {}
        self._moved: set[tuple[str, str, str]] = set()

    def begin(self, rollout: Rollout, step: int, share: float, since: int) -> None:
        """Set up the pairing of every cohort of a rollout; one that stands already is left alone.

        A retry goes on with the evidence of the pairs. Its sample ratio, starts and missing work are counted anew from
        the offset `since`, or what a rollout was held for would hold its retry. A share of 0 is that of a rollout that
        is held: it takes no pairing from another.
        """
        guardrails = tuple(n for n in (rollout.guardrails or self._plan.guardrails) if n in self._plan.guardrails)
        cohorts, shown = rollout.cohorts(), share or rollout.share
        for leaf in cohorts:
            row = self._row_of(PairKey(*leaf, rollout.candidate, rollout.control))
            known = self.attempts[row]
            if known.active and (known.rollout == rollout.rollout or not share):
                continue
            self._live.get(leaf, {}).pop(known.rollout, None)
            limits = rollout.alpha, rollout.beta, len(cohorts), guardrails
            self.attempts[row] = Attempt(rollout.rollout, step, True, shown, *limits, since=since)
            self.arrays.ratio[row] = self.arrays.tally[row] = 0
            self._derive(row)
            self.arrays.changed[row] = self.arrays.dirty[row] = 1

    def take_step(self, rollout: str, step: int, share: float, ended: bool, since: int) -> None:
        """Note a rollout's step; at its end the pairings stop and their queues are freed.

        Under another share, or when exposure comes back, the sample ratio, starts and missing work are counted anew
        from the offset `since`.
        """
        for row, attempt in enumerate(self.attempts):
            if attempt.rollout != rollout or attempt.step >= step > 1:
                continue
            attempt.step = step
            if ended:
                self._stop(row)
            elif share <= 0.0:
                attempt.counted_step = 0
            elif share != attempt.share or not attempt.counted_step:
                if step > 1:
                    self.arrays.ratio[row] = self.arrays.tally[row] = 0
                    attempt.since = since
                attempt.share, attempt.counted_step = share, step
            self._derive(row)
            self.arrays.changed[row] = self.arrays.dirty[row] = 1

    def counts(self, row: int, step: int) -> bool:
        """Whether a session that a gateway assigned at a step (0: unsaid) was split by the share that holds now."""
        attempt = self.attempts[row]
        return not step or attempt.counted_step <= step <= attempt.step

    def note_never(self, row: int, column: int) -> None:
        """Note what must never occur and did, in the candidate's arm; evidence of it leaves at once."""
        if self.arrays.active[row] and self.arrays.occurred[row, column] == NOT_YET:
            self.arrays.occurred[row, column] = UNTOLD
            self.arrays.changed[row] = self.arrays.urgent[row] = self.arrays.dirty[row] = 1

    def take_occurred(self, row: int) -> None:
        """Let what has occurred and is not told be told from now on."""
        untold, attempt = self.arrays.occurred[row] == UNTOLD, self.attempts[row]
        if untold.any():
            names = (self._plan.names[s] for s in np.flatnonzero(untold).tolist())
            attempt.never = tuple(sorted({*attempt.never, *names}))
            self.arrays.occurred[row, untold] = TOLD

    def release(self, rollout: str) -> None:
        """Stop the pairings of a rollout whose document another version replaces before exposure."""
        for row, attempt in enumerate(self.attempts):
            if attempt.rollout == rollout and attempt.active:
                self._stop(row)
                self._derive(row)
                self.arrays.urgent[row] = 0
                self.arrays.dirty[row] = 1

    def find(self, tenant: str, specialty: str, workflow: str, rollout: str | None) -> int:
        """The row of the rollout that a record names, or of the only one there is; −1 for none."""
        live = self._live.get((tenant, specialty, workflow))
        if not live:
            return -1
        if rollout is None:
            return next(iter(live.values())) if len(live) == 1 else -1
        return live.get(rollout, -1)

    def take_moved(self) -> set[tuple[str, str, str]]:
        """The leaves in which what `find` gives may have changed since this was last asked."""
        moved, self._moved = self._moved, set()
        return moved

    def name_of(self, row: int) -> str:
        """A row's key as text; the empty text for −1."""
        return "" if row < 0 else self.keys[row].text

    def row_named(self, name: str) -> int:
        """The row of `name_of`."""
        return -1 if not name else self._row_of(PairKey(*name.split("/")))

    def in_order(self, rows: Sequence[int]) -> list[int]:
        """Rows in the order of rollout and key, however they are numbered."""
        return sorted(rows, key=lambda row: (self.attempts[row].rollout, self.keys[row]))

    def recolumn(self, plan: Plan, columns: Sequence[int], restart: Sequence[int]) -> None:
        """Take over another plan: for each column the old one or −1; `restart` columns lose their evidence."""
        self._plan = plan
        fields = self.arrays._asdict()
        moved: dict[str, Any] = {name: take_columns(fields[name], axis, columns) for name, axis in _SIGNAL_AXES.items()}
        self.arrays = self.arrays._replace(**moved)
        for name in ("length", "sums", "harmful", "non_inferior", "beside"):
            getattr(self.arrays, name)[:, list(restart)] = 0
        for row in range(len(self.keys)):
            self._derive(row)
            self.arrays.changed[row] = self.arrays.dirty[row] = 1

    def state_records(self) -> dict[bytes, bytes]:
        """One record a pairing, keys beginning with `pair/`."""
        return {_PREFIX + key.text.encode(): self._encode(row) for row, key in enumerate(self.keys)}

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Records of the pairings changed since the last call."""
        for row in np.flatnonzero(self.arrays.dirty).tolist():
            yield _PREFIX + self.keys[row].text.encode(), self._encode(row)
        self.arrays.dirty[:] = 0

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Take over the records whose keys begin with `pair/`. Raises `StateCorrupt`."""
        for name in sorted(name for name in records if name.startswith(_PREFIX)):
            row = self.row_named(name.removeprefix(_PREFIX).decode())
            head, _, body = unframe(records[name], _STATE_VERSION).partition(b"\n")
            changed, heard, fields = msgspec.json.decode(head)
            self.attempts[row] = Attempt(**{**fields, **{name: tuple(fields.get(name, ())) for name in _TUPLES}})
            fixed = [getattr(self.arrays, field)[row] for field in _FIXED]
            size = sum(array.nbytes for array in fixed)
            read_rows(body[:size], fixed)
            lengths = self.arrays.length[row]
            places = [self.arrays.queue[row, s, side, : lengths[s, side]] for s, side in np.ndindex(lengths.shape)]
            read_rows(body[size:], places)
            self.arrays.changed[row], self.arrays.heard[row] = changed, heard
            self._derive(row)
        self.arrays.dirty[:] = 0

    def _row_of(self, key: PairKey) -> int:
        row = self._rows.get(key)
        if row is not None:
            return row
        row = len(self.keys)
        if row == self.arrays.active.shape[0]:
            grown = new_arrays(2 * row, len(self._plan.specs))
            copy_rows(self.arrays, grown)
            self.arrays = grown
        self._rows[key] = row
        self.keys.append(key)
        self.attempts.append(Attempt("", 0, False, 0.5, 0.05, 0.05, 1, ()))
        return row

    def _stop(self, row: int) -> None:
        self.attempts[row].active = False
        self.arrays.length[row] = 0
        self.arrays.heard[row] = 0

    def _derive(self, row: int) -> None:
        """What follows from the attempt and the sums: flags, blocks, limits and mixtures.

        Only the guard knows where harm is decided: by how many cohorts are left, by what α keeps for the pooled tests
        and for the watch. So whatever may be such a limit is between what is told at once.
        """
        attempt, rows = self.attempts[row], self.arrays
        leaf = self.keys[row][:3]
        self._moved.add(leaf)
        rows.active[row], rows.since[row] = attempt.active, attempt.since
        rows.guarded[row] = [name in attempt.guardrails for name in self._plan.names]
        rows.occurred[row] = [TOLD if name in attempt.never else NOT_YET for name in self._plan.names]
        rows.share[row] = attempt.share
        rows.block[row] = block_sizes(attempt.share)
        family = max(1, attempt.cohorts * len(attempt.guardrails))
        rows.limits[row, 0] = (math.log(1.0 / attempt.alpha), math.log(family / attempt.alpha) + _KEPT_NATS)
        rows.limits[row, 1] = math.log(1.0 / attempt.beta)
        for s in np.flatnonzero(rows.guarded[row]).tolist():
            rows.log_e[row, s] = (mixture_log_e(rows.harmful[row, s]), mixture_log_e(rows.non_inferior[row, s]))
        if attempt.active:
            self._live.setdefault(leaf, {})[attempt.rollout] = row
        else:
            self._live.get(leaf, {}).pop(attempt.rollout, None)

    def _encode(self, row: int) -> bytes:
        rows, attempt = self.arrays, self.attempts[row]
        fields = {name: getattr(attempt, name) for name in Attempt.__slots__}
        head = msgspec.json.encode((int(rows.changed[row]), int(rows.heard[row]), fields))
        fixed = b"".join([getattr(rows, name)[row].tobytes() for name in _FIXED])
        return frame(b"\n".join((head, fixed + b"".join(self._waiting(row)))), _STATE_VERSION)

    def _waiting(self, row: int) -> Iterator[bytes]:
        rows = self.arrays
        for s, side in zip(*np.nonzero(rows.length[row]), strict=True):
            places = (rows.head[row, s, side] + np.arange(rows.length[row, s, side])) % QUEUE
            yield rows.queue[row, s, side, places].tobytes()

"""Routes: where a trace's tags lead — cohort, pairing, release — checked once for each combination."""

import re
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

import numpy as np

from homeostat.detectors.leaf.arrays import (
    REMARK_LIMIT,
    REMARK_MISMATCH,
    REMARK_NONE,
    REMARK_UNKNOWN,
    RouteArrays,
)
from homeostat.detectors.leaf.cohorts import CohortStore
from homeostat.detectors.leaf.decode import Trace
from homeostat.detectors.leaf.find_route import TAGS, find_route
from homeostat.detectors.leaf.leaf_key import LeafKey
from homeostat.detectors.leaf.pairings import PairStore
from homeostat.detectors.leaf.plan import Plan
from homeostat.detectors.leaf.scan_words import FIELDS
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.policy import OnUnknown
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.trace import Arm

MAX_LEAVES_OF_TENANT: Final = 1024
_LIMIT: Final = 65_536
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")
_ID = re.compile(r"[0-9a-f][0-9a-f-]{14,62}[0-9a-f]")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ID_LETTERS = b"0123456789abcdef"
_NOBODY: Final = -1
_MOST_TAGS: Final = 512
"""Letters of a route's tags of good form, with their ends: three slugs of 64, an arm, a digest, an id."""
Tags = tuple[str, str, str, str, str, str, str | None]
_ARM: Final = 4
_RELEASE: Final = 5
Leaf = tuple[str, str, str]
"""(tenant, specialty, workflow)."""


class Route(NamedTuple):
    """A cohort's slot (−1 for one too many of its tenant), the rollout's pairing (−1), the release's number.

    `remark` is what is counted for each such record.
    """

    slot: int
    pair: int
    release: int
    remark: int


class Router:
    """Finds routes; those of before a change of documents are forgotten by `reset`, those of some leaves by `forget`.

    `arrays` is the scanner's table; a row of tenant −1 is of nobody.
    """

    def __init__(self, plan: Plan, cohorts: CohortStore, pairs: PairStore, releases: Collection[str]) -> None:
        self._plan, self._cohorts, self._pairs, self._releases = plan, cohorts, pairs, releases
        self.known: dict[Tags, Route] = {}
        self._untaught: frozenset[tuple[str, str, str, str]] = frozenset()
        self.arrays = _new_arrays(256)
        self._of_leaf: dict[Leaf, dict[Tags, int]] = {}
        self._slugs: set[str] = set()

    def reset(self, plan: Plan, releases: Collection[str]) -> None:
        """Forget the routes: documents have changed."""
        self._plan, self._releases = plan, releases
        self.known.clear()
        self._of_leaf.clear()
        self.arrays = _new_arrays(256)

    def forget(self, leaves: Collection[Leaf]) -> None:
        """Forget where sessions on trial in some leaves lead: their pairings have changed. All other routes stay."""
        for leaf in leaves:
            self._drop(leaf, [tags for tags in self._of_leaf.get(leaf, ()) if tags[_ARM] != Arm.BASELINE])

    def leave_untaught(self, places: frozenset[tuple[str, str, str, str]]) -> None:
        """Keep (tenant, specialty, workflow, release) from the scanner: each such trace is to be read one by one."""
        changed, self._untaught = places ^ self._untaught, places
        for tenant, specialty, workflow, release in changed:
            leaf = tenant, specialty, workflow
            self._drop(leaf, [tags for tags in self._of_leaf.get(leaf, ()) if tags[_RELEASE] == release])

    def _drop(self, leaf: Leaf, gone: Collection[Tags]) -> None:
        for tags in gone:
            number = self._of_leaf[leaf].pop(tags)
            self.known.pop(tags, None)
            if number >= 0:
                self.arrays.tenant[number] = _NOBODY

    def find(self, trace: Trace, tenant: int, now_ms: int) -> Route:
        """The route of a trace of good form, from now on found by the scanner too. Raises `PoisonRecord`.

        `tenant` is the tenant's number; the reason is UNKNOWN_RELEASE.
        """
        tags = tags_of(trace)
        route = self.known.get(tags)
        if route is None:
            route = self._build(LeafKey(*tags[:3], Arm(trace.arm)), trace.release, trace.rollout, now_ms)
            if len(self.known) >= _LIMIT:
                self.reset(self._plan, self._releases)
            self.known[tags] = route
            is_taught = (*tags[:3], trace.release) not in self._untaught
            self._of_leaf.setdefault(tags[:3], {})[tags] = self._teach(trace, tenant, route) if is_taught else -1
        return route

    def leaf_slot(self, key: LeafKey, now_ms: int) -> int:
        """A cohort's slot; −1 when its tenant has too many."""
        slot = self._cohorts.slots.get(key)
        if slot is not None:
            return slot
        if self._cohorts.count_of(key.tenant) >= MAX_LEAVES_OF_TENANT:
            return -1
        return self._cohorts.slot_of(key, now_ms)

    def part_at(self, time_ms: int) -> int:
        """The part of the week that a time is in."""
        return self._plan.part_at(time_ms)

    def has_good_form(self, trace: Trace) -> bool:
        """Whether tags, release and rollout have the contract's form (asked for a combination not known yet)."""
        tags = (trace.specialty, trace.workflow, trace.runtime)
        return (
            self.are_slugs(tags)
            and _DIGEST.fullmatch(trace.release) is not None
            and (trace.rollout is None or _ID.fullmatch(trace.rollout) is not None)
        )

    def are_slugs(self, words: Collection[str]) -> bool:
        """Whether all words are slugs; words seen before are not looked at again."""
        if self._slugs.issuperset(words):
            return True
        if not all(map(_SLUG.fullmatch, words)):
            return False
        if len(self._slugs) < _LIMIT:
            self._slugs.update(words)
        return True

    def _build(self, key: LeafKey, release: str, rollout: str | None, now_ms: int) -> Route:
        unknown = release not in self._releases
        if unknown and self._plan.policy.unknown_release is OnUnknown.REFUSE:
            raise PoisonRecord(Refusal.UNKNOWN_RELEASE)
        slot = self.leaf_slot(key, now_ms)
        if slot < 0:
            return Route(-1, -1, -1, REMARK_LIMIT)
        number = self._cohorts.number_release(release)
        pair = -1 if key.arm is Arm.BASELINE else self._pairs.find(*key[:3], rollout)
        if pair >= 0:
            declared = self._pairs.keys[pair]
            if release != (declared.candidate if key.arm is Arm.CANDIDATE else declared.control):
                return Route(slot, -1, number, REMARK_MISMATCH)
        return Route(slot, pair, number, REMARK_UNKNOWN if unknown else REMARK_NONE)

    def _teach(self, trace: Trace, tenant: int, route: Route) -> int:
        words = (trace.specialty, trace.workflow, trace.runtime, trace.arm, trace.release, trace.rollout)
        rows = self.arrays
        if 2 * rows.size[0] > rows.found.shape[0] or rows.starts[rows.size[0]] + _MOST_TAGS > rows.tags.shape[0]:
            self._rebuild()
        return _add(words, tenant, route, self.arrays)

    def _rebuild(self) -> None:
        """Make room, and leave out what is forgotten."""
        held = self.arrays
        alive = [number for number in range(int(held.size[0])) if held.tenant[number] != _NOBODY]
        self.arrays = _new_arrays(max(256, 1 << (2 * len(alive)).bit_length()))
        moved = {}
        for number in alive:
            tags = bytes(held.tags[held.starts[number] : held.starts[number + 1]]).decode().split("\n")
            words, route = [tag or None for tag in tags[:-1]], Route(*held.found[number].tolist())
            moved[number] = _add(words, int(held.tenant[number]), route, self.arrays)
        for known in self._of_leaf.values():
            known.update({tags: moved.get(number, -1) for tags, number in known.items()})


def _add(words: Collection[str | None], tenant: int, route: Route, rows: RouteArrays) -> int:
    """Add a route to a table with room for it; its number, −1 where its tags are there already."""
    text, spans = _lay_out(words)
    place = -1 - find_route(text, spans, tenant, rows)
    if place < 0:
        return -1
    number = int(rows.size[0])
    begin = int(rows.starts[number])
    rows.tags[begin : begin + len(text)] = text
    rows.starts[number + 1] = begin + len(text)
    rows.tenant[number] = tenant
    rows.found[number] = route
    rows.table[place] = number + 1
    rows.size[0] = number + 1
    return number


def tags_of(trace: Trace) -> Tags:
    """What makes a route."""
    return trace.tenant, trace.specialty, trace.workflow, trace.runtime, trace.arm, trace.release, trace.rollout


def are_ids(*ids: str) -> bool:
    """Whether all strings, each of 16 to 64 characters, are opaque ids."""
    if not "".join(ids).encode(errors="replace").translate(None, _ID_LETTERS):
        return True
    matches: Callable[[str], object] = _ID.fullmatch
    return all(map(matches, ids))


def _lay_out(
    words: Collection[str | None],
) -> "tuple[np.ndarray[tuple[int], np.dtype[np.uint8]], np.ndarray[tuple[int, int], np.dtype[np.int64]]]":
    """The tags' text as the table keeps it, each with a line's end after it, and the spans a scanner would find."""
    places, parts, end = [], [], 0
    for word in words:
        letters = b"" if word is None else word.encode()
        places.append((-1, -1) if word is None else (end, end + len(letters)))
        parts.append(letters)
        end += len(letters) + 1
    spans = np.full((FIELDS, 2), -1, np.int64)
    spans[list(TAGS)] = places
    return np.frombuffer(b"\n".join(parts) + b"\n", np.uint8), spans


def _new_arrays(routes: int) -> RouteArrays:
    return RouteArrays(
        table=np.zeros(4 * routes, np.int64),
        tenant=np.zeros(routes, np.int64),
        found=np.zeros((routes, 4), np.int64),
        tags=np.zeros(256 * routes, np.uint8),
        starts=np.zeros(routes + 1, np.int64),
        size=np.zeros(1, np.int64),
    )

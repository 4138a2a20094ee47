"""Routes: where a trace's tags lead — cohort, pairing, release — checked once for each combination."""

import re
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from homeostat.detectors.leaf.cohorts import CohortStore
from homeostat.detectors.leaf.decode import Trace
from homeostat.detectors.leaf.leaf_key import LeafKey
from homeostat.detectors.leaf.pairings import PairStore
from homeostat.detectors.leaf.plan import Plan
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


class Route(NamedTuple):
    """A cohort's slot (−1 for one too many of its tenant), the rollout's pairing (−1), the release's number.

    `remark` is what is counted for each such record.
    """

    slot: int
    pair: int
    release: int
    remark: str | None


class Router:
    """Finds routes; those of before a change of documents are forgotten by `reset`."""

    def __init__(self, plan: Plan, cohorts: CohortStore, pairs: PairStore, releases: Collection[str]) -> None:
        self._plan, self._cohorts, self._pairs, self._releases = plan, cohorts, pairs, releases
        self.known: dict[tuple[str | None, ...], Route] = {}
        self._slugs: set[str] = set()

    def reset(self, plan: Plan, releases: Collection[str]) -> None:
        """Forget the routes: documents have changed."""
        self._plan, self._releases = plan, releases
        self.known.clear()

    def find(self, trace: Trace, now_ms: int) -> Route:
        """The route of a trace whose tags have good form. Raises `PoisonRecord` (UNKNOWN_RELEASE)."""
        tags = (
            trace.tenant,
            trace.specialty,
            trace.workflow,
            trace.runtime,
            trace.arm,
            trace.release,
            trace.rollout,
        )
        route = self._build(LeafKey(*tags[:3], Arm(trace.arm)), trace.release, trace.rollout, now_ms)
        if len(self.known) >= _LIMIT:
            self.known.clear()
        self.known[tags] = route
        return route

    def leaf_slot(self, key: LeafKey, now_ms: int) -> int:
        """A cohort's slot; −1 when its tenant has too many."""
        slot = self._cohorts.slots.get(key)
        if slot is not None:
            return slot
        if self._cohorts.count_of(key.tenant) >= MAX_LEAVES_OF_TENANT:
            return -1
        return self._cohorts.slot_of(key, now_ms)

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
            return Route(-1, -1, -1, "cohort_limit")
        number = self._cohorts.number_release(release)
        pair = -1 if key.arm is Arm.BASELINE else self._pairs.find(*key[:3], rollout)
        if pair >= 0:
            declared = self._pairs.keys[pair]
            if release != (declared.candidate if key.arm is Arm.CANDIDATE else declared.control):
                return Route(slot, -1, number, "release_mismatch")
        return Route(slot, pair, number, "unknown_release" if unknown else None)


def are_ids(*ids: str) -> bool:
    """Whether all strings, each of 16 to 64 characters, are opaque ids."""
    if not "".join(ids).encode(errors="replace").translate(None, _ID_LETTERS):
        return True
    matches: Callable[[str], object] = _ID.fullmatch
    return all(map(matches, ids))

"""What the leaf sees of a release after it was taken back: work that still carries it, and the signals' return."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from pydantic import TypeAdapter

from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.leaf.decode import Trace
from homeostat.detectors.leaf.plan import Plan
from homeostat.detectors.leaf.pools import Home
from homeostat.detectors.leaf.returning import Returning, begin_returning
from homeostat.detectors.leaf.world import World
from homeostat.schemas.command import Acknowledgement, AckOutcome
from homeostat.schemas.decision import Decision
from homeostat.schemas.effect import Aftermath
from homeostat.schemas.policy import Policy
from homeostat.schemas.rollout import Mode, Rollout
from homeostat.schemas.withdrawal import CohortTags, list_promoted, list_withdrawn

_STATE_VERSION = 1
_PREFIX = b"aftermath/"
_REMEMBERED: Final = 64
"""Traces of a cohort that are recognised when they come again."""
_PATIENCE: Final = 20
_LONGEST_WAIT_MS: Final = 300_000
"""Nothing new is looked for after a twentieth of the time since the withdrawal, and after five minutes at most."""


class Place(NamedTuple):
    """Where a release should no longer be used."""

    tenant: str
    specialty: str
    workflow: str
    release: str


@dataclass
class Watch:
    """One cohort from which a rollout's candidate was taken back; log times, `targets` are the gateways' of the cohort.

    `acknowledged` are those of them that have confirmed since. With `promoted` it was promoted there, and
    nothing is counted.
    """

    rollout: str
    step: int
    tenant: str
    specialty: str
    workflow: str
    release: str
    since_ms: int
    until_ms: int
    targets: list[str]
    returning: Returning
    acknowledged: list[str] = field(default_factory=list)
    acknowledged_ms: int | None = None
    before: int = 0
    after: int = 0
    last_ms: int = 0
    seen: list[str] = field(default_factory=list)
    promoted: bool = False
    looked_ms: int = 0
    changed: bool = True

    @property
    def place(self) -> Place:
        return Place(self.tenant, self.specialty, self.workflow, self.release)

    @property
    def key(self) -> bytes:
        kind = "promoted" if self.promoted else "withdrawn"
        return _PREFIX + f"{kind}/{self.rollout}/{self.tenant}/{self.specialty}/{self.workflow}".encode()

    def is_due(self, bucket_ms: int, now_ms: int) -> bool:
        """Whether to look at it again: once a bucket, more rarely the longer it goes on without anything new.

        A withdrawal is watched for days; what a week has shown does not change within seconds.
        """
        wait_ms = bucket_ms
        if not self.changed and not self.promoted:
            wait_ms = max(wait_ms, min((now_ms - self.since_ms) // _PATIENCE, _LONGEST_WAIT_MS))
        return now_ms >= min(self.looked_ms + wait_ms, self.until_ms)

    def count(self, trace_id: str, now_ms: int) -> None:
        """Count one work that carries the release; a repeat of one that is remembered is none."""
        if trace_id in self.seen:
            return
        self.seen = [*self.seen, trace_id][-_REMEMBERED:]
        self.last_ms, self.changed = now_ms, True
        if self.acknowledged_ms is None:
            self.before += 1
        else:
            self.after += 1

    def confirm(self, target: str, now_ms: int) -> None:
        """Note that a gateway has confirmed; from the last of them on sessions show what is served instead."""
        if target in self.acknowledged:
            return
        self.acknowledged = [*self.acknowledged, target]
        if set(self.acknowledged) == set(self.targets):
            self.acknowledged_ms, self.changed = now_ms, True


_ADAPTER = TypeAdapter(Watch)


class AftermathBook:
    """Every watch of one partition, until its time is over. Nothing here is asked for a trace of another release."""

    def __init__(self, home: Home) -> None:
        """Acknowledgements come to a tenant's home only; a giant's shards elsewhere count what carries the release."""
        self._home = home
        self._watches: dict[bytes, Watch] = {}
        self._touched: set[bytes] = set()
        self.places: frozenset[Place] = frozenset()

    def begin(
        self,
        decision: Decision,
        rollout: Rollout,
        policy: Policy,
        world: World,
        acks: Iterable[Acknowledgement],
        now_ms: int,
    ) -> None:
        """Watch the cohorts that a decision has taken back; those that are watched already go on."""
        known, until_ms = list(acks), now_ms + round(policy.effects.watch_s * 1000)
        for cohort in list_withdrawn(decision, rollout):
            self._end_promoted(cohort, lambda of: of == rollout.rollout)
            if self._home.holds(cohort.tenant) or world.cohorts.count_of(cohort.tenant):
                self._begin(self._make(cohort, decision, rollout, world, now_ms, until_ms), known, now_ms, policy)
        watched_ms = now_ms + round(rollout.watch_s * 1000)
        for cohort in list_promoted(decision) if rollout.watch_s and rollout.mode is Mode.LIVE else ():
            if self._home.holds(cohort.tenant):
                watch = self._make(cohort, decision, rollout, world, now_ms, watched_ms)
                self._end_promoted(cohort, lambda of: of != rollout.rollout)
                self._begin(replace(watch, promoted=True), known, now_ms, policy)
        self._place()

    def forget(self, rollout: Rollout) -> None:
        """A rollout tries a release again: where it does, using it is nothing to be counted."""
        again = {Place(*cohort, rollout.candidate) for cohort in rollout.cohorts()}
        for key, watch in list(self._watches.items()):
            if watch.rollout != rollout.rollout and watch.place in again and not watch.promoted:
                self._drop(key)
        self._place()

    def acknowledge(self, ack: Acknowledgement, policy: Policy, now_ms: int) -> None:
        """Take a gateway's confirmation of what it was told after a release was taken back."""
        for watch in self._watches.values():
            self._confirm(watch, ack, now_ms, policy)

    def note(self, trace: Trace, now_ms: int) -> None:
        """Count a work, if it carries a release that was taken back from its cohort."""
        place = Place(trace.tenant, trace.specialty, trace.workflow, trace.release)
        if place not in self.places:
            return
        for watch in self._watches.values():
            if watch.place == place and not watch.promoted:
                watch.count(trace.trace_id, now_ms)
                self._touched.add(watch.key)

    def use(self, old: Plan, new: Plan) -> None:
        """Go on under another plan: what a signal meant before is not compared with what it means now."""
        changed = {name for name, at in old.column.items() if old.specs[at] != _spec_of(new, name)}
        for watch in self._watches.values():
            watch.returning.drop(changed)
            self._touched.add(watch.key)

    def tell(self, world: World, mark: int, now_ms: int) -> Iterator[Aftermath]:
        """At a tick: where it is due fold in sessions that closed, and say what changed.

        What a ring forgets until then is not folded in: a cohort so busy shows its return without it.
        """
        for key, watch in sorted(self._watches.items()):
            if not watch.is_due(world.plan.bucket_ms, now_ms):
                continue
            if watch.acknowledged_ms is not None and watch.returning.follow(world, watch.acknowledged_ms):
                watch.changed = True
            watch.looked_ms = now_ms
            self._touched.add(key)
            if watch.changed:
                watch.changed = False
                yield _say(watch, self._home.partition, mark, now_ms)
            if now_ms >= watch.until_ms:
                self._drop(key)
                self._place()

    def state_records(self) -> dict[bytes, bytes]:
        """One record a watch."""
        return {key: _encode(watch) for key, watch in self._watches.items()}

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Records changed since the last call."""
        touched, self._touched = self._touched, set()
        for key in sorted(touched):
            watch = self._watches.get(key)
            yield key, None if watch is None else _encode(watch)

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Take over the records whose keys begin with `aftermath/`. Raises `StateCorrupt`."""
        for key in sorted(key for key in records if key.startswith(_PREFIX)):
            self._watches[key] = _ADAPTER.validate_json(unframe(records[key], _STATE_VERSION))
        self._place()

    def _begin(self, watch: Watch, acks: Iterable[Acknowledgement], now_ms: int, policy: Policy) -> None:
        if watch.key in self._watches:
            return
        self._watches[watch.key] = watch
        self._touched.add(watch.key)
        for ack in acks:
            self._confirm(watch, ack, now_ms, policy)

    def _end_promoted(self, cohort: CohortTags, is_over: Callable[[str], bool]) -> None:
        """End the watch over what some rollouts have promoted in a cohort."""
        for key, watch in list(self._watches.items()):
            if watch.promoted and watch.place[:3] == cohort and is_over(watch.rollout):
                self._drop(key)

    def _make(
        self, cohort: CohortTags, decision: Decision, rollout: Rollout, world: World, now_ms: int, until_ms: int
    ) -> Watch:
        place = cohort.tenant, cohort.workflow
        targets = [
            entry.target.key
            for entry in rollout.targets
            if (entry.target.tenant, entry.target.workflow) == place and cohort.specialty in entry.specialties
        ]
        named = (rollout.rollout, decision.step, *cohort, rollout.candidate)
        returning = begin_returning(cohort, rollout.guardrails, world)
        is_home = self._home.holds(cohort.tenant)
        return Watch(*named, now_ms, until_ms, targets, returning, changed=is_home)

    def _confirm(self, watch: Watch, ack: Acknowledgement, now_ms: int, policy: Policy) -> None:
        skew_ms = round(policy.times.clock_skew_s * 1000)
        is_answer = ack.outcome is AckOutcome.APPLIED and ack.at_ms >= watch.since_ms - skew_ms
        if is_answer and ack.target.key in watch.targets:
            watch.confirm(ack.target.key, now_ms)
            self._touched.add(watch.key)

    def _drop(self, key: bytes) -> None:
        del self._watches[key]
        self._touched.add(key)

    def _place(self) -> None:
        self.places = frozenset(watch.place for watch in self._watches.values() if not watch.promoted)


def _spec_of(plan: Plan, name: str) -> object:
    at = plan.column.get(name)
    return None if at is None else plan.specs[at]


def _say(watch: Watch, partition: int, mark: int, now_ms: int) -> Aftermath:
    return Aftermath(
        rollout=watch.rollout,
        step=watch.step,
        source_partition=partition,
        mark=mark,
        log_time_ms=now_ms,
        tenant=watch.tenant,
        specialty=watch.specialty,
        workflow=watch.workflow,
        release=watch.release,
        since_ms=watch.since_ms,
        acknowledged_ms=watch.acknowledged_ms,
        traces_before=watch.before,
        traces_after=watch.after,
        last_ms=watch.last_ms,
        last_trace=watch.seen[-1] if watch.seen else None,
        sessions=watch.returning.sessions,
        promoted=watch.promoted,
        signals=watch.returning.describe(),
    )


def _encode(watch: Watch) -> bytes:
    return frame(_ADAPTER.dump_json(watch), _STATE_VERSION)

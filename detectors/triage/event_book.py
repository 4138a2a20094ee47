"""What triage keeps: open events, closed ones that people still read for, and rollouts; with what changed of them."""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from homeostat.detectors.triage.artifacts import Trial, read_trial
from homeostat.detectors.triage.open_event import OpenEvent
from homeostat.detectors.triage.timeline import RolloutTimeline
from homeostat.schemas.cohort import Cohort

MAX_CLOSED = 32
"""Closed events whose sample people were asked to read; beyond it the one that closed first is forgotten."""
_EVENT, _CLOSED, _ROLLOUT = b"event/", b"closed/", b"rollout/"


class _Index:
    """Open events by what they are of; who asks pays for those found, not for all that are open."""

    def __init__(self) -> None:
        self._of: dict[str, str | None] = {}
        self._events: dict[str | None, set[str]] = {}

    def put(self, event: str, key: str | None) -> None:
        if event not in self._of or self._of[event] != key:
            self.drop(event)
            self._of[event] = key
            self._events.setdefault(key, set()).add(event)

    def drop(self, event: str) -> None:
        if event in self._of:
            key = self._of.pop(event)
            self._events[key].discard(event)
            if not self._events[key]:
                del self._events[key]

    def find(self, key: str | None) -> list[str]:
        return sorted(self._events.get(key, ()))


class EventBook:
    """Events and rollouts by id, and the keys of the state records that changed."""

    def __init__(self) -> None:
        self._events: dict[str, OpenEvent] = {}
        self._closed: dict[str, OpenEvent] = {}
        self._rollouts: dict[str, RolloutTimeline] = {}
        self._changed: set[bytes] = set()
        self._by_rollout, self._by_tenant = _Index(), _Index()
        self._trials: Counter[Trial] = Counter()
        self._told: dict[str, Trial] = {}
        self._retold: set[str] = set()

    @property
    def events(self) -> Mapping[str, OpenEvent]:
        """The open events, by id."""
        return MappingProxyType(self._events)

    @property
    def closed(self) -> Mapping[str, OpenEvent]:
        """The closed events that people still read for, the one that closed first at the beginning."""
        return MappingProxyType(self._closed)

    @property
    def rollouts(self) -> Mapping[str, RolloutTimeline]:
        """The rollouts that the guard has spoken of."""
        return MappingProxyType(self._rollouts)

    @property
    def trials(self) -> Mapping[Trial, int]:
        """What rollouts that ended in a finding have shown, and how many of them."""
        for rollout in self._retold:
            before, now = self._told.pop(rollout, None), read_trial(self._rollouts[rollout])
            if before is not None:
                self._trials[before] -= 1
                if not self._trials[before]:
                    del self._trials[before]
            if now is not None:
                self._trials[now] += 1
                self._told[rollout] = now
        self._retold.clear()
        return MappingProxyType(self._trials)

    def of_rollout(self, rollout: str) -> list[OpenEvent]:
        """The open events of a rollout."""
        return [self._events[key] for key in self._by_rollout.find(rollout)]

    def around(self, scope: Cohort) -> list[OpenEvent]:
        """The open events that may overlap a cohort: all but those of other tenants."""
        if scope.tenant is None:
            return list(self._events.values())
        return [self._events[key] for tenant in (scope.tenant, None) for key in self._by_tenant.find(tenant)]

    def open(self, event: OpenEvent) -> None:
        """Begin an event."""
        self._events[event.event] = event
        self.touch(event)

    def touch(self, event: OpenEvent, dirty: bool = True) -> None:
        """Note that an event changed; `dirty` says that it is to be stated."""
        event.dirty = dirty
        is_open = event.event in self._events
        if is_open:
            self._find_by(event)
        prefix = _EVENT if is_open else _CLOSED
        self._changed.add(prefix + event.event.encode())

    def close(self, event: OpenEvent, mark: int) -> None:
        """End an event; it is kept while there is room if people were asked to read its sample."""
        self._events.pop(event.event)
        self._by_rollout.drop(event.event)
        self._by_tenant.drop(event.event)
        self._changed.add(_EVENT + event.event.encode())
        if not event.reviews.asked:
            return
        event.closed_at = mark
        self._closed[event.event] = event
        self._changed.add(_CLOSED + event.event.encode())
        if len(self._closed) > MAX_CLOSED:
            first = next(iter(self._closed))
            del self._closed[first]
            self._changed.add(_CLOSED + first.encode())

    def follow(self, rollout: str) -> RolloutTimeline:
        """Give a rollout's timeline to be changed."""
        self._changed.add(_ROLLOUT + rollout.encode())
        self._retold.add(rollout)
        return self._rollouts.setdefault(rollout, RolloutTimeline(rollout))

    def records(self) -> dict[bytes, bytes]:
        """Every state record."""
        events = {_EVENT + key.encode(): event.to_bytes() for key, event in self._events.items()}
        closed = {_CLOSED + key.encode(): event.to_bytes() for key, event in self._closed.items()}
        rollouts = {_ROLLOUT + key.encode(): timeline.to_bytes() for key, timeline in self._rollouts.items()}
        return {**events, **closed, **rollouts}

    def drain(self) -> list[tuple[bytes, bytes | None]]:
        """The records that changed since the last call; None for one that is gone."""
        changed, self._changed = self._changed, set()
        return [(key, self._encode(key)) for key in sorted(changed)]

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Load what `records` gave; other keys are passed over. Raises `StateCorrupt`."""
        events = [OpenEvent.from_bytes(data) for key, data in records.items() if key.startswith(_EVENT)]
        closed = [OpenEvent.from_bytes(data) for key, data in records.items() if key.startswith(_CLOSED)]
        timelines = [RolloutTimeline.from_bytes(data) for key, data in records.items() if key.startswith(_ROLLOUT)]
        self._events = {each.event: each for each in sorted(events, key=lambda each: (each.opened_at, each.event))}
        self._closed = {each.event: each for each in sorted(closed, key=lambda each: (each.closed_at, each.event))}
        self._rollouts = {timeline.rollout: timeline for timeline in timelines}
        self._retold.update(self._rollouts)
        for event in self._events.values():
            self._find_by(event)

    def _find_by(self, event: OpenEvent) -> None:
        self._by_rollout.put(event.event, event.rollout)
        self._by_tenant.put(event.event, event.scope.tenant)

    def _encode(self, key: bytes) -> bytes | None:
        if key.startswith(_ROLLOUT):
            return self._rollouts[key.removeprefix(_ROLLOUT).decode()].to_bytes()
        if key.startswith(_CLOSED):
            closed = self._closed.get(key.removeprefix(_CLOSED).decode())
            return None if closed is None else closed.to_bytes()
        event = self._events.get(key.removeprefix(_EVENT).decode())
        return None if event is None else event.to_bytes()

"""What triage keeps: open events, closed ones that people still read for, and rollouts; with what changed of them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from homeostat.detectors.triage.artifacts import Trial, list_trials
from homeostat.detectors.triage.open_event import OpenEvent
from homeostat.detectors.triage.timeline import RolloutTimeline

MAX_CLOSED = 32
"""Closed events whose sample people were asked to read; beyond it the one that closed first is forgotten."""
_EVENT, _CLOSED, _ROLLOUT = b"event/", b"closed/", b"rollout/"


class EventBook:
    """Events and rollouts by id, and the keys of the state records that changed."""

    def __init__(self) -> None:
        self._events: dict[str, OpenEvent] = {}
        self._closed: dict[str, OpenEvent] = {}
        self._rollouts: dict[str, RolloutTimeline] = {}
        self._changed: set[bytes] = set()
        self._trials: list[Trial] | None = None

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
    def trials(self) -> Sequence[Trial]:
        """The rollouts that ended in a finding; listed anew after one of them was spoken of."""
        if self._trials is None:
            self._trials = list_trials(self._rollouts.values())
        return self._trials

    def open(self, event: OpenEvent) -> None:
        """Begin an event."""
        self._events[event.event] = event
        self.touch(event)

    def touch(self, event: OpenEvent, dirty: bool = True) -> None:
        """Note that an event changed; `dirty` says that it is to be stated."""
        event.dirty = dirty
        prefix = _EVENT if event.event in self._events else _CLOSED
        self._changed.add(prefix + event.event.encode())

    def close(self, event: OpenEvent, mark: int) -> None:
        """End an event; it is kept while there is room if people were asked to read its sample."""
        self._events.pop(event.event)
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
        self._trials = None
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
        self._trials = None

    def _encode(self, key: bytes) -> bytes | None:
        if key.startswith(_ROLLOUT):
            return self._rollouts[key.removeprefix(_ROLLOUT).decode()].to_bytes()
        if key.startswith(_CLOSED):
            closed = self._closed.get(key.removeprefix(_CLOSED).decode())
            return None if closed is None else closed.to_bytes()
        event = self._events.get(key.removeprefix(_EVENT).decode())
        return None if event is None else event.to_bytes()

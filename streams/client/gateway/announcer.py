"""Says what each target serves, when that changes: to `release.served.v1`, and to whoever keeps a view of it."""

from collections.abc import Sequence
from typing import Protocol

from homeostat.schemas.canonical import digest_bytes, to_json
from homeostat.schemas.command import DesiredState
from homeostat.schemas.served import Served, ServedExposure, ServedVariant
from homeostat.schemas.topics import SERVED
from homeostat.streams.client.gateway.core import TargetView
from homeostat.streams.client.gateway.lease_clock import Moment
from homeostat.streams.client.gateway.store import GatewayStore, Outgoing
from homeostat.streams.signing import Signer


class Listener(Protocol):
    """What is told the present state of every target, at each look."""

    def look(self, views: Sequence[TargetView], now: Moment) -> None: ...


class Announcer:
    """A listener that queues a `Served` for every target whose served part is another than the last one told."""

    def __init__(self, store: GatewayStore, signer: Signer) -> None:
        self._store, self._signer = store, signer
        self._told = store.load_served()
        self._seen: dict[str, tuple[DesiredState, tuple[bool, ...]]] = {}

    def look(self, views: Sequence[TargetView], now: Moment) -> None:
        """Compare every target with what was last told of it, over restarts too."""
        for view in views:
            shown = view.state, tuple(each.alive for each in view.exposures)
            if self._seen.get(view.state.target.key) == shown:
                continue
            served = describe_served(view, now.wall_ms)
            facts = digest_bytes(to_json(served.model_copy(update={"at_ms": 0})))
            if self._told.get(served.target.key) != facts:
                envelope = self._signer.sign(to_json(served), Served.ce_type)
                key = served.target.key
                self._store.announce(key, facts, Outgoing(SERVED, key.encode(), Served.ce_type, envelope))
                self._told[key] = facts
            self._seen[view.state.target.key] = shown


def describe_served(view: TargetView, at_ms: int) -> Served:
    """What a target serves now: its desired state less the exposures that no lease permits."""
    state = view.state
    exposures = (each.exposure for each in view.exposures if each.alive)
    return Served(
        target=state.target,
        generation=state.generation,
        baseline=state.baseline,
        exposures=tuple(
            ServedExposure(
                specialties=each.specialties,
                release=each.candidate,
                rollout=each.rollout,
                step=each.step,
                share=each.share,
                mode=each.mode,
            )
            for each in exposures
        ),
        variants=tuple(ServedVariant(specialties=each.specialties, release=each.release) for each in state.variants),
        at_ms=at_ms,
    )

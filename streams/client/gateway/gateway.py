"""`Gateway`: follows desired states and leases, obeys what holds, ends what lapses, reports and acknowledges."""

import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Self

import structlog
from confluent_kafka import Message as KafkaMessage

from homeostat.detectors.trust import TrustStore
from homeostat.schemas.canonical import digest_bytes
from homeostat.schemas.command import DesiredState
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.exposure import MAX_STARTS, SessionStart
from homeostat.schemas.lease import Lease
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.rollout import Target
from homeostat.schemas.topics import COMMANDS
from homeostat.schemas.trace import Arm, OutputProperty
from homeostat.streams import failpoints, metrics
from homeostat.streams.client.gateway.announcer import Announcer, Listener
from homeostat.streams.client.gateway.core import GatewayCore, Serving, TargetView
from homeostat.streams.client.gateway.lease_clock import HeldLease, LeaseState, Moment
from homeostat.streams.client.gateway.outbox import Outbox
from homeostat.streams.client.gateway.statements import Statements
from homeostat.streams.client.gateway.store import GatewayStore
from homeostat.streams.client.gateway.topic_follower import TopicFollower
from homeostat.streams.client.gateway.webhook import Webhook, WebhookSender
from homeostat.streams.clock import Clock, SystemClock
from homeostat.streams.settings import KafkaSettings
from homeostat.streams.signing import Signer

_REMEMBERED_SESSIONS = 100_000

log = structlog.get_logger(__name__)


class Gateway:
    """What a deployment gateway embeds.

    `serve` answers from memory and never waits for Kafka: with the broker gone the last desired state stands, and
    exposure ends with its lease. `report_interval_s` is the longest time that a session's start stays unreported.
    """

    def __init__(
        self,
        name: str,
        kafka: KafkaSettings,
        trust: TrustStore,
        signer: Signer,
        store: GatewayStore,
        clock: Clock | None = None,
        report_interval_s: float = 0.5,
        listeners: Sequence[Listener] = (),
        webhook: Webhook | None = None,
    ) -> None:
        self.name = name
        self._clock = clock or SystemClock()
        self._store, self._says = store, Statements(name, signer)
        self._core = GatewayCore.load(name, trust, store)
        self._lock, self._looking = threading.Lock(), threading.Lock()
        self._starts: dict[tuple[str, str], list[SessionStart]] = {}
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._since = store.load_since()
        self._follower = TopicFollower(name, kafka, self._on_messages)
        self._outbox = Outbox(name, kafka, store, self._flush, report_interval_s)
        self._listeners = [Announcer(store, signer), *listeners]
        self._webhook = None if webhook is None else WebhookSender(name, webhook, store)

    def start(self) -> None:
        """Begin to follow and to report, in threads of their own."""
        self._follower.start()
        self._outbox.start()
        if self._webhook is not None:
            self._webhook.start()

    def close(self) -> None:
        """Stop following, hand over what is waiting, and close the store."""
        self._follower.stop()
        self._outbox.stop()
        if self._webhook is not None:
            self._webhook.stop()
        self._store.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    @property
    def caught_up(self) -> bool:
        """Whether everything that was on the topics when this process began has been read."""
        return self._follower.caught_up

    def states(self) -> list[DesiredState]:
        """What every target has been told to serve."""
        with self._lock:
            return list(self._core.states.values())

    def view(self) -> tuple[list[TargetView], Moment]:
        """Every target as it stands at the moment that comes with it, by target key."""
        with self._lock:
            now = self._now()
            return self._core.view(now), now

    def find_target(self, tenant: str, workflow: str) -> TargetView | None:
        """One target as it stands now; None where it has no desired state."""
        key = Target(gateway=self.name, tenant=tenant, workflow=workflow).key
        with self._lock:
            return self._core.view_target(key, self._now())

    def since_ms(self, target: str) -> int | None:
        """When a target's present state was applied; None for a target without one."""
        return self._since.get(target)

    def leases(self) -> tuple[list[HeldLease], Moment]:
        """Every lease renewal that this process has seen, the newest of each lease, and now."""
        with self._lock:
            return self._core.leases(), self._now()

    def count_exposed(self) -> int:
        """Target × specialty pairs that would be given a candidate now."""
        with self._lock:
            return self._core.count_exposed(self._now())

    def serve(
        self,
        tenant: str,
        workflow: str,
        specialty: str,
        session: str,
        properties: Collection[OutputProperty] = (),
    ) -> Serving | None:
        """What this session gets now; None where the target has no desired state. Rollouts' starts are reported.

        `properties` are what the work is about: a rollout's flag may leave such work as it is.
        """
        now = self._now()
        target = Target(gateway=self.name, tenant=tenant, workflow=workflow)
        with self._lock:
            serving = self._core.serve(target, specialty, session, now, properties)
            if serving is not None and serving.rollout is not None:
                self._note_start(target, specialty, session, serving, now)
                if serving.shadow is not None:
                    beside = serving._replace(arm=Arm.CANDIDATE, release=serving.shadow.release)
                    self._note_start(target, specialty, serving.shadow.session, beside, now)
        return serving

    def _note_start(self, target: Target, specialty: str, session: str, serving: Serving, now: Moment) -> None:
        rollout = serving.rollout or ""
        if (rollout, session) in self._seen:
            return
        self._seen[rollout, session] = None
        if len(self._seen) > _REMEMBERED_SESSIONS:
            self._seen.popitem(last=False)
        start = serving.start(specialty, session, now.wall_ms)
        self._starts.setdefault((target.tenant, target.workflow), []).append(start)
        metrics.GATEWAY_STARTS.labels(arm=serving.arm.value).inc()

    def _flush(self) -> None:
        self._flush_starts()
        self.look()

    def look(self) -> None:
        """Tell every listener how each target stands now; leases lapse without anybody saying so."""
        with self._looking:
            views, now = self.view()
            for listener in self._listeners:
                listener.look(views, now)

    def _look_at_once(self) -> None:
        """Not at the next interval, and not behind a broker that does not answer; reading up, the interval will do."""
        if self.caught_up:
            self.look()

    def _flush_starts(self) -> None:
        with self._lock:
            batches, self._starts = self._starts, {}
        for (tenant, workflow), starts in batches.items():
            for first in range(0, len(starts), MAX_STARTS):
                self._store.add_report(
                    self.name, tenant, workflow, starts[first : first + MAX_STARTS], self._says.report
                )

    def _on_messages(self, messages: Sequence[KafkaMessage]) -> None:
        """Obey commands before leases: there are many renewals, and one transaction keeps all of them."""
        leases = []
        for message in messages:
            value = message.value()
            if value is None:
                continue
            if message.topic() == COMMANDS:
                self.take(COMMANDS, message.key() or b"", value)
            else:
                leases.append(value)
        self._on_leases(leases)

    def take(self, topic: str, key: bytes, value: bytes) -> None:
        """Obey or refuse one record of the commands or the leases; a refusal is counted, and answered if readable."""
        if topic != COMMANDS:
            self._on_leases([value])
        elif key.startswith(f"{self.name}/".encode()):
            self._on_command(key, value)

    def _on_command(self, key: bytes, envelope: bytes) -> None:
        try:
            with self._lock:
                offered = self._core.check_state(key, envelope)
        except (SignatureRefused, PoisonRecord) as error:
            self._refuse(envelope, error)
            return
        acknowledgement = self._says.acknowledge(offered.state, offered.state_digest, self._clock.wall_ms())
        if offered.repeat:
            self._store.acknowledge(acknowledgement)
            return
        failpoints.hit("gateway.before_apply")
        at_ms = self._clock.wall_ms()
        post = None if self._webhook is None else envelope
        self._store.apply(offered.state, offered.state_digest, acknowledgement, at_ms, post)
        with self._lock:
            self._core.obey(offered)
            self._since[offered.state.target.key] = at_ms
        failpoints.hit("gateway.applied_before_ack")
        self._outbox.wake()
        self._look_at_once()
        if self._webhook is not None:
            self._webhook.wake()
        metrics.GATEWAY_STATES.labels(outcome="applied").inc()
        log.info("desired state applied", target=offered.state.target.key, generation=offered.state.generation)

    def _refuse(self, envelope: bytes, error: SignatureRefused | PoisonRecord) -> None:
        metrics.GATEWAY_STATES.labels(outcome=error.reason.value).inc()
        log.warning("desired state refused", reason=error.reason.value, detail=error.detail)
        claimed = _read_claim(envelope)
        if claimed is not None and claimed[0].target.gateway == self.name:
            state, digest = claimed
            self._store.acknowledge(self._says.acknowledge(state, digest, self._clock.wall_ms(), error.reason))
            self._outbox.wake()

    def _on_leases(self, envelopes: Sequence[bytes]) -> None:
        newer = [renewed for envelope in envelopes if (renewed := self._renew(envelope)) is not None]
        if not newer:
            return
        self._store.note_renewals([(lease.lease, lease.renewal) for lease, _, _ in newer])
        ended = any(LeaseState.ALIVE is before is not after for _, before, after in newer)
        if any(before is not after for _, before, after in newer):
            self._outbox.wake()
        if ended:
            self._look_at_once()

    def _renew(self, envelope: bytes) -> tuple[Lease, LeaseState, LeaseState] | None:
        """A renewal that counts, with what its lease permitted before and permits now; None for any other."""
        try:
            lease = self._core.check_lease(envelope)
        except (SignatureRefused, PoisonRecord) as error:
            metrics.GATEWAY_LEASES.labels(outcome=error.reason.value).inc()
            log.warning("lease refused", reason=error.reason.value)
            return None
        with self._lock:
            now = self._now()
            before, newer = self._core.judge_lease(lease.lease, now), self._core.renew(lease, now)
            after = self._core.judge_lease(lease.lease, now)
        outcome = ("renewed" if after is LeaseState.ALIVE else str(after)) if newer else "old"
        metrics.GATEWAY_LEASES.labels(outcome=outcome).inc()
        return (lease, before, after) if newer else None

    def _now(self) -> Moment:
        return Moment(self._clock.wall_ms(), self._clock.mono_ms())


def _read_claim(envelope: bytes) -> tuple[DesiredState, str] | None:
    """What a refused envelope says it is, to answer it; None where it says nothing readable."""
    try:
        _, payload = read_envelope(envelope)
        return parse_message(DesiredState, payload)[0], digest_bytes(payload)
    except (SignatureRefused, PoisonRecord):
        return None

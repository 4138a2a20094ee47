"""The gateway of a scenario: obeys desired states and leases in log time, gives sessions their arms, reports starts."""

from homeostat.schemas.canonical import derive_id, digest_bytes, to_json
from homeostat.schemas.command import Acknowledgement, AckOutcome, DesiredState
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.errors import SignatureRefused
from homeostat.schemas.exposure import MAX_STARTS, ExposureReport, SessionStart
from homeostat.schemas.headers import DSSE_CONTENT, event_headers
from homeostat.schemas.log import LogRecord, Output
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Target
from homeostat.schemas.topics import ACKS, COMMANDS, LEASES, TRACES
from homeostat.schemas.trace import Arm
from homeostat.streams.backtest.platform import Platform
from homeostat.streams.client.gateway.core import GatewayCore
from homeostat.streams.client.gateway.lease_clock import LeaseClock, Moment
from homeostat.streams.scenarios.releases import GATEWAY
from homeostat.streams.scenarios.wire import Served

NO_ROLLOUT = derive_id("no rollout")
"""What a start of a session outside every rollout names in its report."""


class ScenarioGateway:
    """The rules of the real gateway over the topology's own topics, on its clock."""

    def __init__(self, platform: Platform) -> None:
        self._topology = platform.topology
        self._signer = next(m.signer for m in platform.keys.members if m.signer.role is SignerRole.GATEWAY)
        self._core = GatewayCore(GATEWAY, platform.keys.trust(), {}, LeaseClock({}))
        self._read: dict[tuple[str, int], int] = {}
        self._starts: dict[tuple[str, str], list[SessionStart]] = {}
        self._sequence: dict[tuple[str, str], tuple[int, int]] = {}

    def follow(self, now_ms: int) -> bool:
        """Take over what was written since the last call; True where an acknowledgement was sent."""
        now, answered = Moment(now_ms, now_ms), False
        for record in self._new(LEASES):
            if record.value is not None:
                self._core.renew(self._core.check_lease(record.value), now)
        for record in self._new(COMMANDS):
            if record.value is not None:
                self._obey(record.key or b"", record.value, now_ms)
                answered = True
        return answered

    def serve(self, tenant: str, specialty: str, workflow: str, session: str, at_ms: int) -> Served | None:
        """What a session gets; None for a target without a desired state."""
        target = Target(gateway=GATEWAY, tenant=tenant, workflow=workflow)
        serving = self._core.serve(target, specialty, session, Moment(at_ms, at_ms))
        return None if serving is None else Served(serving.release, serving.arm.value, serving.rollout)

    def note_start(self, tenant: str, specialty: str, workflow: str, session: str, served: Served, at_ms: int) -> None:
        """Remember a start for the next report."""
        start = SessionStart(
            specialty=specialty,
            rollout=served.rollout or NO_ROLLOUT,
            arm=Arm(served.arm),
            session=session,
            started_at_ms=at_ms,
        )
        self._starts.setdefault((tenant, workflow), []).append(start)

    def report(self, at_ms: int) -> None:
        """Send what has started since the last report."""
        waiting, self._starts = self._starts, {}
        for (tenant, workflow), starts in waiting.items():
            for first in range(0, len(starts), MAX_STARTS):
                self._topology.send(self._sign_report(tenant, workflow, starts[first : first + MAX_STARTS], at_ms))

    def _new(self, topic: str) -> list[LogRecord]:
        found: list[LogRecord] = []
        for part in range(self._topology.logs.partitions(topic)):
            log = self._topology.logs.log(topic, part)
            found += log.read(self._read.get((topic, part), 0))
            self._read[topic, part] = log.count()
        return found

    def _obey(self, key: bytes, envelope: bytes, now_ms: int) -> None:
        outcome, reason = AckOutcome.APPLIED, None
        try:
            offered = self._core.check_state(key, envelope)
            self._core.obey(offered)
            state, digest = offered.state, offered.state_digest
        except SignatureRefused as error:
            payload = read_envelope(envelope)[1]
            state, digest = parse_message(DesiredState, payload)[0], digest_bytes(payload)
            outcome, reason = AckOutcome.REFUSED, error.reason
        answer = Acknowledgement(
            gateway=GATEWAY,
            target=state.target,
            generation=state.generation,
            state_digest=digest,
            outcome=outcome,
            reason=reason,
            at_ms=now_ms,
        )
        self._send(ACKS, state.target.key.encode(), to_json(answer), answer.ce_type, f"ack-{digest[7:39]}", now_ms)

    def _sign_report(self, tenant: str, workflow: str, starts: list[SessionStart], at_ms: int) -> Output:
        sequence, total = self._sequence.get((tenant, workflow), (0, 0))
        sequence, total = self._sequence[tenant, workflow] = sequence + 1, total + len(starts)
        report = ExposureReport(
            gateway=GATEWAY,
            tenant=tenant,
            workflow=workflow,
            sequence=sequence,
            total_starts=total,
            starts=tuple(starts),
        )
        event_id = f"{tenant}-{workflow}-{sequence}"
        return self._sign(TRACES, tenant.encode(), to_json(report), report.ce_type, event_id, at_ms)

    def _send(self, topic: str, key: bytes, payload: bytes, ce_type: str, event_id: str, at_ms: int) -> None:
        self._topology.send(self._sign(topic, key, payload, ce_type, event_id, at_ms))

    def _sign(self, topic: str, key: bytes, payload: bytes, ce_type: str, event_id: str, at_ms: int) -> Output:
        headers = event_headers(ce_type, event_id, f"/homeostat/gateway/{GATEWAY}", DSSE_CONTENT)
        return Output(topic, key, self._signer.sign(payload, ce_type), at_ms, headers)

"""Traces as they go on the wire: checked against the contract and authenticated, without a broker."""

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from homeostat.schemas.base import Message
from homeostat.schemas.canonical import to_json
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.headers import TRACEPARENT, event_headers
from homeostat.schemas.mac import MAC_HEADER, authenticate_trace, encode_mac, issue_work_token, start_trace_mac
from homeostat.schemas.parsing import explain_invalid
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.signal import SignalSpec
from homeostat.schemas.trace import FeedbackKind, FeedbackTrace, WorkTrace
from homeostat.streams.client.tenant_key import TenantKey
from homeostat.streams.client.trace_fields import FeedbackFields, WorkFields
from homeostat.streams.client.work_token import WorkToken

M = TypeVar("M", bound=Message)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class WireRecord(NamedTuple):
    """One record for `traces.v1`, in CloudEvents' binary mode."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class TraceWriter:
    """Builds and authenticates the traces of one tenant's runtime. Pure but for fresh ids; safe in any thread."""

    def __init__(
        self,
        tenant_key: TenantKey,
        runtime: str,
        signals: Iterable[SignalSpec] | None = None,
        max_value_bytes: int = 65_536,
    ) -> None:
        """With `signals`, a policy's registry, unknown ones and values out of range are refused here already."""
        self.tenant = tenant_key.tenant
        self._master_id = tenant_key.master_id
        self._secret = tenant_key.secret()
        self._keyed = start_trace_mac(self._secret)
        self._runtime = runtime
        self._registry = None if signals is None else {signal.name: signal for signal in signals}
        self._max_value_bytes = max_value_bytes

    def build_work(self, fields: WorkFields, now_ms: int) -> WorkTrace:
        """A work trace; ids that are not given are new, its time is now. Raises `PoisonRecord`."""
        trace_id = fields.get("trace_id") or uuid.uuid4().hex
        told = {"work_id": trace_id, "work_time_ms": now_ms, **fields, "trace_id": trace_id}
        return _build(WorkTrace, {"tenant": self.tenant, "runtime": self._runtime, **told})

    def build_feedback(self, token: WorkToken, feedback: FeedbackKind, fields: FeedbackFields) -> FeedbackTrace:
        """Feedback on the work of a token. Raises `PoisonRecord`."""
        trace_id = fields.get("trace_id") or uuid.uuid4().hex
        told = {**token.tags(), **fields, "trace_id": trace_id, "feedback": feedback, "work_token": token.mac}
        return _build(FeedbackTrace, told)

    def issue_token(self, trace: WorkTrace) -> WorkToken:
        """The token that feedback on this trace needs."""
        return WorkToken.of(trace, self.issue_mac(trace))

    def issue_mac(self, trace: WorkTrace | FeedbackTrace) -> str:
        """The `work_token` of the work that a trace is of or about."""
        decisive = (trace.work_id, trace.work_time_ms, trace.release, trace.arm, trace.session)
        return issue_work_token(self._secret, self._master_id, *decisive)

    def write(self, trace: WorkTrace | FeedbackTrace, traceparent: str | None = None) -> WireRecord:
        """The record of a trace. Raises `PoisonRecord`: WRONG_TENANT, OVERSIZE, what the registry refuses."""
        value = to_json(trace)
        if trace.tenant != self.tenant:
            raise PoisonRecord(Refusal.WRONG_TENANT, "this key speaks for another tenant")
        if len(value) > self._max_value_bytes:
            raise PoisonRecord(Refusal.OVERSIZE, f"{len(value)} bytes > {self._max_value_bytes}")
        if traceparent is not None and not _TRACEPARENT.fullmatch(traceparent):
            raise PoisonRecord(Refusal.SCHEMA, "traceparent is not one of W3C Trace Context")
        if self._registry is not None:
            _check_signals(self._registry, trace.signals)
        record = self.authenticate(trace.ce_type, trace.trace_id, f"/runtimes/{trace.runtime}", value)
        if traceparent is not None:
            record.headers.append((TRACEPARENT, traceparent.encode()))
        return record

    def authenticate(self, ce_type: str, event_id: str, source: str, value: bytes) -> WireRecord:
        """Any message's bytes under this tenant's MAC."""
        mac = encode_mac(self._master_id, authenticate_trace(self._keyed, event_id.encode(), value))
        headers = [*event_headers(ce_type, event_id, source), (MAC_HEADER, mac)]
        return WireRecord(self.tenant.encode(), value, headers)


def _build(model: type[M], fields: dict[str, Any]) -> M:
    try:
        return model(**fields)
    except ValidationError as error:
        raise explain_invalid(model, error) from None


def _check_signals(registry: Mapping[str, SignalSpec], signals: Mapping[str, float]) -> None:
    for name, value in signals.items():
        if name not in registry:
            raise PoisonRecord(Refusal.UNKNOWN_SIGNAL, f"{name} is not in the policy's registry")
        registry[name].scale(value)

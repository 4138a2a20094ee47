"""What the ceiling and the hand-tuned loop share: MAC and msgspec over a batch of messages."""

from collections.abc import Sequence
from hmac import compare_digest
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from bench.throughput.peers.authenticate import MASTER_PREFIX, KeyedStates, TraceRefused
from bench.throughput.policy import bench_signals
from homeostat.schemas.headers import CE_ID
from homeostat.schemas.mac import MAC_HEADER

_Id = Annotated[str, Meta(min_length=16, max_length=64)]
_Tag = Annotated[str, Meta(min_length=1, max_length=64)]

Signals: Any = msgspec.defstruct(
    "Signals",
    [(spec.name, Annotated[float, Meta(ge=spec.low, le=spec.high)]) for spec in bench_signals()],
    forbid_unknown_fields=True,
    gc=False,
)


class Trace(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A work trace, closed, as the input has them."""

    trace_id: _Id
    tenant: _Tag
    specialty: _Tag
    workflow: _Tag
    runtime: _Tag
    release: Annotated[str, Meta(min_length=71, max_length=71)]
    arm: Literal["baseline", "control", "candidate"]
    consent: Literal["tenant", "shared"]
    session: _Id
    actor: _Id
    work_id: _Id
    work_time_ms: Annotated[int, Meta(ge=0)]
    signals: Signals


class BatchDecoder:
    """Authenticates and decodes; control records, which carry no MAC, are passed over."""

    def __init__(self, master: bytes) -> None:
        self._states = KeyedStates(master)
        self._decode = msgspec.json.Decoder(Trace).decode

    def decode(self, messages: Sequence[Any]) -> list[Trace]:
        """The traces of a batch. Raises `TraceRefused`."""
        states, decode, traces = self._states, self._decode, []
        for message in messages:
            headers = message.headers()
            name, mac = headers[-1]
            if name != MAC_HEADER:
                continue
            key, value, event_id = message.key(), message.value(), _find_id(headers)
            state = states[key].copy()
            state.update(len(event_id).to_bytes(2, "big") + event_id)
            state.update(value)
            if not compare_digest(mac, MASTER_PREFIX + state.hexdigest().encode()):
                raise TraceRefused(f"MAC of {event_id!r}")
            trace = decode(value)
            if trace.tenant.encode() != key:
                raise TraceRefused(f"{trace.tenant} under the key {key!r}")
            traces.append(trace)
        return traces


def _find_id(headers: list[tuple[str, bytes]]) -> bytes:
    name, value = headers[1]
    if name == CE_ID:
        return value
    return dict(headers)[CE_ID]

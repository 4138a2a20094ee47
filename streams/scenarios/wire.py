"""Traces of a scenario as bytes: the contract's fields in its order, authenticated with the tenant's key."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from homeostat.schemas.base import VERSION
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.headers import event_headers
from homeostat.schemas.log import Output
from homeostat.schemas.mac import MAC_HEADER, authenticate_trace, encode_mac, issue_work_token, start_trace_mac
from homeostat.schemas.topics import TRACES
from homeostat.schemas.trace import FeedbackKind, FeedbackTrace, WorkTrace
from homeostat.streams.key_set import FIRST_MASTER
from homeostat.streams.scenarios.bodies import Body

_ENCODER = msgspec.json.Encoder()


class Served(NamedTuple):
    """What a session got from the gateway."""

    release: str
    arm: str
    rollout: str | None


class Work(NamedTuple):
    """The tags of one record of work."""

    tenant: str
    specialty: str
    workflow: str
    session: str
    actor: str
    work_ms: int
    served: Served


class TenantWire:
    """Writes one tenant's records."""

    def __init__(self, tenant: str, secret: bytes, runtime: str, consent: str) -> None:
        self._secret, self._keyed = secret, start_trace_mac(secret)
        self._key, self._runtime, self._consent = tenant.encode(), runtime, consent
        self._source = f"/runtimes/{runtime}"

    def write_work(self, trace_id: str, work: Work, body: Body, row: int, factors: Mapping[str, float]) -> bytes:
        """The value of a work trace; `factors` are those of signals that are sent in wrong units."""
        told = {
            **self._tags(trace_id, trace_id, work),
            "signals": {name: value * factors.get(name, 1.0) for name, value in body.work[row].items()},
            "categories": body.categories[row],
            "kind": "work",
            "age_band": body.ages[row],
            "sex_band": body.sexes[row],
            "steps": body.steps[row],
            "output_properties": (),
            "retrieval": body.retrieval[row],
            "tools": body.tools[row],
            "embedding": body.embedding[row],
        }
        return _ENCODER.encode(told)

    def write_feedback(self, trace_id: str, work_id: str, work: Work, body: Body, row: int) -> bytes:
        """The value of feedback on it."""
        served = work.served
        token = issue_work_token(
            self._secret, FIRST_MASTER, work_id, work.work_ms, served.release, served.arm, work.session
        )
        told = {
            **self._tags(trace_id, work_id, work),
            "signals": body.feedback[row],
            "categories": {},
            "kind": "feedback",
            "feedback": FeedbackKind.ACCEPTANCE.value,
            "work_token": token,
        }
        return _ENCODER.encode(told)

    def send(self, ce_type: str, trace_id: str, value: bytes, at_ms: int, forged: bool = False) -> Output:
        """The record of a value, with its MAC (`forged`: a wrong one)."""
        mac = "0" * 32 if forged else authenticate_trace(self._keyed, trace_id.encode(), value)
        headers = [*event_headers(ce_type, trace_id, self._source), (MAC_HEADER, encode_mac(FIRST_MASTER, mac))]
        return Output(TRACES, self._key, value, at_ms, headers)

    def _tags(self, trace_id: str, work_id: str, work: Work) -> dict[str, Any]:
        return {
            "version": VERSION,
            "trace_id": trace_id,
            "tenant": work.tenant,
            "specialty": work.specialty,
            "workflow": work.workflow,
            "runtime": self._runtime,
            "release": work.served.release,
            "arm": work.served.arm,
            "rollout": work.served.rollout,
            "session": work.session,
            "actor": work.actor,
            "consent": self._consent,
            "work_id": work_id,
            "work_time_ms": work.work_ms,
        }


WORK_TYPE, FEEDBACK_TYPE = WorkTrace.ce_type, FeedbackTrace.ce_type


def name_trace(scenario: str, kind: str, row: int) -> str:
    """An opaque id, the same for the same row of the same scenario."""
    return derive_id("scenario", scenario, kind, row)

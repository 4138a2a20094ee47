"""Traces and reports for tests, with real MACs, work tokens and signatures."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from homeostat.schemas.canonical import derive_id, to_json
from homeostat.schemas.exposure import ExposureReport, PublisherReport, SessionStart
from homeostat.schemas.headers import DSSE_CONTENT, event_headers
from homeostat.schemas.log import Headers
from homeostat.schemas.mac import MAC_HEADER, authenticate_trace, encode_mac, issue_work_token, start_trace_mac
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.trace import Arm, Consent, FeedbackKind, FeedbackTrace, WorkTrace
from tests.builders import documents
from tests.builders.keys import GATEWAY, MASTER, sign, tenant_key


class Draft(NamedTuple):
    """A record without its place in a log."""

    key: bytes | None
    value: bytes | None
    headers: Headers


RELEASE_OF_ARM = {
    Arm.BASELINE: documents.BASELINE_DIGEST,
    Arm.CONTROL: documents.CONTROL_DIGEST,
    Arm.CANDIDATE: documents.CANDIDATE_DIGEST,
}


def work(number: object, signals: Mapping[str, float], **fields: Any) -> WorkTrace:
    """A work trace; `number` names it: the same number gives the same ids."""
    return WorkTrace(**_tags(number, signals, fields), **fields)


def feedback(number: object, signals: Mapping[str, float], **fields: Any) -> FeedbackTrace:
    """Feedback on the work trace of the same number and tags, with the token that its tenant's publisher gave it."""
    trace_id = fields.pop("trace_id", derive_id("feedback", number))
    tags = _tags(number, signals, fields) | {"trace_id": trace_id}
    kind = fields.pop("feedback", FeedbackKind.ACCEPTANCE)
    token = fields.pop("work_token", None) or issue_work_token(
        tenant_key(tags["tenant"]),
        MASTER,
        tags["work_id"],
        tags["work_time_ms"],
        tags["release"],
        tags["arm"],
        tags["session"],
    )
    return FeedbackTrace(**tags, **fields, feedback=kind, work_token=token)


def trace(message: WorkTrace | FeedbackTrace, key: str | None = None, master: str = MASTER) -> Draft:
    """The record that a publisher would send for a trace, in CloudEvents' binary mode."""
    return authenticated(message.ce_type, message.trace_id, message.tenant, to_json(message), key, master)


def authenticated(
    ce_type: str, event_id: str, tenant: str, value: bytes, key: str | None = None, master: str = MASTER
) -> Draft:
    """Any bytes under a tenant's good MAC."""
    mac = authenticate_trace(start_trace_mac(tenant_key(tenant, master)), event_id.encode(), value)
    headers = [
        *event_headers(ce_type, event_id, f"/runtimes/{tenant}"),
        (MAC_HEADER, encode_mac(master, mac)),
    ]
    return Draft((key or tenant).encode(), value, headers)


def start(session: str, arm: Arm, rollout: str = documents.ROLLOUT_ID, **fields: Any) -> SessionStart:
    """One session that the gateway sent to an arm."""
    defaults = {"specialty": "cardiology", "started_at_ms": documents.START_MS}
    return SessionStart(**{**defaults, **fields, "rollout": rollout, "arm": arm, "session": session})


def exposure_report(
    sequence: int, starts: Sequence[SessionStart], tenant: str = "tenant-1", workflow: str = "scribe", total: int = 0
) -> Draft:
    """A gateway's signed report of session starts."""
    report = ExposureReport(
        gateway=GATEWAY,
        tenant=tenant,
        workflow=workflow,
        sequence=sequence,
        total_starts=total or len(starts),
        starts=tuple(starts),
    )
    event_id = derive_id("exposure", tenant, workflow, sequence)
    headers = event_headers(report.ce_type, event_id, f"/gateways/{GATEWAY}", DSSE_CONTENT)
    return Draft(tenant.encode(), sign(SignerRole.GATEWAY, to_json(report), report.ce_type), headers)


def publisher_report(sequence: int, sent: int, tenant: str = "tenant-1", **dropped: int) -> Draft:
    """A publisher's account of what it sent and dropped."""
    report = PublisherReport(
        tenant=tenant, publisher=derive_id("publisher", tenant), sequence=sequence, sent=sent, dropped=dropped
    )
    return authenticated(report.ce_type, derive_id("report", tenant, sequence), tenant, to_json(report))


def _tags(number: object, signals: Mapping[str, float], fields: dict[str, Any]) -> dict[str, Any]:
    arm = fields.pop("arm", Arm.BASELINE)
    defaults = {
        "trace_id": derive_id("trace", number),
        "tenant": "tenant-1",
        "specialty": "cardiology",
        "workflow": "scribe",
        "runtime": "scribe-runtime",
        "release": RELEASE_OF_ARM[arm],
        "arm": arm,
        "rollout": None if arm is Arm.BASELINE else documents.ROLLOUT_ID,
        "session": derive_id("session", number),
        "actor": derive_id("actor", 1),
        "consent": Consent.SHARED,
        "work_id": derive_id("trace", number),
        "work_time_ms": documents.START_MS,
        "signals": dict(signals),
    }
    return {name: fields.pop(name, value) for name, value in defaults.items()}

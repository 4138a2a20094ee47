"""Every message that crosses a process border, by its CloudEvents type."""

from types import MappingProxyType
from typing import Any

from homeostat.schemas.alarm import Alarm
from homeostat.schemas.audit import AuditCheckpoint, AuditEntry
from homeostat.schemas.base import VERSION, Message
from homeostat.schemas.command import Acknowledgement, DesiredState
from homeostat.schemas.control import (
    ApprovalDocument,
    ArtifactDocument,
    BaselineDocument,
    Gap,
    KernelVersionDocument,
    KeyActivationDocument,
    MissingSource,
    OrderDocument,
    PolicyDocument,
    ReleaseDocument,
    ReviewDocument,
    RolloutDocument,
    SealBaselineDocument,
    SnapshotBegin,
    SnapshotEnd,
    StopDocument,
    Tick,
)
from homeostat.schemas.dead_letter import DeadLetter
from homeostat.schemas.decision import Decision
from homeostat.schemas.drift_event import DriftEvent
from homeostat.schemas.drill_documents import DrillCallDocument, DrillRunDocument
from homeostat.schemas.effect import Aftermath, Effect
from homeostat.schemas.escalation import Escalation
from homeostat.schemas.evidence import Echo, Evidence, SignalEvidence
from homeostat.schemas.exposure import ExposureReport, PublisherReport
from homeostat.schemas.intent import Intent
from homeostat.schemas.key_document import KeyDocument
from homeostat.schemas.lease import Lease
from homeostat.schemas.override import OverrideDocument
from homeostat.schemas.pool import PooledBaseline, ReferencePool
from homeostat.schemas.safety_regression import SafetyRegressionDocument
from homeostat.schemas.served import Served
from homeostat.schemas.summary import Marker, Summary
from homeostat.schemas.trace import FeedbackTrace, WorkTrace

_CONTROL: tuple[type[Message], ...] = (Tick, SnapshotBegin, SnapshotEnd, MissingSource, Gap)
_DOCUMENTS: tuple[type[Message], ...] = (
    ApprovalDocument,
    ArtifactDocument,
    BaselineDocument,
    DrillCallDocument,
    DrillRunDocument,
    KernelVersionDocument,
    KeyActivationDocument,
    OrderDocument,
    OverrideDocument,
    PolicyDocument,
    ReleaseDocument,
    ReviewDocument,
    RolloutDocument,
    SafetyRegressionDocument,
    SealBaselineDocument,
    StopDocument,
)
_SIGNED: tuple[type[Message], ...] = (
    Acknowledgement,
    AuditCheckpoint,
    Decision,
    DesiredState,
    Effect,
    Escalation,
    ExposureReport,
    Intent,
    KeyDocument,
    Lease,
    Served,
)
_PLAIN: tuple[type[Message], ...] = (
    Aftermath,
    Alarm,
    AuditEntry,
    DeadLetter,
    DriftEvent,
    Echo,
    Evidence,
    FeedbackTrace,
    Marker,
    PooledBaseline,
    PublisherReport,
    ReferencePool,
    SignalEvidence,
    Summary,
    WorkTrace,
)

CONTROL_MESSAGES: frozenset[type[Message]] = frozenset({*_CONTROL, *_DOCUMENTS, Acknowledgement, Decision, Effect})
"""What a stage's input may carry beside its data, under the header `hs-control`."""
SIGNED_MESSAGES: frozenset[type[Message]] = frozenset({*_CONTROL, *_DOCUMENTS, *_SIGNED})
"""Messages whose value is a DSSE envelope; the model describes the payload."""
MESSAGES = MappingProxyType(
    {m.ce_type: m for m in sorted((*_CONTROL, *_DOCUMENTS, *_SIGNED, *_PLAIN), key=lambda model: model.ce_type)}
)


def describe_message(model: type[Message]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a message as it is read on the wire; rules between fields are beyond it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:homeostat:{model.ce_type}:{VERSION}",
        **describe_model(model, "#/$defs/{model}"),
    }


def describe_model(model: type[Message], ref_template: str) -> dict[str, Any]:
    """The bare schema with its parts under `$defs`, referred to by the template."""
    schema: dict[str, Any] = _close_maps(model.model_json_schema(mode="validation", ref_template=ref_template))
    return schema


def _close_maps(schema: Any) -> Any:
    """A map whose keys have a pattern takes no other key: pydantic enforces it, but leaves it out of the schema."""
    if isinstance(schema, dict):
        closed = {name: _close_maps(part) for name, part in schema.items()}
        return {**closed, "additionalProperties": False} if "patternProperties" in closed else closed
    return [_close_maps(part) for part in schema] if isinstance(schema, list) else schema

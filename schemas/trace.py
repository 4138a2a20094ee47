"""Traces: what a runtime did, and what people made of it later. Numbers and opaque ids, never text."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from homeostat.schemas.base import Digest, EpochMs, Message, OpaqueId, Part, Slug

MAX_SIGNALS = 128
SignalValues = Annotated[dict[Slug, float], Field(max_length=MAX_SIGNALS)]
Categories = Annotated[dict[Slug, Slug], Field(max_length=64)]


class Arm(StrEnum):
    """The role a release played for this session."""

    BASELINE = "baseline"
    CONTROL = "control"
    CANDIDATE = "candidate"


class Consent(StrEnum):
    """What the trace may be used for: its own tenant's layers only, or those across tenants as well."""

    TENANT = "tenant"
    SHARED = "shared"


class AgeBand(StrEnum):
    """Age in bands wide enough to name nobody."""

    UNDER_18 = "0-17"
    FROM_18 = "18-39"
    FROM_40 = "40-64"
    FROM_65 = "65-79"
    FROM_80 = "80-"
    UNKNOWN = "unknown"


class SexBand(StrEnum):
    """Sex as recorded, or unknown."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"
    UNKNOWN = "unknown"


class OutputProperty(StrEnum):
    """What the output contains, as a closed list."""

    MEDICATION_CHANGE = "medication_change"
    ALLERGY = "allergy"
    DIAGNOSIS = "diagnosis"
    ORDER = "order"
    REFERRAL = "referral"
    BILLING_CODE = "billing_code"
    PAYMENT_MESSAGE = "payment_message"
    APPOINTMENT = "appointment"
    WARNING = "warning"


class ToolOutcome(StrEnum):
    """How a tool call ended."""

    OK = "ok"
    ERROR = "error"
    REFUSED = "refused"
    TIMEOUT = "timeout"


class ToolCall(Part):
    """One call of a tool, by the id of its contract."""

    tool: Slug
    outcome: ToolOutcome


class FeedbackKind(StrEnum):
    """What people did with the work."""

    EDIT = "edit"
    ACCEPTANCE = "acceptance"
    OVERRIDE = "override"
    COMPLAINT = "complaint"


class _Tags(Message):
    trace_id: OpaqueId
    tenant: Slug
    specialty: Slug
    workflow: Slug
    runtime: Slug
    release: Digest
    arm: Arm
    rollout: OpaqueId | None = None
    session: OpaqueId
    actor: OpaqueId
    consent: Consent = Consent.TENANT
    work_id: OpaqueId
    work_time_ms: EpochMs
    signals: SignalValues = {}
    categories: Categories = {}


class WorkTrace(_Tags):
    """One piece of a runtime's work. `embedding` is a projection sketch, not the embedding of a text."""

    ce_type: ClassVar[str] = "homeostat.trace.work"
    kind: Literal["work"] = "work"
    age_band: AgeBand = AgeBand.UNKNOWN
    sex_band: SexBand = SexBand.UNKNOWN
    steps: Annotated[tuple[Slug, ...], Field(max_length=64)] = ()
    output_properties: Annotated[tuple[OutputProperty, ...], Field(max_length=16)] = ()
    retrieval: Annotated[tuple[OpaqueId, ...], Field(max_length=64)] = ()
    tools: Annotated[tuple[ToolCall, ...], Field(max_length=64)] = ()
    embedding: Annotated[tuple[float, ...], Field(max_length=1024)] = ()


class FeedbackTrace(_Tags):
    """What people did with a piece of work, later. `work_token` proves which release, arm and session did it."""

    ce_type: ClassVar[str] = "homeostat.trace.feedback"
    kind: Literal["feedback"] = "feedback"
    feedback: FeedbackKind
    work_token: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}:[0-9a-f]{32}$", max_length=98)]

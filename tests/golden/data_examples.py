"""Examples of what runtimes and gateways send, and of records about records."""

from homeostat.schemas.audit import AuditCheckpoint, AuditedUpTo, AuditEntry, AuditKind, LostRange, TreeHead
from homeostat.schemas.base import Message
from homeostat.schemas.dead_letter import DeadLetter, SealedBytes
from homeostat.schemas.exposure import ExposureReport, PublisherReport, SessionStart
from homeostat.schemas.key_document import KeyDocument, derive_key_id
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.trace import (
    AgeBand,
    Arm,
    Consent,
    FeedbackKind,
    FeedbackTrace,
    OutputProperty,
    SexBand,
    ToolCall,
    ToolOutcome,
    WorkTrace,
)
from tests.golden.shared import ACTOR, ALARM, AT_MS, CANDIDATE, DECISION, INTENT, ROLLOUT, SESSION, TARGET, TRACE


def data_examples() -> list[Message]:
    work = {
        **_tags(),
        "signals": {"unsupported_ratio": 0.0379, "dialogue_words": 1563.0},
        "categories": {"visit": "follow-up"},
        "age_band": AgeBand.FROM_40,
        "sex_band": SexBand.FEMALE,
        "steps": ("transcribe", "draft"),
        "output_properties": (OutputProperty.MEDICATION_CHANGE,),
        "retrieval": (ACTOR,),
        "tools": (ToolCall(tool="write-draft", outcome=ToolOutcome.OK),),
        "embedding": (-0.0855, 0.0499),
    }
    feedback = {
        **_tags(),
        "trace_id": ALARM,
        "signals": {"edit_ratio": 0.41, "accepted": 1.0},
        "feedback": FeedbackKind.EDIT,
        "work_token": "m1:" + "9d" * 16,
    }
    start = SessionStart(
        specialty="cardiology", rollout=ROLLOUT, arm=Arm.CONTROL, session=SESSION, started_at_ms=AT_MS, step=1
    )
    return [
        WorkTrace.model_validate(work),
        FeedbackTrace.model_validate(feedback),
        ExposureReport(
            gateway="gateway-1", tenant="clinic-a", workflow="scribe", sequence=3, total_starts=7, starts=(start,)
        ),
        PublisherReport(tenant="clinic-a", publisher=ACTOR, sequence=2, sent=120, dropped={"queue_full": 1}),
    ]


def _tags() -> dict[str, object]:
    return {
        "trace_id": TRACE,
        "tenant": "clinic-a",
        "specialty": "cardiology",
        "workflow": "scribe",
        "runtime": "scribe-1",
        "release": CANDIDATE,
        "arm": Arm.CANDIDATE,
        "rollout": ROLLOUT,
        "session": SESSION,
        "actor": ACTOR,
        "consent": Consent.SHARED,
        "work_id": TRACE,
        "work_time_ms": AT_MS,
    }


def record_examples() -> list[Message]:
    public = bytes(32)
    return [
        KeyDocument(
            key_id=derive_key_id(SignerRole.GATEWAY, public),
            role=SignerRole.GATEWAY,
            name="gateway-1",
            public_key=public.hex(),
            valid_from_ms=AT_MS,
        ),
        DeadLetter(
            topic="traces.v1",
            partition=3,
            offset=41,
            timestamp_ms=AT_MS,
            stage="leaf",
            reason=Refusal.FREE_TEXT,
            tenant="clinic-a",
            size_bytes=669,
            value_digest="sha256:" + "88" * 32,
            shape="{tenant:str}",
            sealed=SealedBytes(
                key_id="dead-letters-1", ephemeral_key="99" * 32, nonce="aa" * 12, ciphertext="c2VhbGVk"
            ),
        ),
        AuditEntry(
            kind=AuditKind.COMMAND,
            subject=TARGET.key,
            topic="release.commands.v1",
            partition=2,
            offset=9,
            digest="sha256:" + "bb" * 32,
            signed_by=("sequencer-66687aadf862bd77",),
            at_ms=AT_MS,
            about=("generation:3", INTENT, DECISION),
            refused=Refusal.SIGNATURE_BAD,
        ),
        AuditCheckpoint(
            number=2,
            previous="sha256:" + "cc" * 32,
            root="sha256:" + "dd" * 32,
            trees=(TreeHead(partition=0, size=7, root="sha256:" + "ee" * 32),),
            audited=(AuditedUpTo(topic="release.commands.v1", partition=2, next_offset=10),),
            lost=(LostRange(topic="decisions.v1", partition=0, first=3, next_offset=5),),
            at_ms=AT_MS,
        ),
    ]

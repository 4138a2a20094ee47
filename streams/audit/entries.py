"""Which records are audited, and what their entries say."""

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from homeostat.detectors.control_types import CONTROL_KINDS
from homeostat.detectors.sequencer.authority import MAY_SIGN
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.audit import AuditEntry, AuditKind
from homeostat.schemas.base import MAX_EPOCH_MS, Message
from homeostat.schemas.canonical import digest_bytes, digest_document
from homeostat.schemas.command import Acknowledgement, DesiredState
from homeostat.schemas.contract import MESSAGES
from homeostat.schemas.control import CONTROL_HEADER, ApprovalDocument, Document
from homeostat.schemas.dead_letter import DeadLetter
from homeostat.schemas.decision import Decision
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.effect import Effect
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.escalation import Escalation
from homeostat.schemas.headers import find_header
from homeostat.schemas.intent import Intent
from homeostat.schemas.log import LogRecord
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import (
    ACKS,
    BASELINES,
    COMMANDS,
    DEAD_LETTERS,
    DECISIONS,
    EFFECTS,
    ESCALATIONS,
    INTENTS,
    TOPICS,
)

_OF_DOCUMENTS = tuple(
    name
    for name, spec in TOPICS.items()
    if name != BASELINES and any(issubclass(model, Document) for model in spec.models)
)
AUDITED: Final = (*_OF_DOCUMENTS, DECISIONS, INTENTS, COMMANDS, ACKS, EFFECTS, ESCALATIONS, DEAD_LETTERS)
_SUBJECT = re.compile(r"[A-Za-z0-9:._/#-]{1,200}")
_MOST_ABOUT = 16


class Place(NamedTuple):
    """Where a record lies."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class _Signed(NamedTuple):
    kind: AuditKind
    model: type[Message]
    roles: frozenset[SignerRole]


_STATEMENTS: Mapping[str, _Signed] = MappingProxyType(
    {
        DECISIONS: _Signed(AuditKind.DECISION, Decision, frozenset({SignerRole.GUARD, SignerRole.TRIAGE})),
        INTENTS: _Signed(AuditKind.INTENT, Intent, MAY_SIGN),
        COMMANDS: _Signed(AuditKind.COMMAND, DesiredState, frozenset({SignerRole.SEQUENCER})),
        ACKS: _Signed(AuditKind.ACKNOWLEDGEMENT, Acknowledgement, frozenset({SignerRole.GATEWAY})),
        EFFECTS: _Signed(AuditKind.EFFECT, Effect, frozenset({SignerRole.GUARD})),
        ESCALATIONS: _Signed(AuditKind.ESCALATION, Escalation, frozenset({SignerRole.SEQUENCER})),
    }
)
_ROLES: Mapping[type[Message], frozenset[SignerRole]] = MappingProxyType(
    {kind.model: kind.roles for kind in CONTROL_KINDS.values()}
)


def is_audited(topic: str, record: LogRecord) -> bool:
    """Whether a record belongs into the audit: not what control copies, and of dead letters those of intents."""
    if topic == DEAD_LETTERS:
        return _read_letter(record) is not None
    return topic != INTENTS or find_header(record.headers, CONTROL_HEADER) is None


def make_entry(place: Place, record: LogRecord, trust: TrustStore) -> AuditEntry:
    """The entry of a record that is audited; the same record gives the same bytes with the same trust store."""
    found = _describe(place, record, trust)
    return AuditEntry(
        kind=found.kind,
        subject=_fit(found.subject) or str(place),
        topic=place.topic,
        partition=place.partition,
        offset=place.offset,
        digest=digest_bytes(record.value or b""),
        signed_by=found.signed_by,
        at_ms=min(max(record.timestamp, 0), MAX_EPOCH_MS),
        about=tuple(dict.fromkeys(filter(None, map(_fit, found.about))))[:_MOST_ABOUT],
        refused=found.refused,
    )


class _Described(NamedTuple):
    kind: AuditKind
    subject: str | None
    about: tuple[str | None, ...] = ()
    signed_by: tuple[str, ...] = ()
    refused: Any = None


def _describe(place: Place, record: LogRecord, trust: TrustStore) -> _Described:
    if place.topic == DEAD_LETTERS:
        letter = _read_letter(record)
        assert letter is not None, "only letters that are audited get an entry"
        return _Described(AuditKind.REFUSAL, f"{letter.topic}/{letter.partition}/{letter.offset}", (letter.stage,))
    statement = _STATEMENTS.get(place.topic) or _find_document(record.value)
    if record.value is None:
        return _Described(statement.kind, (record.key or b"").decode("ascii", "replace"))
    try:
        verified = trust.verify_with_key(record.value, statement.model.ce_type, statement.roles)
    except SignatureRefused as error:
        subject, about = _read_payload(statement.model, record.value)
        return _Described(statement.kind, subject, about, (), error.reason)
    subject, about = _read_names(statement.model, verified.payload)
    return _Described(statement.kind, subject, about, (verified.key.key_id,))


def _find_document(value: bytes | None) -> _Signed:
    """What an envelope says that it holds; a document that control does not copy is an operator's."""
    try:
        model = MESSAGES.get(read_envelope(value)[0].ce_type, Document)
    except SignatureRefused:
        model = Document
    kind = AuditKind.APPROVAL if model is ApprovalDocument else AuditKind.DOCUMENT
    return _Signed(kind, model, _ROLES.get(model, frozenset({SignerRole.OPERATOR})))


def _read_payload(model: type[Message], value: bytes) -> tuple[str | None, tuple[str | None, ...]]:
    try:
        return _read_names(model, read_envelope(value)[1])
    except SignatureRefused:
        return None, ()


def _read_names(model: type[Message], payload: bytes) -> tuple[str | None, tuple[str | None, ...]]:
    """(subject, what else it is about) of a payload; of one that is no such message what its `subject` says."""
    try:
        message, _ = parse_message(model, payload)
    except PoisonRecord:
        return _peek_subject(payload), ()
    name = _NAMES.get(type(message))
    if name is not None:
        return name(message)
    if isinstance(message, Document):
        return message.subject, _name_body(message.body)
    return None, ()


def _peek_subject(payload: bytes) -> str | None:
    try:
        body = json.loads(payload)
    except ValueError:
        return None
    subject = body.get("subject") if isinstance(body, dict) else None
    return subject if isinstance(subject, str) else None


def _name_decision(of: Any) -> tuple[str, tuple[str | None, ...]]:
    return of.rollout, (*_mark_drill(of), of.decision, of.candidate, of.control)


def _name_intent(of: Any) -> tuple[str, tuple[str | None, ...]]:
    return of.target.key, (of.intent, of.rollout, of.decision, of.candidate)


def _name_command(of: Any) -> tuple[str, tuple[str | None, ...]]:
    exposed = [name for each in of.exposures for name in (each.rollout, each.candidate)]
    return of.target.key, (f"generation:{of.generation}", of.intent, of.decision, of.baseline, *exposed)


def _name_acknowledgement(of: Any) -> tuple[str, tuple[str | None, ...]]:
    return of.target.key, (f"generation:{of.generation}", of.state_digest)


def _name_effect(of: Any) -> tuple[str, tuple[str | None, ...]]:
    return of.rollout, (of.release, f"step:{of.step}")


def _name_escalation(of: Any) -> tuple[str, tuple[str | None, ...]]:
    return of.target.key, (f"generation:{of.generation}", of.intent, of.wanted)


_NAMES: Mapping[type[Message], Callable[[Any], tuple[str, tuple[str | None, ...]]]] = MappingProxyType(
    {
        Decision: _name_decision,
        Intent: _name_intent,
        DesiredState: _name_command,
        Acknowledgement: _name_acknowledgement,
        Effect: _name_effect,
        Escalation: _name_escalation,
    }
)


def _mark_drill(of: Any) -> tuple[str, ...]:
    """What is about a drill says so, that nobody takes it for work on people."""
    return ("drill",) if getattr(of, "drill", False) or getattr(of, "known_bad", False) else ()


def _name_body(body: Any) -> tuple[str | None, ...]:
    digest = (digest_document(body),) if isinstance(body, ReleaseManifest) else ()
    named = (getattr(body, name, None) for name in ("rollout", "release", "candidate", "control", "plan_digest"))
    return (*_mark_drill(body), *digest, *(name for name in named if isinstance(name, str)))


def _read_letter(record: LogRecord) -> DeadLetter | None:
    try:
        letter, _ = parse_message(DeadLetter, record.value)
    except PoisonRecord:
        return None
    return letter if letter.topic == INTENTS else None


def _fit(name: str | None) -> str | None:
    return name if name is not None and _SUBJECT.fullmatch(name) else None

"""The dossier of a decision: the log that it came from, the documents in force, and what it led to."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from homeostat.detectors.control_types import CONTROL_KINDS
from homeostat.detectors.releases.diff import ReleaseDiff, diff_releases
from homeostat.detectors.releases.override_book import OverrideBook
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.base import Message
from homeostat.schemas.canonical import digest_document
from homeostat.schemas.command import Acknowledgement, DesiredState
from homeostat.schemas.contract import MESSAGES
from homeostat.schemas.control import CONTROL_HEADER, ControlType, Document
from homeostat.schemas.decision import Decision
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.errors import DocumentInvalid, PoisonRecord, SignatureRefused
from homeostat.schemas.evidence import Evidence
from homeostat.schemas.headers import CE_TYPE, find_header
from homeostat.schemas.intent import Intent
from homeostat.schemas.log import LogRecord
from homeostat.schemas.override import OverrideDocument, TargetConfiguration
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.policy import Policy
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Rollout
from homeostat.schemas.topics import ACKS, COMMANDS, DECISIONS, EVIDENCE, INTENTS
from homeostat.streams.audit.entries import Place
from homeostat.streams.decisions.replay import Course, find_window

if TYPE_CHECKING:  # who has a bundle needs no client of a broker
    from homeostat.streams.decisions.topics import Topics

M = TypeVar("M", bound=Message)
_LEADS_TO = (INTENTS, COMMANDS, ACKS)


@dataclass
class Dossier:
    """Everything of one decision. `records` are the guard's log up to the mark; `actions` what followed from it.

    `replays` is whether a guard over `records` decides the same bytes; `notes` say what could not be had.
    """

    envelope: bytes
    payload: bytes
    decision: Decision
    signed_by: str
    course: Course
    records: Sequence[LogRecord]
    replays: bool
    actions: list[tuple[Place, LogRecord]]
    notes: list[str] = field(default_factory=list)

    def documents(self) -> list[Message]:
        """Every document that the log holds up to the mark, the newest version of a subject last."""
        return list(read_documents(self.records))

    def policy(self) -> Policy | None:
        """The policy that the decision names, if the log still has it."""
        return next((b for b in self._bodies(Policy) if digest_document(b) == self.decision.policy_digest), None)

    def rollout(self) -> Rollout | None:
        """The rollout's document that the decision names."""
        return next((b for b in self._bodies(Rollout) if digest_document(b) == self.decision.rollout_digest), None)

    def release(self, digest: str) -> ReleaseManifest | None:
        """A release's manifest."""
        return next((b for b in self._bodies(ReleaseManifest) if digest_document(b) == digest), None)

    def configurations(self) -> list[TargetConfiguration]:
        """The effective configuration of each tenant × workflow of the rollout, composed from the log's overrides."""
        book = self.overrides()
        return [book.of(*target).whole for target in self.targets()]

    def has_configuration(self) -> bool:
        """Whether these configurations are those whose digest the decision carries."""
        targets = self.targets()
        return bool(targets) and self.overrides().digest(targets) == self.decision.configuration

    def difference(self) -> ReleaseDiff | None:
        """What the candidate has that the control has not; None where a manifest is missing."""
        control, candidate = self.release(self.decision.control), self.release(self.decision.candidate)
        return None if control is None or candidate is None else diff_releases(control, candidate)

    def evidence(self) -> Iterator[tuple[LogRecord, Evidence]]:
        """The rollout's evidence in the log, in order."""
        for record in self.records:
            if find_header(record.headers, CE_TYPE) != Evidence.ce_type.encode():
                continue
            message = _parse(Evidence, record.value)
            if message is not None and message.rollout == self.decision.rollout:
                yield record, message

    def led_to(self, model: type[M]) -> list[tuple[LogRecord, M]]:
        """The intents, desired states or acknowledgements that followed, in order of their times."""
        topic = {Intent: INTENTS, DesiredState: COMMANDS, Acknowledgement: ACKS}[model]
        found = [(record, _open(model, record.value)) for place, record in self.actions if place.topic == topic]
        return sorted([(record, message) for record, message in found if message is not None], key=_time_of)

    def targets(self) -> list[tuple[str, str]]:
        """(tenant, workflow) of each target of the rollout, in order."""
        rollout = self.rollout()
        named = () if rollout is None else {(each.target.tenant, each.target.workflow) for each in rollout.targets}
        return sorted(named)

    def overrides(self) -> OverrideBook:
        """The overrides as the log has them up to the mark."""
        newest: dict[str, OverrideDocument] = {}
        for message in self.documents():
            if isinstance(message, OverrideDocument):
                held = newest.get(message.subject)
                if held is None or message.subject_version > held.subject_version:
                    newest[message.subject] = message
        return OverrideBook(message.body for message in newest.values())

    def _bodies(self, model: type[M]) -> Iterator[M]:
        for message in self.documents():
            body = getattr(message, "body", None)
            if isinstance(body, model):
                yield body


def gather_dossier(topics: "Topics", decision_id: str, trust: TrustStore) -> Dossier:
    """Find a decision and all that belongs to it. Raises `DocumentInvalid` where it is not there or was not signed."""
    envelope, payload, decision, signed_by = _find_decision(topics, decision_id, trust)
    course = Course(decision.source_partition, topics.partitions(EVIDENCE), decision.mark)
    log = [
        record
        for place, record in topics.read(EVIDENCE)
        if place.partition == course.partition and record.offset <= course.mark
    ]
    at = find_window(log, course, decision.rollout, payload, trust)
    notes = [] if at is not None else ["the log that is left does not give this decision again"]
    actions: list[tuple[Place, LogRecord]] = []
    for topic in _LEADS_TO:
        try:
            actions += list(topics.read(topic))
        except DocumentInvalid as error:
            notes.append(f"{topic} could not be read: {error}")
    kept = select_actions(decision, actions, trust)
    return Dossier(envelope, payload, decision, signed_by, course, log[at or 0 :], at is not None, kept, notes)


def read_documents(records: Iterable[LogRecord]) -> Iterator[Message]:
    """The documents among a log's control records, each version once; the guard has checked who signed them."""
    seen: set[tuple[str, str, int]] = set()
    for record in records:
        name = (find_header(record.headers, CONTROL_HEADER) or b"").decode("ascii", "replace")
        model = CONTROL_KINDS[ControlType(name)].model if name in set(ControlType) else None
        if model is None or not issubclass(model, Document):
            continue
        message = _open(model, record.value)
        if isinstance(message, Document):
            key = (name, message.subject, message.subject_version)
            if key not in seen:
                seen.add(key)
                yield message


def open_decision(envelope: bytes, trust: TrustStore) -> tuple[bytes, Decision, str]:
    """(payload, decision, key id) of a decision's envelope. Raises `SignatureRefused` or `PoisonRecord`."""
    verified = trust.verify_with_key(envelope, Decision.ce_type, (SignerRole.GUARD, SignerRole.TRIAGE))
    return verified.payload, parse_message(Decision, verified.payload)[0], verified.key.key_id


def select_actions(
    decision: Decision, records: Sequence[tuple[Place, LogRecord]], trust: TrustStore
) -> list[tuple[Place, LogRecord]]:
    """The intents and states that name the decision, and the acknowledgements of those states; signed ones only."""
    kept: list[tuple[Place, LogRecord]] = []
    states: set[tuple[str, int] | None] = set()
    for place, record in records:
        message = _open(_MODELS[place.topic], record.value)
        if getattr(message, "decision", None) == decision.decision and _is_signed(place, record, trust):
            kept.append((place, record))
            if isinstance(message, DesiredState):
                states.add((message.target.key, message.generation))
    for place, record in records:
        answer = _open(Acknowledgement, record.value) if place.topic == ACKS else None
        key = None if answer is None else (answer.target.key, answer.generation)
        if key in states and _is_signed(place, record, trust):
            kept.append((place, record))
    return kept


_MODELS: dict[str, type[Message]] = {INTENTS: Intent, COMMANDS: DesiredState, ACKS: Acknowledgement}
_SIGNERS = {INTENTS: tuple(SignerRole), COMMANDS: (SignerRole.SEQUENCER,), ACKS: (SignerRole.GATEWAY,)}


def _find_decision(topics: "Topics", decision_id: str, trust: TrustStore) -> tuple[bytes, bytes, Decision, str]:
    refused = ""
    for place, record in topics.read(DECISIONS):
        message = _open(Decision, record.value)
        if message is None or message.decision != decision_id or record.value is None:
            continue
        try:
            return (record.value, *open_decision(record.value, trust))
        except SignatureRefused as error:
            refused = f"; {place} calls itself that and is not to be believed ({error})"
    raise DocumentInvalid(f"there is no decision {decision_id}{refused}: `homeostat audit show` names decisions")


def _is_signed(place: Place, record: LogRecord, trust: TrustStore) -> bool:
    try:
        trust.verify(record.value, _MODELS[place.topic].ce_type, _SIGNERS[place.topic])
    except SignatureRefused:
        return False
    return True


def _open(model: type[M], envelope: bytes | None) -> M | None:
    """What an envelope holds, unchecked; None for anything else."""
    try:
        found, payload = read_envelope(envelope)
        if MESSAGES.get(found.ce_type) is not model:
            return None
    except SignatureRefused:
        return None
    return _parse(model, payload)


def _parse(model: type[M], payload: bytes | None) -> M | None:
    try:
        return parse_message(model, payload)[0]
    except PoisonRecord:
        return None


def _time_of(pair: tuple[LogRecord, Message]) -> int:
    return pair[0].timestamp

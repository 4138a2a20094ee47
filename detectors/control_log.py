"""Control records of one input: log time, and the newest version of every document, read once for all stages."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from functools import lru_cache
from typing import NamedTuple

from homeostat.detectors.control_types import CONTROL_KINDS, check_signer, read_subject
from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.releases.override_book import OverrideBook
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.base import Message
from homeostat.schemas.canonical import digest_bytes, digest_document
from homeostat.schemas.cohort import Cohort
from homeostat.schemas.command import Acknowledgement
from homeostat.schemas.control import (
    CONTROL_HEADER,
    Approval,
    ApprovalDocument,
    BaselineDocument,
    ControlType,
    Gap,
    KernelVersionDocument,
    KeyActivationDocument,
    MissingSource,
    OrderDocument,
    PolicyDocument,
    ReleaseDocument,
    RolloutDocument,
    SnapshotBegin,
    SnapshotEnd,
    Stop,
    StopDocument,
)
from homeostat.schemas.decision import Decision
from homeostat.schemas.drill import DrillRun
from homeostat.schemas.drill_documents import DrillRunDocument
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.effect import Effect
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.headers import find_header
from homeostat.schemas.log import Record
from homeostat.schemas.override import OverrideDocument
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.policy import Policy
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Rollout, Target
from homeostat.schemas.safety_regression import SafetyRegression, SafetyRegressionDocument

_STATE_VERSION = 1
_CLOCK = b"control/clock"
_DOCUMENT = "control/document/"


class Folded(NamedTuple):
    """What a control record was, and whether it changed anything (a repeat of a document does not)."""

    type: ControlType
    message: Message
    changed: bool


class ControlLog:
    """The control records of one partition of a stage's input.

    Documents are kept as their author's envelopes; what is read from them is derived again on `restore`. Signatures
    are checked when a record is folded, not when the state is restored: state records carry checksums, and only the
    stage's own principal can write them.
    """

    def __init__(self, topic: str, partition: int, trust: TrustStore) -> None:
        self._topic, self._partition, self._trust = topic, partition, trust
        self._documents: dict[tuple[ControlType, str], tuple[int, bytes]] = {}
        self._changed: set[bytes] = set()
        self._snapshot: tuple[int, int] | None = None
        self._snapshot_digests: list[str] = []
        self.log_time_ms = 0
        self.data_step_ms = 60_000
        self.evaluated = False
        self.gaps = 0
        self.missing: set[int] = set()
        self.policy: Policy | None = None
        self.policy_digest = ""
        self.kernel = 1
        self.masters: frozenset[str] = frozenset()
        self.releases: dict[str, ReleaseManifest] = {}
        self.rollouts: dict[str, Rollout] = {}
        self._by_cohort: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        self._by_target: dict[str, set[str]] = defaultdict(set)
        self.rollout_digests: dict[str, str] = {}
        self.steps: dict[str, Decision] = {}
        self.baselines: dict[str, BaselineDocument] = {}
        self.acknowledged: dict[str, Acknowledgement] = {}
        self.effects: dict[str, Effect] = {}
        self.approvals: dict[str, Approval] = {}
        self.orders: dict[str, OrderDocument] = {}
        self.stops: dict[str, Stop] = {}
        self.overrides = OverrideBook()
        self.drills: dict[str, DrillRun] = {}
        self.regressions: dict[str, SafetyRegression] = {}

    def list_rivals(self, rollout: Rollout) -> dict[str, Rollout]:
        """Every other rollout, by id, that has a cohort in common with this one, over or not."""
        found = {other for cohort in rollout.cohorts() for other in self._by_cohort.get(cohort, ())}
        return {other: self.rollouts[other] for other in found - {rollout.rollout}}

    def rollouts_of(self, target: Target) -> Set[str]:
        """The ids of the rollouts that have this target."""
        return self._by_target.get(target.key, frozenset())

    def rollouts_in(self, cohort: Cohort) -> Set[str]:
        """The ids of the rollouts that have this leaf cohort; none for any other."""
        place = (cohort.tenant or "", cohort.specialty or "", cohort.workflow or "")
        return self._by_cohort.get(place, frozenset())

    @staticmethod
    def is_control(record: Record) -> bool:
        """Whether the record says that it is one of control's."""
        return find_header(record.headers, CONTROL_HEADER) is not None

    def advance(self, timestamp_ms: int, is_data: bool) -> int:
        """Move log time to the running maximum of timestamps; a data record moves it by a bounded step only."""
        limit = self.log_time_ms + self.data_step_ms
        if is_data and self.log_time_ms and timestamp_ms > limit:
            timestamp_ms = limit
        if timestamp_ms > self.log_time_ms:
            self.log_time_ms = timestamp_ms
            self._changed.add(_CLOCK)
        return self.log_time_ms

    def advance_to(self, log_time_ms: int) -> None:
        """Take over a log time that a kernel has moved as `advance` would."""
        if log_time_ms > self.log_time_ms:
            self.log_time_ms = log_time_ms
            self._changed.add(_CLOCK)

    def fold(self, record: Record) -> Folded:
        """Check and take over one control record. Raises `SignatureRefused` or `PoisonRecord`; then nothing changed."""
        kind = self._read_type(record)
        model, roles = CONTROL_KINDS[kind]
        verified = self._trust.verify_with_key(record.value, model.ce_type, roles)
        message = _parse(model, verified.payload)
        self._check_address(message)
        check_signer(message, verified.key)
        self._check_replaced(message, verified.key.role)
        self.advance(record.timestamp, is_data=False)
        subject, version = read_subject(message)
        if not version:
            return Folded(kind, message, self._take_over_addressed(message))
        assert record.value is not None
        if self._snapshot is not None:
            self._snapshot_digests.append(digest_bytes(record.value))
            self._changed.add(_CLOCK)
        if version <= self._documents.get((kind, subject), (0, b""))[0]:
            return Folded(kind, message, False)
        self._documents[kind, subject] = (version, record.value)
        self._changed.add(_document_key(kind, subject))
        self._take_over_document(message)
        return Folded(kind, message, True)

    def declare_present(self, source_partition: int) -> None:
        """A source that was missing has spoken again."""
        if source_partition in self.missing:
            self.missing.discard(source_partition)
            self._changed.add(_CLOCK)

    def document_envelope(self, kind: ControlType, subject: str) -> bytes | None:
        """The author's envelope of the newest version of a document, or None."""
        found = self._documents.get((kind, subject))
        return None if found is None else found[1]

    def state_records(self) -> dict[bytes, bytes]:
        """Every state record of this part, keys beginning with `control/`."""
        keys = [_CLOCK, *(_document_key(kind, subject) for kind, subject in self._documents)]
        return {key: self._encode(key) for key in keys}

    def drain_changes(self) -> list[tuple[bytes, bytes | None]]:
        """State records changed since the last call, sorted by key."""
        changed, self._changed = sorted(self._changed), set()
        return [(key, self._encode(key)) for key in changed]

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Take over the state records whose keys begin with `control/`; others are ignored."""
        if _CLOCK in records:
            self._restore_clock(json.loads(unframe(records[_CLOCK], _STATE_VERSION)))
        prefix = _DOCUMENT.encode()
        for key in sorted(key for key in records if key.startswith(prefix)):
            kind, _, subject = key.decode().removeprefix(_DOCUMENT).partition("/")
            self._restore_document(ControlType(kind), subject, unframe(records[key], _STATE_VERSION))

    def _read_type(self, record: Record) -> ControlType:
        name = (find_header(record.headers, CONTROL_HEADER) or b"").decode("ascii", "replace")
        try:
            return ControlType(name)
        except ValueError:
            raise PoisonRecord(Refusal.UNKNOWN_TYPE, "control type") from None

    def _check_address(self, message: Message) -> None:
        topic, partition = getattr(message, "topic", self._topic), getattr(message, "partition", self._partition)
        if (topic, partition) != (self._topic, self._partition):
            raise PoisonRecord(Refusal.WRONG_PARTITION, f"control record for {topic}/{partition}")

    def _check_replaced(self, message: Message, role: SignerRole) -> None:
        held = self.rollouts.get(message.body.rollout) if isinstance(message, RolloutDocument) else None
        if held is not None and not held.drill and role is SignerRole.CONTROL:
            raise SignatureRefused(Refusal.KEY_WRONG_ROLE, "control replaces no rollout of an operator's")

    def _take_over_addressed(self, message: Message) -> bool:
        self._changed.add(_CLOCK)
        match message:
            case SnapshotBegin():
                self._snapshot, self._snapshot_digests = (message.snapshot, message.documents), []
            case SnapshotEnd():
                return self._end_snapshot(message)
            case MissingSource():
                self.missing.add(message.source_partition)
            case Gap():
                self.gaps += 1
            case _:
                pass
        return True

    def _end_snapshot(self, end: SnapshotEnd) -> bool:
        begun, digests = self._snapshot, self._snapshot_digests
        self._snapshot, self._snapshot_digests = None, []
        whole = begun == (end.snapshot, len(digests)) and digest_snapshot(digests) == end.digest
        newly = whole and not self.evaluated
        self.evaluated = self.evaluated or whole
        return newly

    def _take_over_document(self, message: Message) -> None:
        match message:
            case PolicyDocument():
                self.policy, self.policy_digest = message.body, digest_document(message.body)
                self.data_step_ms = round(message.body.times.data_step_s * 1000)
            case ReleaseDocument():
                self.releases[digest_document(message.body)] = message.body
            case RolloutDocument():
                self._take_over_rollout(message.body)
            case Decision():
                self.steps[message.rollout] = message
            case BaselineDocument():
                self.baselines[message.subject] = message
            case KeyActivationDocument():
                self.masters = frozenset(message.body.mac_masters)
            case KernelVersionDocument():
                self.kernel = message.body.kernel
            case Acknowledgement():
                self.acknowledged[message.target.key] = message
            case Effect():
                self.effects[message.rollout] = message
            case _:
                self._take_over_word(message)

    def _take_over_rollout(self, rollout: Rollout) -> None:
        former = self.rollouts.get(rollout.rollout)
        if former is not None:
            for found in self._list_places(former):
                found.discard(rollout.rollout)
        for found in self._list_places(rollout):
            found.add(rollout.rollout)
        self.rollouts[rollout.rollout] = rollout
        self.rollout_digests[rollout.rollout] = digest_document(rollout)

    def _list_places(self, rollout: Rollout) -> list[set[str]]:
        cohorts = [self._by_cohort[cohort] for cohort in rollout.cohorts()]
        return [*cohorts, *(self._by_target[entry.target.key] for entry in rollout.targets)]

    def _take_over_word(self, message: Message) -> None:
        """What people say of rollouts that are under way, and of whom they meet."""
        match message:
            case ApprovalDocument():
                self.approvals[message.subject] = message.body
            case OrderDocument():
                self.orders[message.body.rollout] = message
            case StopDocument():
                self.stops[message.subject] = message.body
            case OverrideDocument():
                self.overrides.put(message.body)
            case DrillRunDocument():
                self.drills[message.body.gateway] = message.body
            case SafetyRegressionDocument():
                self.regressions[message.body.event] = message.body
            case _:
                pass

    def _encode(self, key: bytes) -> bytes:
        if key == _CLOCK:
            return frame(json.dumps(self._clock_fields(), sort_keys=True).encode(), _STATE_VERSION)
        kind, _, subject = key.decode().removeprefix(_DOCUMENT).partition("/")
        version, envelope = self._documents[ControlType(kind), subject]
        return frame(version.to_bytes(8, "big") + envelope, _STATE_VERSION)

    def _clock_fields(self) -> dict[str, object]:
        return {
            "log_time_ms": self.log_time_ms,
            "evaluated": self.evaluated,
            "gaps": self.gaps,
            "missing": sorted(self.missing),
            "snapshot": self._snapshot,
            "snapshot_digests": self._snapshot_digests,
        }

    def _restore_clock(self, fields: dict[str, object]) -> None:
        self.log_time_ms = int(str(fields["log_time_ms"]))
        self.evaluated = bool(fields["evaluated"])
        self.gaps = int(str(fields["gaps"]))
        self.missing = set(_as_list(fields["missing"]))
        snapshot = fields["snapshot"]
        self._snapshot = None if snapshot is None else (_as_list(snapshot)[0], _as_list(snapshot)[1])
        self._snapshot_digests = [str(digest) for digest in _as_list(fields["snapshot_digests"])]

    def _restore_document(self, kind: ControlType, subject: str, data: bytes) -> None:
        version, envelope = int.from_bytes(data[:8], "big"), data[8:]
        self._documents[kind, subject] = (version, envelope)
        self._take_over_document(_parse(CONTROL_KINDS[kind].model, read_envelope(envelope)[1]))


@lru_cache(maxsize=256)
def _parse(model: type[Message], payload: bytes) -> Message:
    """Read a document; remembered, because every partition of a worker reads the same ones. Raises `PoisonRecord`."""
    return parse_message(model, payload)[0]


def digest_snapshot(digests: Iterable[str]) -> str:
    """The digest that ends a snapshot: of the sorted digests of its documents' envelopes."""
    return digest_bytes("\n".join(sorted(digests)).encode())


def _document_key(kind: ControlType, subject: str) -> bytes:
    return f"{_DOCUMENT}{kind.value}/{subject}".encode()


def _as_list(value: object) -> list[int]:
    assert isinstance(value, (list, tuple))
    return list(value)

"""The recall list: a tenant's own work under a release, what its tools may have written, and who corrected it.

Ids, times and words of closed lists only, of one tenant only: records under other tenants' keys are not even read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from homeostat.schemas.canonical import digest_document
from homeostat.schemas.cloudevent import read_event
from homeostat.schemas.control import CONTROL_HEADER, ControlType, ReleaseDocument
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.headers import find_header
from homeostat.schemas.log import Record
from homeostat.schemas.mac import MAC_HEADER, authenticate_trace, derive_tenant_key, read_mac, same_mac, start_trace_mac
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.release import ReleaseManifest, SideEffect
from homeostat.schemas.trace import FeedbackKind, FeedbackTrace, ToolOutcome, WorkTrace
from homeostat.streams.archive.reader import ArchiveReader

UNDECLARED = "undeclared"
"""In place of the side effects of a tool that the manifest does not declare."""
CORRECTS = frozenset({FeedbackKind.EDIT, FeedbackKind.OVERRIDE})


class Correction(NamedTuple):
    """Feedback that changed the work: what people did, and when (the broker's time)."""

    kind: FeedbackKind
    at_ms: int


@dataclass
class RecalledWork:
    """One piece of work; `side_effects` are those that the manifest declares for the tools that it called."""

    trace: WorkTrace
    side_effects: tuple[str, ...]
    corrections: list[Correction] = field(default_factory=list)
    feedback: list[FeedbackKind] = field(default_factory=list)


class Recall(NamedTuple):
    """A tenant's list; `checked` is whether MACs were, `refused` how many of the tenant's records did not hold."""

    tenant: str
    release: str
    works: Sequence[RecalledWork]
    manifest: ReleaseManifest | None
    checked: bool
    refused: int

    def say_trust(self) -> str:
        """How far the list can be believed."""
        return f"MACs checked, {self.refused} records refused" if self.checked else "MACs not checked: give --masters"


def recall_work(reader: ArchiveReader, tenant: str, release: str, masters: Mapping[str, bytes] | None = None) -> Recall:
    """Read the list from an archive of `traces.v1`; `masters` by id let forged records be left out."""
    scan = _Scan(tenant, release, masters)
    for partition in reader.partitions:
        for part in reader.read(partition):
            for record in part.block:
                scan.take(record)
    return scan.conclude()


class _Scan:
    """One pass: a release's manifest may come after its work, feedback before it (another partition of a giant)."""

    def __init__(self, tenant: str, release: str, masters: Mapping[str, bytes] | None) -> None:
        self._tenant, self._release, self._masters = tenant, release, masters
        self._key = tenant.encode()
        self._works: dict[str, WorkTrace] = {}
        self._feedback: dict[str, dict[str, tuple[FeedbackTrace, int]]] = {}
        self._manifest: ReleaseManifest | None = None
        self._refused = 0

    def take(self, record: Record) -> None:
        """Look at one record of the topic."""
        control = find_header(record.headers, CONTROL_HEADER)
        if control is not None:
            if control == ControlType.RELEASE.value.encode() and self._manifest is None:
                self._manifest = self._read_manifest(record)
        elif record.key is not None and record.key.partition(b"#")[0] == self._key:
            try:
                self._take_trace(record)
            except PoisonRecord:
                self._refused += 1

    def conclude(self) -> Recall:
        """The list, by time."""
        declared = _list_effects(self._manifest)
        works = []
        for trace in sorted(self._works.values(), key=lambda each: (each.work_time_ms, each.trace_id)):
            feedback = sorted(self._feedback.get(trace.work_id, {}).values(), key=lambda pair: pair[1])
            work = RecalledWork(trace, tuple(_find_effects(trace, declared)))
            work.feedback = [given.feedback for given, _ in feedback]
            work.corrections = [Correction(given.feedback, at) for given, at in feedback if given.feedback in CORRECTS]
            works.append(work)
        checked = self._masters is not None
        return Recall(self._tenant, self._release, works, self._manifest, checked, self._refused)

    def _take_trace(self, record: Record) -> None:
        event = read_event(record.headers, record.value)
        if event.type not in (WorkTrace.ce_type, FeedbackTrace.ce_type):
            return
        if self._masters is not None:
            self._authenticate(record, event.id)
        if event.type == WorkTrace.ce_type:
            work, _ = parse_message(WorkTrace, event.data)
            if self._is_meant(work.tenant, work.release):
                self._works.setdefault(work.trace_id, work)
        else:
            given, _ = parse_message(FeedbackTrace, event.data)
            if self._is_meant(given.tenant, given.release):
                self._feedback.setdefault(given.work_id, {}).setdefault(given.trace_id, (given, record.timestamp))

    def _is_meant(self, tenant: str, release: str) -> bool:
        if tenant != self._tenant:
            raise PoisonRecord(Refusal.WRONG_TENANT)
        return release == self._release

    def _authenticate(self, record: Record, event_id: str) -> None:
        key_id, mac = read_mac(find_header(record.headers, MAC_HEADER))
        master = (self._masters or {}).get(key_id)
        if master is None:
            raise PoisonRecord(Refusal.MAC_KEY_UNKNOWN)
        keyed = start_trace_mac(derive_tenant_key(master, self._tenant))
        if not same_mac(authenticate_trace(keyed, event_id.encode(), record.value or b""), mac):
            raise PoisonRecord(Refusal.MAC_BAD)

    def _read_manifest(self, record: Record) -> ReleaseManifest | None:
        """The manifest, if it is the release's: its digest is its name, whoever copied it."""
        try:
            document, _ = parse_message(ReleaseDocument, read_envelope(record.value)[1])
        except (PoisonRecord, SignatureRefused):
            return None
        return document.body if digest_document(document.body) == self._release else None


def _list_effects(manifest: ReleaseManifest | None) -> Mapping[str, Sequence[SideEffect]]:
    artifacts = () if manifest is None else manifest.artifacts
    return {tool: artifact.side_effects for artifact in artifacts for tool in artifact.tools}


def _find_effects(trace: WorkTrace, declared: Mapping[str, Sequence[SideEffect]]) -> Iterator[str]:
    """The side effects of the tools that were called and did not refuse, each once."""
    called = [call.tool for call in trace.tools if call.outcome is not ToolOutcome.REFUSED]
    found = [effect.value for tool in called for effect in declared.get(tool, ()) if effect is not SideEffect.NONE]
    undeclared = [UNDECLARED for tool in called if tool not in declared]
    yield from dict.fromkeys([*found, *undeclared])

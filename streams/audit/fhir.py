"""The audit as FHIR R4: one AuditEvent an entry, as a line of NDJSON."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from homeostat.detectors.trust import TrustStore
from homeostat.schemas.audit import AuditEntry, AuditKind
from homeostat.schemas.parsing import parse_message
from homeostat.streams.audit.log import AuditLog
from homeostat.streams.audit.merkle import hash_leaf
from homeostat.streams.audit.trees import to_digest
from homeostat.streams.errors import SettingsInvalid

_DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_HL7: Final = "http://terminology.hl7.org/CodeSystem"
_OWN: Final = "urn:homeostat"
_ACTIVITY = {"system": _DICOM, "code": "110100", "display": "Application Activity"}
_ALERT = {"system": _DICOM, "code": "110113", "display": "Security Alert"}
_SERVER = {"system": f"{_HL7}/security-source-type", "code": "4", "display": "Application Server"}
_OBJECT = {"system": f"{_HL7}/audit-entity-type", "code": "2", "display": "System Object"}
_STATED: Final = frozenset({AuditKind.DOCUMENT, AuditKind.APPROVAL})
_SUCCESS, _MINOR_FAILURE, _SERIOUS_FAILURE = "0", "4", "8"


def write_events(path: Path, log: AuditLog, trust: TrustStore) -> int:
    """Write a log that was verified; how many lines that are. Raises `SettingsInvalid` for a file that exists."""
    if path.exists():
        raise SettingsInvalid(f"{path} exists: choose another --out")
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(event, separators=(",", ":")) + "\n" for event in tell_events(log, trust)]
    path.write_text("".join(lines), encoding="utf-8")
    return len(lines)


def tell_events(log: AuditLog, trust: TrustStore) -> Iterator[dict[str, Any]]:
    """The AuditEvent of each entry, partition by partition. Raises `PoisonRecord` for what is no entry."""
    for partition in range(log.partitions):
        for index, stored in enumerate(log.of(partition)):
            entry, _ = parse_message(AuditEntry, stored.value)
            leaf = to_digest(hash_leaf(stored.value))
            yield _tell_event(f"{partition}-{index}", entry, leaf, trust)


def _tell_event(name: str, entry: AuditEntry, leaf: str, trust: TrustStore) -> dict[str, Any]:
    """`name` is partition and index in the audit; a signature that did not hold, or a refusal, is a failure."""
    outcome, why = _judge(entry)
    return {
        "resourceType": "AuditEvent",
        "id": name,
        "type": _ACTIVITY if entry.refused is None else _ALERT,
        "subtype": [{"system": f"{_OWN}:audit-kind", "code": entry.kind.value}],
        "action": "C" if entry.kind in _STATED else "E",
        "recorded": _tell_instant(entry.at_ms),
        "outcome": outcome,
        **({"outcomeDesc": why} if why else {}),
        "agent": [_tell_agent(key_id, trust) for key_id in entry.signed_by] or [_tell_nobody(entry)],
        "source": {"observer": {"display": "Homeostat audit"}, "type": [_SERVER]},
        "entity": [_tell_record(entry, leaf), *(_tell_named(each) for each in entry.about)],
    }


def _tell_instant(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _judge(entry: AuditEntry) -> tuple[str, str]:
    if entry.refused is not None:
        return _SERIOUS_FAILURE, f"not to be believed: {entry.refused.value}"
    if entry.kind is AuditKind.REFUSAL:
        return _MINOR_FAILURE, "refused by the sequencer"
    return _SUCCESS, ""


def _tell_agent(key_id: str, trust: TrustStore) -> dict[str, Any]:
    """Whoever held a key whose signature was checked; its role and name where the trust folder still has them."""
    key = trust.keys.get(key_id)
    agent: dict[str, Any] = {"who": _identify("key", key_id), "requestor": True}
    if key is not None:
        agent["type"] = {"coding": [{"system": f"{_OWN}:role", "code": key.role.value}]}
        agent["name"] = key.name or key.role.value
    return agent


def _tell_nobody(entry: AuditEntry) -> dict[str, Any]:
    display = "not signed" if entry.refused is None else f"unknown: {entry.refused.value}"
    return {"who": {"display": display}, "requestor": entry.kind is not AuditKind.REFUSAL}


def _tell_record(entry: AuditEntry, leaf: str) -> dict[str, Any]:
    """The audited record: where it lies, its digest, and the entry's leaf in the audit's tree."""
    return {
        "what": _identify("record", f"{entry.topic}/{entry.partition}/{entry.offset}"),
        "type": _OBJECT,
        "name": entry.subject,
        "detail": [{"type": "digest", "valueString": entry.digest}, {"type": "leaf", "valueString": leaf}],
    }


def _tell_named(name: str) -> dict[str, Any]:
    return {"what": _identify("name", name), "type": _OBJECT}


def _identify(kind: str, value: str) -> dict[str, Any]:
    return {"identifier": {"system": f"{_OWN}:{kind}", "value": value}}

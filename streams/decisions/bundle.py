"""The evidence bundle: a dossier in a folder, from which the decision comes out again without a broker.

bundle.json        what decided, with which code, the SHA-256 of every other file, and its own
decision.json      the decision's bytes; decision.dsse.json as it was signed
log.parquet        every record that the guard read, from a snapshot up to the mark
digests.parquet    by offset the digest of each of them
evidence.parquet   the rollout's statistics over time, a row a record, cohort and guardrail
documents/         policy, rollout, releases and what else was stated, as JSON
difference.json    in what candidate and control differ
configuration.json the effective configuration of each target, and whether its digest is the one in the decision
cohorts.json       who was exposed, and to how many sessions
actions.parquet    intents, desired states and acknowledgements that followed, as they were signed
trust/             the public keys that all of it is checked with
"""

import json
import platform
import shutil
from collections.abc import Iterator, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import rfc8785

from homeostat.detectors.trust import TrustStore
from homeostat.schemas.canonical import digest_bytes, digest_document
from homeostat.schemas.control import Document
from homeostat.schemas.dead_letter import Original, pack_original
from homeostat.schemas.decision import Decision
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.log import LogRecord
from homeostat.schemas.topics import EVIDENCE
from homeostat.streams.audit.records_file import read_records_file, write_records
from homeostat.streams.backtest.dump_file import DumpHead, DumpRow, read_dump, read_head, write_dump
from homeostat.streams.decisions.course_of_evidence import SCHEMA, Starts, count_starts, follow_evidence
from homeostat.streams.decisions.dossier import Dossier, open_decision
from homeostat.streams.decisions.replay import Course
from homeostat.streams.errors import SettingsInvalid
from homeostat.streams.keys import load_trust
from homeostat.streams.registry.tell_diff import diff_to_json

FORMAT: Final = "homeostat-bundle-1"
MANIFEST, LOG, DIGESTS = "bundle.json", "log.parquet", "digests.parquet"
_DIGESTS = pa.schema([pa.field("offset", pa.int64(), nullable=False), pa.field("digest", pa.string(), nullable=False)])
_MOST_NAMED = 20


class BundleChanged(DocumentInvalid):
    """A bundle of which a file is missing, added or not the one that was exported; the text names each."""


def write_bundle(dossier: Dossier, folder: Path, trust_folder: Path) -> None:
    """Write a dossier into a new or empty folder. Raises `SettingsInvalid` for one that holds something."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsInvalid(f"{folder} already holds something: choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    course = dossier.course
    (folder / "decision.json").write_bytes(dossier.payload)
    (folder / "decision.dsse.json").write_bytes(dossier.envelope)
    write_dump(
        folder / LOG, DumpHead(EVIDENCE, course.partitions), (DumpRow(course.partition, r) for r in dossier.records)
    )
    pq.write_table(pa.Table.from_pylist(list(_digest_rows(dossier.records)), _DIGESTS), folder / DIGESTS)
    standings = [standing._asdict() for standing in follow_evidence(dossier.evidence())]
    pq.write_table(pa.Table.from_pylist(standings, SCHEMA), folder / "evidence.parquet", compression="zstd")
    _write_documents(dossier, folder / "documents")
    _write_json(folder / "difference.json", _tell_difference(dossier))
    _write_json(folder / "configuration.json", _tell_configuration(dossier))
    _write_json(folder / "cohorts.json", _tell_cohorts(dossier))
    write_records(folder / "actions.parquet", dossier.actions)
    _copy_trust(trust_folder, folder / "trust")
    _write_json(folder / MANIFEST, _tell_bundle(dossier, folder))


def read_bundle(folder: Path, trust: TrustStore | None = None) -> tuple[Dossier, TrustStore]:
    """Read a bundle, and with whose keys it was checked: `trust`, or those that it brings.

    Raises `BundleChanged`, `SignatureRefused` for a decision that no guard signed, or `DocumentInvalid` for a folder
    that is no bundle.
    """
    about = check_files(folder)
    store = trust or load_trust(folder / "trust")
    envelope = (folder / "decision.dsse.json").read_bytes()
    payload, decision, signed_by = open_decision(envelope, store)
    head = read_head(folder / LOG)
    if head is None or payload != (folder / "decision.json").read_bytes():
        raise BundleChanged(f"{folder}: decision.json is not what was signed, or {LOG} is no log")
    course = Course(decision.source_partition, head.partitions, decision.mark)
    records = [row.record for row in read_dump(folder / LOG)]
    others = [*_find_other_facts(about, _tell_facts(decision, course)), *_find_other_inputs(folder, records)]
    if others:
        raise BundleChanged(f"{folder} contradicts itself: {'; '.join(others)}")
    actions = list(read_records_file(folder / "actions.parquet"))
    notes = [str(note) for note in about["notes"]]
    replays = bool(about["stage"]["replays"])
    return Dossier(envelope, payload, decision, signed_by, course, records, replays, actions, notes), store


def check_files(folder: Path) -> dict[str, Any]:
    """Hold every file against the manifest, and give it. Raises `BundleChanged`, naming each file and each input."""
    try:
        written = (folder / MANIFEST).read_bytes()
        about: dict[str, Any] = json.loads(written)
        expected = {str(each["name"]): str(each["sha256"]) for each in about["files"]}
        is_whole = about["digest"] == _digest_manifest(about) and written == _to_bytes(about)
        if about["bundle"] != FORMAT:
            expected = {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DocumentInvalid(f"{folder} is no bundle that `homeostat decision export` wrote ({error})") from None
    found = {name: _digest_file(folder / name) for name in _list_files(folder)}
    wrong = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
    told = [f"{name} {_say(name in expected, name in found)}" for name in wrong]
    if not is_whole:
        told.append(f"{MANIFEST} has changed")
    if LOG in wrong and DIGESTS not in wrong:
        told += _name_inputs(folder)
    if told:
        raise BundleChanged(f"{folder} is not as it was exported: {'; '.join(told)}")
    return about


def _name_inputs(folder: Path) -> list[str]:
    """The inputs of a changed log that are others now; nothing where it cannot be read any more."""
    try:
        return _find_other_inputs(folder, [row.record for row in read_dump(folder / LOG)])
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return []


def _find_other_inputs(folder: Path, records: Sequence[LogRecord]) -> list[str]:
    """The inputs that are not those whose digests were kept beside them."""
    kept = {row["offset"]: row["digest"] for row in pq.read_table(folder / DIGESTS).to_pylist()}
    now = {row["offset"]: row["digest"] for row in _digest_rows(records)}
    changed = sorted(offset for offset in {*kept, *now} if kept.get(offset) != now.get(offset))
    return [f"input {EVIDENCE} offset {offset}" for offset in changed[:_MOST_NAMED]]


def _find_other_facts(about: dict[str, Any], facts: dict[str, Any]) -> list[str]:
    """What the manifest says otherwise than the signed decision and the log."""
    said = {**about, **about["stage"]}
    return [f"{name} {said.get(name)} instead of {fact}" for name, fact in facts.items() if said.get(name) != fact]


def _digest_rows(records: Sequence[LogRecord]) -> Iterator[dict[str, Any]]:
    for record in records:
        original = Original(record.key, record.value, record.headers)
        packed = f"{record.offset} {record.timestamp} ".encode() + pack_original(original)
        yield {"offset": record.offset, "digest": digest_bytes(packed)}


def _tell_bundle(dossier: Dossier, folder: Path) -> dict[str, Any]:
    course, decision = dossier.course, dossier.decision
    files = [
        {"name": name, "sha256": _digest_file(folder / name), "bytes": (folder / name).stat().st_size}
        for name in _list_files(folder)
    ]
    facts = _tell_facts(decision, course)
    stage = {name: facts.pop(name) for name in Course._fields}
    about = {
        "bundle": FORMAT,
        **facts,
        "stage": {"name": "guard", **stage, "first": dossier.records[0].offset, "replays": dossier.replays},
        "code": {"homeostat": version("homeostat"), "python": platform.python_version(), "numpy": version("numpy")},
        "notes": dossier.notes,
        "files": files,
    }
    return {**about, "digest": _digest_manifest(about)}


def _tell_facts(decision: Decision, course: Course) -> dict[str, Any]:
    """What the manifest repeats of the decision and of where it was taken."""
    return {
        "decision": decision.decision,
        "rollout": decision.rollout,
        "sources": [source.model_dump() for source in decision.sources],
        "policy_digest": decision.policy_digest,
        "rollout_digest": decision.rollout_digest,
        **course._asdict(),
    }


def _digest_manifest(about: dict[str, Any]) -> str:
    """The digest of the manifest's other fields, as canonical JSON."""
    return digest_bytes(rfc8785.dumps({name: value for name, value in about.items() if name != "digest"}))


def _tell_difference(dossier: Dossier) -> dict[str, Any]:
    decision, difference = dossier.decision, dossier.difference()
    control, candidate = dossier.release(decision.control), dossier.release(decision.candidate)
    if difference is None or control is None or candidate is None:
        return {"before": {"digest": decision.control}, "after": {"digest": decision.candidate}}
    return diff_to_json(control, candidate, difference)


def _tell_configuration(dossier: Dossier) -> dict[str, Any]:
    targets = [target.model_dump(mode="json") for target in dossier.configurations()]
    return {"digest": dossier.decision.configuration, "same": dossier.has_configuration(), "targets": targets}


def _tell_cohorts(dossier: Dossier) -> list[dict[str, Any]]:
    starts = count_starts(dossier.evidence())
    rollout = dossier.rollout()
    cohorts = sorted({*starts, *([] if rollout is None else rollout.cohorts())})
    names = ("tenant", "specialty", "workflow")
    return [
        {**dict(zip(names, cohort, strict=True)), **starts.get(cohort, Starts(0, 0))._asdict()} for cohort in cohorts
    ]


def _write_documents(dossier: Dossier, folder: Path) -> None:
    folder.mkdir()
    for message in dossier.documents():
        name = message.ce_type.rpartition(".")[2]
        digest = digest_document(message.body)[7:19] if isinstance(message, Document) else ""
        (folder / f"{name}-{digest}.json").write_bytes(message.model_dump_json(indent=2).encode() + b"\n")


def _copy_trust(trust_folder: Path, to: Path) -> None:
    to.mkdir()
    for path in sorted([*trust_folder.glob("*.json"), *trust_folder.glob("root*.pub")]):
        shutil.copyfile(path, to / path.name)


def _list_files(folder: Path) -> list[str]:
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if name != MANIFEST)


def _digest_file(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _say(was: bool, is_there: bool) -> str:
    if was and is_there:
        return "has changed"
    return "is missing" if was else "was not there"


def _write_json(path: Path, document: Any) -> None:
    path.write_bytes(_to_bytes(document))


def _to_bytes(document: Any) -> bytes:
    return json.dumps(document, indent=2).encode() + b"\n"

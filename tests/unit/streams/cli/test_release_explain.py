"""`homeostat release explain` on an archive: every artifact that shaped a trace, as the log had it before the trace."""

import json
from pathlib import Path
from typing import Any

import pytest

from homeostat.detectors.releases.override_book import OverrideBook
from homeostat.schemas.canonical import derive_id, digest_document
from homeostat.schemas.control import ReleaseDocument
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.trace import Arm, ToolCall, ToolOutcome
from homeostat.streams.archive.store import ArchiveStore
from homeostat.streams.cli.main import run_with
from tests.builders import documents
from tests.builders.artifacts import MODEL, TOOLS, artifact, override, override_document, release
from tests.builders.documents import ROLLOUT_ID
from tests.builders.keys import write_trust
from tests.builders.scenario import Scenario, control
from tests.builders.traces import feedback, trace, work
from tests.unit.streams.archive.logs import write_range

EHR = artifact(TOOLS, "2.1", name="ehr", tools=("read", "write"), owner="integration-team")
RELEASE = release(artifact(MODEL, "3"), EHR, title="Scribe 15")
DIGEST = digest_document(RELEASE)
NARROW = override("tenant-1", allowed_tools=("read",))
TRACE, FEEDBACK, UNKNOWN = derive_id("work", 1), derive_id("feedback", 1), derive_id("work", 2)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A log in two files: documents, a candidate's trace in a rollout, and what changed afterwards."""
    log, rollout = Scenario(), documents.rollout(candidate=DIGEST, title="Fifteen")
    log.begin(None, [documents.document(RELEASE), documents.document(rollout), override_document(NARROW)])
    log.control(documents.decision(rollout, 1, RolloutPhase.EXPOSING, reason="echoed by all"))
    calls = (ToolCall(tool="write", outcome=ToolOutcome.OK), ToolCall(tool="send", outcome=ToolOutcome.OK))
    tags: dict[str, Any] = {"tenant": "tenant-1", "release": DIGEST, "arm": Arm.CANDIDATE, "rollout": ROLLOUT_ID}
    middle = len(log.log)
    log.add(trace(work(1, {}, trace_id=TRACE, tools=calls, **tags)))
    log.add(trace(feedback(1, {}, **tags)))
    log.add(trace(work(2, {}, trace_id=UNKNOWN, tenant="tenant-1", release="sha256:" + "00" * 32)))
    log.control(override_document(override("tenant-1", allowed_tools=()), version=2))
    log.control(documents.decision(rollout, 2, RolloutPhase.ROLLED_BACK, reason="harmful"))
    store = ArchiveStore(str(tmp_path / "archive"))
    write_range(store, log.log, 0, middle)
    write_range(store, log.log, middle, len(log.log))
    return tmp_path / "archive"


@pytest.fixture
def trust_folder(tmp_path: Path) -> Path:
    return write_trust(tmp_path / "trust")


def explain(capsys: pytest.CaptureFixture[str], trace_id: str, archive: Path, trust: Path, *more: str) -> str:
    code = run_with(["release", "explain", trace_id, "--archive", str(archive), "--trust", str(trust), *more])
    said = capsys.readouterr()
    assert code == 0, said.err
    return said.out


def test_everything_that_shaped_a_trace_is_told(
    archive: Path, trust_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = json.loads(explain(capsys, TRACE, archive, trust_folder, "--json"))
    assert (found["release"], found["trace"]["arm"]) == (DIGEST, "candidate")
    assert [each["name"] for each in found["manifest"]["artifacts"]] == ["a", "ehr"]
    assert (found["tools_called"], found["tools_undeclared"]) == (["send", "write"], ["send"])
    assert (found["rollout"]["title"], found["step"]["phase"], found["step"]["step"]) == ("Fifteen", "exposing", 1)
    assert found["configuration"]["settings"]["allowed_tools"] == ["read"]
    assert found["configuration"]["configuration"] == OverrideBook([NARROW]).digest([("tenant-1", "scribe")])
    assert found["configuration"]["switched_off"] == ["write"]


def test_people_read_a_table(archive: Path, trust_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = explain(capsys, TRACE, archive, trust_folder)
    for words in (
        "arm candidate",
        f"release {DIGEST}: 'Scribe 15' by operator, risk medium, parent none",
        f"rollout {ROLLOUT_ID} 'Fifteen', cohort_canary, share 0.5; step 1, exposing: echoed by all",
        "integration-team",
        "called without being declared by any artifact: send",
        "allowed_tools",
    ):
        assert words in text


def test_feedback_leads_to_the_release_of_its_work(
    archive: Path, trust_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"release {DIGEST}: 'Scribe 15'" in explain(capsys, FEEDBACK, archive, trust_folder)


def test_a_release_without_a_document_is_said_to_be_unknown(
    archive: Path, trust_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = explain(capsys, UNKNOWN, archive, trust_folder)
    assert "no document of it came before the trace" in text
    assert "no rollout" in text


def test_a_trace_that_is_not_there_and_an_archive_that_is_not_named(
    archive: Path, trust_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = ["release", "explain", derive_id("work", 9), "--trust", str(trust_folder)]
    assert run_with([*gone, "--archive", str(archive)]) == 4
    assert "no trace" in capsys.readouterr().err
    assert run_with(gone) == 2
    assert "--archive" in capsys.readouterr().err


def test_a_document_that_no_operator_signed_shapes_nothing(
    tmp_path: Path, trust_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Scenario()
    forged = ReleaseDocument(subject=DIGEST, subject_version=1, at_ms=0, body=RELEASE)
    log.add(control(forged, role=SignerRole.GUARD))
    log.add(trace(work(1, {}, trace_id=TRACE, release=DIGEST)))
    write_range(ArchiveStore(str(tmp_path / "archive")), log.log, 0, len(log.log))
    assert "no document of it came before the trace" in explain(capsys, TRACE, tmp_path / "archive", trust_folder)

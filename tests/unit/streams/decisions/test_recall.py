"""The recall list: a tenant's own work under a release, with what it may have written and whether it was corrected."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from homeostat.schemas.canonical import digest_document
from homeostat.schemas.log import LogRecord
from homeostat.schemas.release import Artifact, ArtifactKind, ReleaseManifest, SideEffect
from homeostat.schemas.trace import Arm, FeedbackKind, ToolCall, ToolOutcome
from homeostat.streams.archive.reader import ArchiveReader
from homeostat.streams.archive.store import ArchiveStore
from homeostat.streams.cli.main import run_with
from homeostat.streams.decisions.recall import Recall, recall_work
from homeostat.streams.decisions.recall_file import write_recall
from homeostat.streams.errors import SettingsInvalid
from tests.builders import documents
from tests.builders.keys import MASTERS
from tests.builders.scenario import control
from tests.builders.traces import Draft, feedback, trace, work
from tests.unit.streams.archive.logs import write_range

TOOLS = Artifact(
    kind=ArtifactKind.TOOL_CONTRACTS,
    name="ehr",
    artifact_version="7",
    digest="sha256:" + "ab" * 32,
    side_effects=(SideEffect.CHART, SideEffect.ORDER),
    tools=("write-chart", "place-order"),
)
BAD = ReleaseManifest(title="bad", artifacts=(*documents.CANDIDATE.artifacts, TOOLS))
RELEASE = digest_document(BAD)


def bad(**fields: Any) -> dict[str, Any]:
    return {"release": RELEASE, "arm": Arm.CANDIDATE, **fields}


def drafts() -> list[Draft]:
    wrote = (
        ToolCall(tool="write-chart", outcome=ToolOutcome.OK),
        ToolCall(tool="send-fax", outcome=ToolOutcome.TIMEOUT),
    )
    refused = (ToolCall(tool="place-order", outcome=ToolOutcome.REFUSED),)
    forged = trace(work("forged", {}, **bad()))
    return [
        trace(feedback("written", {}, feedback=FeedbackKind.OVERRIDE, **bad())),
        trace(work("written", {}, tools=wrote, **bad())),
        trace(work("written", {}, tools=wrote, **bad())),
        trace(work("plain", {}, tools=refused, **bad())),
        trace(feedback("plain", {}, feedback=FeedbackKind.ACCEPTANCE, **bad())),
        trace(work("other release", {})),
        trace(work("other tenant", {}, tenant="tenant-2", **bad())),
        trace(feedback("other tenant", {}, tenant="tenant-2", feedback=FeedbackKind.EDIT, **bad())),
        forged._replace(value=(forged.value or b"").replace(b"scribe", b"scribf")),
        Draft(b"tenant-1", b"no trace", []),
        trace(work("not theirs", {}, tenant="tenant-2", **bad()), key="tenant-1"),
    ]


@pytest.fixture
def reader(tmp_path: Path) -> ArchiveReader:
    return archive(tmp_path / "archive", [control(documents.document(BAD)), *drafts()])


def archive(folder: Path, written: Sequence[Draft]) -> ArchiveReader:
    log = [LogRecord(at, documents.START_MS + at, *draft) for at, draft in enumerate(written)]
    store = ArchiveStore(str(folder))
    write_range(store, log, 0, len(log))
    return ArchiveReader(store, "traces.v1")


def ids(recall: Recall) -> set[str]:
    return {each.trace.trace_id for each in recall.works}


def test_it_has_the_tenants_work_under_the_release_once_and_nobody_elses(reader: ArchiveReader) -> None:
    recall = recall_work(reader, "tenant-1", RELEASE, MASTERS)
    assert ids(recall) == {work(number, {}, **bad()).trace_id for number in ("written", "plain")}
    assert {each.trace.tenant for each in recall.works} == {"tenant-1"}
    assert (recall.checked, recall.refused) == (True, 3)
    assert recall.say_trust() == "MACs checked, 3 records refused"


def test_it_says_what_tools_may_have_written_and_who_corrected_it(reader: ArchiveReader) -> None:
    works = {work.trace.tools[0].tool: work for work in recall_work(reader, "tenant-1", RELEASE, MASTERS).works}
    written, plain = works["write-chart"], works["place-order"]
    assert written.side_effects == ("chart", "order", "undeclared")
    assert [(each.kind, each.at_ms) for each in written.corrections] == [("override", documents.START_MS + 1)]
    assert (plain.side_effects, plain.corrections, plain.feedback) == ((), [], [FeedbackKind.ACCEPTANCE])


def test_without_masters_it_says_that_nothing_was_checked(reader: ArchiveReader) -> None:
    recall = recall_work(reader, "tenant-1", RELEASE)
    assert recall.say_trust() == "MACs not checked: give --masters"
    assert len(recall.works) == 3


def test_without_its_manifest_side_effects_are_undeclared(tmp_path: Path) -> None:
    other = control(documents.document(documents.CANDIDATE))
    recall = recall_work(archive(tmp_path / "archive", [other, *drafts()]), "tenant-1", RELEASE, MASTERS)
    assert recall.manifest is None
    assert {effect for each in recall.works for effect in each.side_effects} == {"undeclared"}


def test_each_ending_writes_the_same_rows(reader: ArchiveReader, tmp_path: Path) -> None:
    recall = recall_work(reader, "tenant-1", RELEASE, MASTERS)
    for ending in ("parquet", "csv", "json"):
        write_recall(tmp_path / f"list.{ending}", recall)
    table = pq.read_table(tmp_path / "list.parquet")
    assert table.schema.metadata[b"tenant"] == b"tenant-1"
    body = json.loads((tmp_path / "list.json").read_bytes())
    rows = list(csv.DictReader((tmp_path / "list.csv").read_text().splitlines()))
    told = [[each["trace_id"] for each in listed] for listed in (table.to_pylist(), body["works"], rows)]
    assert told[0] == told[1] == told[2]
    assert table["corrected"].to_pylist() == [each["corrected"] for each in body["works"]]
    with pytest.raises(SettingsInvalid, match=r"\.parquet, \.csv, \.json"):
        write_recall(tmp_path / "list.txt", recall)


def test_the_command_writes_the_list(reader: ArchiveReader, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reader.files
    to = tmp_path / "list.csv"
    command = ["decision", "recall", "--tenant", "tenant-1", "--release", RELEASE, "--out", str(to)]
    assert run_with([*command, "--archive", str(tmp_path / "archive")]) == 0
    assert "3 works of tenant-1, 1 corrected; MACs not checked" in capsys.readouterr().out
    assert to.is_file()

"""An archive of a log gives what a dump of it gives: the same findings, the same state bytes."""

import json
from pathlib import Path
from typing import Any

import pytest

from homeostat.detectors.backtest import replay_batches
from homeostat.schemas.log import LogRecord
from homeostat.schemas.topics import STAGE_INPUTS, TRACES
from homeostat.streams.app import stage_factories
from homeostat.streams.archive.columns import FileHead, to_batch, to_parquet
from homeostat.streams.archive.layout import ArchiveFile, day_of
from homeostat.streams.archive.reader import ArchiveReader
from homeostat.streams.archive.store import ArchiveStore
from homeostat.streams.backtest import run
from homeostat.streams.backtest.dump_file import DumpHead, DumpRow, write_dump
from homeostat.streams.backtest.log_source import ArchiveSource, DumpSource
from homeostat.streams.backtest.platform import Platform
from homeostat.streams.cli.main import run_with
from tests.builders.canary_folder import PARTITIONS
from tests.builders.keys import MASTERS, trust
from tests.builders.scenario import Scenario
from tests.builders.traces import trace, work
from tests.unit.streams.archive.logs import list_records

FILE_RECORDS, OVERLAP = 40, 9


def log_of(kept: Platform, topic: str, partition: int) -> list[LogRecord]:
    return kept.topology.logs.log(topic, partition).read(0)


def archive_of(kept: Platform, folder: Path, topic: str) -> Path:
    """An archive as writers that were killed and replaced leave it: its files overlap."""
    store = ArchiveStore(str(folder / "archive"))
    for partition in range(PARTITIONS):
        log = log_of(kept, topic, partition)
        for at in range(0, len(log), FILE_RECORDS):
            rows = log[at : at + FILE_RECORDS + OVERLAP]
            file = ArchiveFile(topic, day_of(rows[0].timestamp), partition, rows[0].offset, rows[-1].offset + 1)
            head = FileHead(topic, PARTITIONS, "")
            store.write(file, to_parquet(head, [to_batch(topic, partition, rows)]))
    return folder / "archive"


@pytest.fixture(scope="module")
def archive(kept: Platform, folder: Path) -> Path:
    return archive_of(kept, folder, TRACES)


@pytest.fixture(scope="module")
def dump(kept: Platform, folder: Path) -> Path:
    rows = (DumpRow(part, record) for part in range(PARTITIONS) for record in log_of(kept, TRACES, part))
    write_dump(folder / "dump.parquet", DumpHead(TRACES, PARTITIONS), rows)
    return folder / "dump.parquet"


def open_archive(folder: Path, topic: str = TRACES) -> ArchiveSource:
    return ArchiveSource(str(folder), ArchiveReader(ArchiveStore(str(folder)), topic))


def test_findings_equal_those_of_the_dump(kept: Platform, archive: Path, dump: Path) -> None:
    keys = (kept.keys.trust(), kept.keys.masters)
    of_archive = run.run_log(open_archive(archive), *keys, None)
    of_dump = run.run_log(DumpSource(dump, DumpHead(TRACES, PARTITIONS)), *keys, None)
    assert of_archive["decisions"]
    assert {**of_archive, "file": ""} == {**of_dump, "file": ""}


@pytest.mark.parametrize("stage", STAGE_INPUTS)
def test_every_stage_over_its_archive_is_the_stage_that_ran(kept: Platform, tmp_path: Path, stage: str) -> None:
    source = open_archive(archive_of(kept, tmp_path, STAGE_INPUTS[stage]), STAGE_INPUTS[stage])
    factory = stage_factories(kept.keys.trust(), kept.keys.masters)[stage]
    for partition, parts in source.partitions():
        live = kept.topology.stage(stage, partition)
        replayed = replay_batches(factory(partition, PARTITIONS), (part.block for part in parts))
        assert replayed.state == live.state_records()
        assert replayed.next_offset == live.next_offset


def test_missing_offsets_are_said_with_the_findings(kept: Platform, archive: Path, tmp_path: Path) -> None:
    store = ArchiveStore(str(tmp_path))
    for file in ArchiveReader(ArchiveStore(str(archive)), TRACES).files:
        if file.partition or file.first != FILE_RECORDS:
            (tmp_path / file.folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / file.path).write_bytes((archive / file.path).read_bytes())
    keys = (kept.keys.trust(), kept.keys.masters)
    found = run.run_stage(ArchiveSource("", ArchiveReader(store, TRACES)), *keys, None)
    missing = f"partition 0: offsets {FILE_RECORDS + OVERLAP} to {2 * FILE_RECORDS - 1} are not in the archive"
    assert found["assumptions"] == [missing]


def test_traces_are_authenticated_with_the_installations_masters(tmp_path: Path) -> None:
    """Its first master has the name that a backtest gives to its own."""
    scenario = Scenario()
    scenario.begin()
    for number in range(5):
        scenario.add(trace(work(number, {"edit_ratio": 0.2})))
        scenario.tick(1.0)
    store = ArchiveStore(str(tmp_path))
    file = ArchiveFile(TRACES, day_of(scenario.now_ms), 0, 0, len(scenario.log))
    store.write(file, to_parquet(FileHead(TRACES, 1, ""), [to_batch(TRACES, 0, scenario.log)]))
    found = run.run_log(open_archive(tmp_path), trust(), MASTERS, None)
    assert found["records"] == len(scenario.log)
    assert found["refused"] == {}
    assert found["topics"]["evidence.v1"] > 0


def run_json(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert run_with([*arguments, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_the_commands_on_an_archive(
    archive: Path, dump: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys"
    assert run_with(["keys", "new", "--out", str(keys)]) == 0
    given = ["--trust", str(keys / "trust"), "--masters", str(keys / "masters"), "--stage"]
    capsys.readouterr()
    of_dump = run_json(["backtest", str(dump), *given], capsys)
    assert run_json(["backtest", str(archive), *given], capsys) | {"file": ""} == of_dump | {"file": ""}
    assert run_json(["backtest", f"file://{archive}", *given], capsys)["partitions"] == of_dump["partitions"]
    assert run_with(["backtest", str(archive), *given, "--from-day", "2030-01-01"]) == 4
    assert "in these days" in capsys.readouterr().err
    assert run_with(["backtest", str(archive), *given, "--from-day", "soon"]) == 2
    assert run_with(["backtest", str(tmp_path / "nothing"), *given]) == 2
    assert "does not exist: give a file of traces, a dump, or an archive" in capsys.readouterr().err


def test_the_archive_commands_on_an_archive(kept: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = str(archive_of(kept, tmp_path, TRACES))
    checked = run_json(["archive", "check", archive], capsys)
    assert [row["next"] for row in checked["partitions"]] == [len(log_of(kept, TRACES, part)) for part in range(2)]
    before = list_records(open_archive(Path(archive)).partitions()[0][1])
    done = run_json(["archive", "compact", archive], capsys)
    assert done["days"][0]["merged"] > done["days"][0]["into"] == PARTITIONS
    assert run_json(["archive", "check", archive], capsys)["files"] == PARTITIONS
    assert list_records(open_archive(Path(archive)).partitions()[0][1]) == before
    assert run_with(["archive", "check", archive]) == 0
    assert "complete" in capsys.readouterr().out

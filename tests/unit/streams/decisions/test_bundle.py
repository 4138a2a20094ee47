"""Evidence bundles: every decision comes out again to the same bytes, without a broker; a change is named."""

import json
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rfc8785

from homeostat.schemas.canonical import digest_bytes
from homeostat.schemas.decision import Decision, Verdict
from homeostat.schemas.errors import DocumentInvalid, SignatureRefused
from homeostat.streams.cli.main import run_with
from homeostat.streams.decisions.bundle import BundleChanged, check_files, read_bundle, write_bundle
from homeostat.streams.decisions.dossier import Dossier, gather_dossier
from homeostat.streams.decisions.replay import replay, tell_difference
from homeostat.streams.errors import SettingsInvalid
from homeostat.streams.keys import load_trust
from tests.builders.keys import trust
from tests.builders.store_topics import StoreTopics

POSITIONS = 12
"""Changed bytes a file, beside its first and last."""


@pytest.fixture(scope="session")
def dossiers(topics: StoreTopics, trust_folder: Path, decisions: list[Decision]) -> list[Dossier]:
    return [gather_dossier(topics, each.decision, load_trust(trust_folder)) for each in decisions]


@pytest.fixture(scope="session")
def exported(dossiers: list[Dossier], trust_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of the decision that took the candidate back."""
    folder = tmp_path_factory.mktemp("bundle") / "harmful"
    write_bundle(dossiers[-1], folder, trust_folder)
    return folder


@pytest.fixture
def bundle(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "copy"))


def test_every_decision_replays_to_the_same_bytes(dossiers: list[Dossier], trust_folder: Path, tmp_path: Path) -> None:
    assert [dossier.decision.verdict for dossier in dossiers] == [Verdict.BEGIN, Verdict.HARMFUL]
    for number, dossier in enumerate(dossiers):
        assert dossier.replays
        folder = tmp_path / str(number)
        write_bundle(dossier, folder, trust_folder)
        read, store = read_bundle(folder)
        assert replay(read.records, read.course, store) == [dossier.payload]
        assert read.payload == dossier.payload


def test_a_bundle_replays_in_a_process_that_has_no_settings_and_loads_no_client_of_a_broker(
    exported: Path, tmp_path: Path
) -> None:
    program = (
        "import sys; from homeostat.streams.cli.main import run_with; "
        f"status = run_with(['decision', 'replay', {str(exported)!r}]); "
        "print(sorted({'aiokafka', 'confluent_kafka', 'faust'} & set(sys.modules))); sys.exit(status)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said, loaded = done.stdout.splitlines()
    assert said.startswith(f"{exported}: same bytes")
    assert loaded == "[]"


def test_a_bundle_says_what_belongs_to_the_decision(exported: Path, decisions: list[Decision]) -> None:
    about = check_files(exported)
    assert about["decision"] == decisions[-1].decision
    assert about["sources"] == [source.model_dump() for source in decisions[-1].sources]
    difference = json.loads((exported / "difference.json").read_bytes())
    assert {change["kind"] for change in difference["artifacts"]} == {"model"}
    configuration = json.loads((exported / "configuration.json").read_bytes())
    assert (configuration["digest"], configuration["same"]) == (decisions[-1].configuration, True)
    cohorts = json.loads((exported / "cohorts.json").read_bytes())
    assert sum(each["candidate"] for each in cohorts) > 20
    standings = pq.read_table(exported / "evidence.parquet").to_pylist()
    last = {(row["tenant"], row["specialty"], row["signal"]): row for row in standings}
    for verdict in decisions[-1].guardrails:
        row = last[verdict.tenant, verdict.specialty, verdict.signal]
        assert (row["pairs"], row["log_e_harmful"]) == (verdict.pairs, pytest.approx(verdict.log_e_harmful))
    kinds = {path.name.partition("-")[0] for path in (exported / "documents").iterdir()}
    assert {"policy", "release", "rollout"} <= kinds


def test_a_changed_file_is_refused_by_the_command(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change_byte(bundle / "evidence.parquet", 200)
    assert run_with(["decision", "replay", str(bundle)]) == 4
    assert "evidence.parquet has changed" in capsys.readouterr().err


def change_byte(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_a_changed_byte_anywhere_is_refused_and_its_file_named(bundle: Path) -> None:
    for name in ["bundle.json", *(each["name"] for each in check_files(bundle)["files"])]:
        path = bundle / name
        before, size = path.read_bytes(), path.stat().st_size
        for at in {0, size - 1, *range(0, size, max(1, size // POSITIONS))}:
            change_byte(path, at)
            with pytest.raises(DocumentInvalid, match=rf"{name} has changed|copy is no bundle"):
                check_files(bundle)
            path.write_bytes(before)
    check_files(bundle)


def test_every_input_that_is_changed_is_named_by_its_offset(bundle: Path) -> None:
    table = pq.read_table(bundle / "log.parquet")
    rows = table.to_pylist()
    for number, row in enumerate(rows):
        changed = [*rows[:number], *change_row(row, number), *rows[number + 1 :]]
        pq.write_table(pa.Table.from_pylist(changed, table.schema), bundle / "log.parquet")
        named = rf"log.parquet has changed; input evidence.v1 offset {row['offset']}$"
        with pytest.raises(BundleChanged, match=named):
            read_bundle(bundle)


def change_row(row: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """Another time, another byte in its value, another header, or no such record: in turn."""
    value = bytearray(row["value"])
    value[number % len(value)] ^= 1
    kinds = ({"timestamp": row["timestamp"] + 1}, {"value": bytes(value)}, {"headers": row["headers"][1:]}, None)
    kind = kinds[number % len(kinds)]
    return [] if kind is None else [{**row, **kind}]


def rewrite_manifest(bundle: Path, **changed: object) -> None:
    """What one does who knows the format: every file's digest, and the manifest's own, fit again."""
    about = json.loads((bundle / "bundle.json").read_bytes()) | changed
    for each in about["files"]:
        each["sha256"] = sha256((bundle / each["name"]).read_bytes()).hexdigest()
    rest = {name: value for name, value in about.items() if name != "digest"}
    about["digest"] = digest_bytes(rfc8785.dumps(rest))
    (bundle / "bundle.json").write_text(json.dumps(about, indent=2) + "\n")


def test_one_changed_input_digest_is_refused_also_where_the_manifest_fits(bundle: Path) -> None:
    table = pq.read_table(bundle / "digests.parquet")
    rows = table.to_pylist()
    rows[9]["digest"] = rows[8]["digest"]
    pq.write_table(pa.Table.from_pylist(rows, table.schema), bundle / "digests.parquet")
    with pytest.raises(BundleChanged, match=r"digests.parquet has changed$"):
        read_bundle(bundle)
    rewrite_manifest(bundle)
    with pytest.raises(BundleChanged, match=rf"contradicts itself: input evidence.v1 offset {rows[9]['offset']}$"):
        read_bundle(bundle)


def test_a_manifest_that_says_other_than_the_decision_is_refused(bundle: Path, decisions: list[Decision]) -> None:
    rewrite_manifest(bundle)
    assert read_bundle(bundle)[0].decision == decisions[-1]
    rewrite_manifest(bundle, rollout="00" * 16)
    with pytest.raises(BundleChanged, match=rf"rollout {'00' * 16} instead of {decisions[-1].rollout}$"):
        read_bundle(bundle)


def test_a_missing_and_an_added_file_are_named(bundle: Path) -> None:
    (bundle / "cohorts.json").unlink()
    (bundle / "more.json").write_text("{}")
    with pytest.raises(BundleChanged, match=r"cohorts.json is missing; more.json was not there"):
        read_bundle(bundle)


def test_a_bundle_is_not_believed_on_anothers_keys(bundle: Path) -> None:
    with pytest.raises(SignatureRefused):
        read_bundle(bundle, trust())


def test_a_decision_that_another_guard_would_take_is_told_apart(exported: Path) -> None:
    dossier, store = read_bundle(exported)
    (found,) = replay(dossier.records, dossier.course, store)
    other = dossier.decision.model_copy(update={"sessions": 1}).model_dump_json().encode()
    assert tell_difference(other, [found]) == [f"sessions: recorded 1, replayed {dossier.decision.sessions}"]
    assert tell_difference(other, []) == ["at the mark no decision was taken"]
    assert tell_difference(found, [found]) == []


def test_what_is_no_bundle_or_no_decision_is_said(
    topics: StoreTopics, trust_folder: Path, exported: Path, dossiers: list[Dossier], tmp_path: Path
) -> None:
    with pytest.raises(DocumentInvalid, match="is no bundle"):
        read_bundle(tmp_path)
    with pytest.raises(DocumentInvalid, match="there is no decision 00"):
        gather_dossier(topics, "00" * 16, load_trust(trust_folder))
    with pytest.raises(DocumentInvalid, match="not to be believed"):
        gather_dossier(topics, dossiers[0].decision.decision, trust())
    with pytest.raises(SettingsInvalid, match="already holds something"):
        write_bundle(dossiers[0], exported, trust_folder)

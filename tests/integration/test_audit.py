"""The audit on real Kafka: killed at every point, replaced, forged; every record once, and one history."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeostat.infra.broker.local import LocalBroker
from homeostat.streams.audit.records import hold_records
from homeostat.streams.audit.verify import check_log
from homeostat.streams.cli.main import run_with
from homeostat.streams.failpoints import AUDIT_FAILPOINTS
from tests.builders.waiting import LIMIT_S, wait_for
from tests.integration.archive_trial import wait_killed
from tests.integration.audit_trial import AuditTrial

pytestmark = pytest.mark.kafka


@pytest.fixture
def trial(kafka: LocalBroker, tmp_path: Path) -> Iterator[AuditTrial]:
    trial = AuditTrial(kafka.address, tmp_path)
    yield trial
    trial.stop()


def test_killed_at_every_point_it_has_every_record_once(
    trial: AuditTrial, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trial.write(60)
    for failpoint in AUDIT_FAILPOINTS:
        worker = trial.start(f"{failpoint}:kill:{3 if failpoint == 'audit.sent_some' else 1}", "auditor")
        trial.write(7)
        wait_killed(worker)
    trial.write(30)
    worker = trial.start(seat="auditor")
    log, records = trial.wait_audited()
    checked = check_log(log, trial.keys.trust())
    held = hold_records(checked, records)
    assert [*checked.faults, *held.faults] == []
    assert log.size == len(records.by_place) == held.same == 60 + 7 * len(AUDIT_FAILPOINTS) + 30
    worker.terminate()
    assert worker.wait(LIMIT_S) == 0
    check_commands(trial, tmp_path, capsys)
    trial.forge(log.of(0)[0].value, 0)
    assert trial.run("verify") == 1
    assert "a second entry of" in capsys.readouterr().out
    assert trial.start(seat="auditor").wait(LIMIT_S) == 1
    wait_for(lambda: "nothing is appended; the first: audit.v1/0/" in trial.said(), "the refusal to be said")


def check_commands(trial: AuditTrial, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What people type, against this audit: verify, export, show, prove, check."""
    assert trial.run("verify", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["faults"], told["lost"]) == ([], [])
    folder, proof = tmp_path / "export", tmp_path / "proof.json"
    assert trial.run("export", "--out", str(folder)) == 0
    kept = tmp_path / "kept.json"
    kept.write_bytes((folder / "checkpoints.jsonl").read_bytes().splitlines()[0])
    assert trial.run("verify", "--from", str(folder), "--since", str(kept)) == 0
    assert trial.run("show", "tenant-1", "--json") == 0
    out = capsys.readouterr().out
    (first, *_) = json.loads(out[out.index("[") :])
    assert trial.run("prove", first["entry"], "--out", str(proof)) == 0
    assert run_with(["audit", "check", str(proof), "--trust", trial.trust]) == 0
    assert f"has it: {first['kind']} of gateway-1/tenant-1/scribe" in capsys.readouterr().out


def test_one_that_stands_by_takes_over(trial: AuditTrial) -> None:
    first = trial.start()
    trial.write(20)
    trial.wait_audited()
    second = trial.start()
    wait_for(lambda: trial.said().count("record starts") == 2, "the second to start")
    first.kill()
    trial.write(20)
    log, records = trial.wait_audited()
    checked = check_log(log, trial.keys.trust())
    assert checked.faults == []
    assert log.size == len(records.by_place) == 40
    second.terminate()
    assert second.wait(LIMIT_S) == 0

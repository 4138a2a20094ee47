"""A drill on real Kafka: a rollout waits for the proof, control is killed in the middle, and the proof is made."""

import json
import signal
from pathlib import Path

import pytest

from homeostat.infra.broker.local import LocalBroker
from homeostat.streams.simulator.plan import GATEWAY
from tests.builders.documents import CONTROL_DIGEST
from tests.builders.waiting import wait_for
from tests.chaos.faults import Running
from tests.integration.drill_trial import PROBE, DrillTrial
from tests.integration.rollout_trial import ROLLOUT

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


def test_a_rollout_waits_until_a_rollback_is_proven(
    kafka: LocalBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = DrillTrial(kafka, tmp_path, "drill-trial")
    trust = ("--trust", str(trial.keys.trust))
    try:
        control = trial.control(has_key=False)
        Running(trial, seed=1)
        trial.set_up()
        wait_for(lambda: len(trial.targets()) == 3, "the clinics and the probe to be served")
        wait_for(lambda: trial.drill_status()["run"] is not None, "a drill to be tried")
        failed = trial.drill_status()
        assert (failed["run"]["outcome"], failed["blocks_rollouts"]) == ("failed", True)
        assert "no key of the probe tenant" in failed["run"]["reason"]
        trial.apply_rollout()
        capsys.readouterr()
        assert trial.run("rollout", "show", ROLLOUT, "--json", *trust) == 0
        assert any("no rollback was ever proven" in each for each in json.loads(capsys.readouterr().out)["waits_for"])
        trial.end(control)
        control = trial.control()
        call = ("drill", "run", GATEWAY, "--key", str(trial.keys.private), *trust)
        assert trial.run(*call, "--wait-s", "0") == 0
        wait_for(lambda: trial.exposed() == 1, "the probe to be exposed")
        trial.end(control, signal.SIGKILL)
        trial.control()
        wait_for(lambda: not trial.drill_status()["stale"], "the proof")
        told = trial.probe()
        assert told["baseline"] == CONTROL_DIGEST
        assert told["quarantine"] == [trial.drill_status()["run"]["candidate"]]
        wait_for(lambda: trial.exposed() == 1, "the rollout to begin")
        assert trial.run(*call, "--json") == 0, capsys.readouterr().out
        assert len(trial.probe()["quarantine"]) == 2
        assert PROBE not in json.dumps(trial.told("well-clinic"))
    finally:
        trial.close()

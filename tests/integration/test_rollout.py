"""A rollout on real Kafka: signed for, promoted in one clinic, taken back in the other, its guard killed in between."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homeostat.infra.broker.local import LocalBroker
from tests.builders.documents import CANDIDATE_DIGEST, CONTROL_DIGEST
from tests.builders.waiting import wait_for
from tests.chaos.faults import Running
from tests.integration.rollout_trial import HARMED, ROLLOUT, WELL, RolloutTrial

pytestmark = pytest.mark.kafka


def test_one_clinic_is_promoted_and_the_other_is_taken_back(
    kafka: LocalBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = RolloutTrial(kafka, tmp_path, "rollout-trial")
    trust = ("--trust", str(trial.keys.trust))
    try:
        trial.worker("control")
        running = Running(trial, seed=1)
        trial.set_up()
        wait_for(lambda: len(trial.targets()) == 2, "both clinics to be served")
        trial.apply_rollout(approvals=1)
        capsys.readouterr()
        assert trial.run("rollout", "show", ROLLOUT, "--json", *trust) == 0
        shown = json.loads(capsys.readouterr().out)
        assert "wave 1 of 2 waits for approvals: 0 < 1" in shown["waits_for"]
        private = ("--key", str(trial.keys.private))
        assert trial.run("rollout", "approve", ROLLOUT, "--as", "reviewer-1", "--yes", *private, *trust) == 0
        wait_for(lambda: trial.exposed() == 1, "the first clinic to be exposed")
        wait_for(while_working(trial, lambda: trial.told(WELL)["baseline"] == CANDIDATE_DIGEST), "a promotion")
        trial.end(running.workers["release"], signal.SIGKILL)
        running.restart("release")
        wait_for(while_working(trial, lambda: bool(trial.told(HARMED)["quarantine"])), "the other to be taken back")
        assert trial.told(WELL)["baseline"] == CANDIDATE_DIGEST
        assert trial.told(HARMED)["baseline"] == CONTROL_DIGEST
        assert trial.told(HARMED)["quarantine"] == [CANDIDATE_DIGEST]
        wait_for(lambda: trial.exposed() == 0, "no exposure")
        wait_for(lambda: is_followed(show(trial, trust, capsys)), "the effect to be watched, from its confirmation on")
        check_what_is_told(trial, trust, capsys)
    finally:
        trial.close()


def while_working(trial: RolloutTrial, condition: Callable[[], bool]) -> Callable[[], bool]:
    """The condition, asked again and again after some more sessions."""

    def look() -> bool:
        trial.look()
        return condition()

    return look


def show(trial: RolloutTrial, trust: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert trial.run("rollout", "show", ROLLOUT, "--json", *trust) == 0
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    return shown


def is_followed(shown: dict[str, Any]) -> bool:
    """Both gateways' answers are known, and the guard has signed that of the clinic from which it was taken back."""
    confirmed = [each["state"] for each in shown["targets"]] == ["acknowledged", "acknowledged"]
    effect = shown["effect"] or {"targets": []}
    return confirmed and [
        (each["target"]["tenant"], each["outcome"]) for each in effect["targets"] if each["acknowledged_ms"]
    ] == [(HARMED, "watching")]


def check_what_is_told(trial: RolloutTrial, trust: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """The command line, from the topics alone."""
    capsys.readouterr()
    assert trial.run("rollout", "list", "--json", *trust) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["phase"], row["wave"], row["verdict"]) == ("rolled_back", "2 of 2", "harmful")
    assert trial.run("rollout", "show", "two clinics", "--json", *trust) == 0
    verdicts = [each["verdict"] for each in json.loads(capsys.readouterr().out)["decisions"]]
    assert verdicts == ["begin", "advance", "harmful"]
    page = trial.folder / "card.html"
    assert trial.run("rollout", "scorecard", ROLLOUT, "--json", "--html", str(page), *trust) == 1
    card = json.loads(capsys.readouterr().out)
    assert [line.split(":")[0] for line in card["regressed"]] == [f"omission in {HARMED}/cardiology/scribe"]
    assert card["safety"][0]["harmful"] == [f"{HARMED}/cardiology/scribe"]
    assert "<h3>Harmed</h3>" in page.read_text()
    assert trial.run("rollout", "pause", ROLLOUT, "--reason", "too late", *trust) == 4

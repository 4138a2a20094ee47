"""Two policies over one canary, from bare traces and from a dump: what each does, and how often it errs."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from homeostat.schemas.topics import TRACES
from homeostat.streams.backtest import run
from homeostat.streams.backtest.dump_file import DumpHead, DumpRow, write_dump
from homeostat.streams.backtest.feed_traces import TraceFeeder
from homeostat.streams.backtest.log_source import DumpSource
from homeostat.streams.backtest.platform import Documents, Platform, build_platform
from homeostat.streams.backtest.trace_rows import read_traces
from homeostat.streams.cli.main import run_with
from homeostat.streams.compare.outcome import Outcome
from homeostat.streams.compare.rates import per_week, share_of
from homeostat.streams.compare.run import Comparison, Progress, compare_log
from homeostat.streams.compare.tell import say_limits
from homeostat.streams.compare.trials import TrialPlan
from tests.builders.canary_folder import PARTITIONS, write_canary
from tests.builders.demo_traces import START_MS

SECOND_IN_DAYS = 1 / 86_400
SILENT = Progress(lambda _: None, lambda _: None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_canary(tmp_path_factory.mktemp("compare"))


@pytest.fixture(scope="module")
def lax(folder: Path) -> Path:
    """The same policy with tolerances that nothing exceeds, and no rollouts of its own."""
    documents = yaml.safe_load_all((folder / "documents" / "all.yaml").read_text())
    (policy,) = [entry for entry in documents if entry["kind"] == "policy"]
    for signal in policy["body"]["signals"]:
        if signal["role"] == "guardrail":
            signal["tolerance"] = 0.9
    path = folder / "lax.yaml"
    path.write_text(yaml.safe_dump(policy))
    return path


@pytest.fixture(scope="module")
def kept(folder: Path) -> Platform:
    documents = Documents(folder / "documents", START_MS)
    platform = build_platform(PARTITIONS, documents.gateways(), retained=None)
    TraceFeeder(platform, documents, documents.policy.times.tick_s).feed(read_traces(folder / "traces.jsonl"))
    return platform


@pytest.fixture(scope="module")
def dump(folder: Path, kept: Platform) -> Path:
    path, logs = folder / "traces.v1.jsonl", kept.topology.logs
    rows = [DumpRow(part, record) for part in range(PARTITIONS) for record in logs.log(TRACES, part).read(0)]
    write_dump(path, DumpHead(TRACES, PARTITIONS), rows)
    return path


def phases(outcome: Outcome) -> list[str]:
    return [decision.phase.value for decision in outcome.decisions]


def test_the_command_puts_policies_side_by_side(folder: Path, lax: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["backtest", str(folder / "traces.jsonl"), "--policy", str(folder / "documents"), "--policy", str(lax)]
    arguments += ["--replicates", "2", "--block-days", str(SECOND_IN_DAYS)]
    assert run_with([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    strict, loose = found["policies"]
    assert strict["decisions"][-1]["phase"] == "rolled_back"
    assert "rolled_back" not in {decision["phase"] for decision in loose["decisions"]}
    assert strict["policy_digest"] != loose["policy_digest"]
    for each in (strict, loose):
        rollbacks, alarms = each["trials"]["false_rollbacks"], each["trials"]["false_alarms_per_week"]
        assert rollbacks["replicates"] == 2
        assert rollbacks["low"] <= rollbacks["rate"] <= rollbacks["high"]
        assert rollbacks["high"] > 0.8, "two replicates say little, and the interval says so"
        assert alarms["weeks"] == pytest.approx(2 * each["trials"]["blocks"] / (7 * 86_400))
    assert run_with(arguments) == 0
    text = capsys.readouterr().out
    assert "false rollbacks" in text
    assert "null history" in text


def test_a_log_under_its_own_policy_comes_to_its_own_verdict(folder: Path, dump: Path, kept: Platform) -> None:
    head = DumpHead(TRACES, PARTITIONS)
    keys = kept.keys.trust(), kept.keys.masters
    own = run.run_log(DumpSource(dump, head), *keys, None)
    given = run.run_log(DumpSource(dump, head), *keys, None, folder / "documents")
    shown = ("rollout", "verdict", "phase", "deciding")
    assert [[d[key] for key in shown] for d in given["decisions"]] == [
        [d[key] for key in shown] for d in own["decisions"]
    ]
    assert any("sessions have the arms that they had" in note for note in given["assumptions"])


def test_policies_of_a_log_are_replaced(folder: Path, lax: Path, dump: Path, kept: Platform) -> None:
    found = compare_log(
        lambda: DumpSource(dump, DumpHead(TRACES, PARTITIONS)),
        [folder / "documents", lax],
        (kept.keys.trust(), kept.keys.masters),
        TrialPlan(1, SECOND_IN_DAYS),
        SILENT,
    )
    strict, loose = found.outcomes
    assert "rolled_back" in phases(strict)
    assert "rolled_back" not in phases(loose)
    assert strict.trials is not None
    assert strict.trials.pooled is not None
    assert strict.trials.pooled.size == 1
    assert len(strict.trials.rollbacks) == 1


def test_rates_have_exact_intervals() -> None:
    share = share_of(0, 20)
    assert share is not None
    assert (share.low, round(share.high, 3)) == (0.0, 0.168)
    rate = per_week(5, 10.0)
    assert rate is not None
    assert (rate.rate, round(rate.low, 4), round(rate.high, 4)) == (0.5, 0.1623, 1.1668)
    assert share_of(0, 0) is None
    assert per_week(0, 0.0) is None


def test_without_replicates_nothing_is_said_of_errors() -> None:
    lines = list(say_limits(Comparison("traces", [], 0, []), TrialPlan(0, 1.0)))
    assert lines == ["no replicates: nothing is said about false alarms (--replicates N)"]

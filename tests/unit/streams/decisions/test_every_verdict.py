"""Whatever the guard decides comes out again from its bundle: one rollout for each way in which one can end."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homeostat.schemas.base import Message
from homeostat.schemas.control import Order, OrderDocument, OrderKind, Stop, StopDocument, StopScope
from homeostat.schemas.decision import Decision, Verdict
from homeostat.schemas.log import LogRecord
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import ACKS, COMMANDS, DECISIONS, EVIDENCE, INTENTS
from homeostat.streams.audit.entries import Place
from homeostat.streams.cli.main import run_with
from homeostat.streams.decisions.bundle import write_bundle
from homeostat.streams.decisions.dossier import gather_dossier
from homeostat.streams.key_set import vouch
from tests.builders import documents
from tests.builders.evidence import ratio
from tests.builders.guard_log import GuardLog
from tests.builders.keys import name_of, sign, signer, trust


class GuardTopics:
    """A guard's log, and what it put out, signed as it would leave."""

    def __init__(self, log: GuardLog) -> None:
        self._records: dict[str, list[LogRecord]] = {EVIDENCE: log.scenario.log, COMMANDS: [], ACKS: []}
        for topic, ce_type in ((DECISIONS, Decision.ce_type), (INTENTS, "homeostat.intent")):
            values = [output.value or b"" for output in log.outputs if output.topic == topic]
            signed = [sign(SignerRole.GUARD, value, ce_type) for value in values]
            self._records[topic] = [LogRecord(at, 0, b"key", value) for at, value in enumerate(signed)]

    def partitions(self, _: str) -> int:
        return 1

    def read(self, topic: str) -> Iterator[tuple[Place, LogRecord]]:
        for record in self._records[topic]:
            yield Place(topic, 0, record.offset), record


def lapse(log: GuardLog) -> None:
    log.tick(40, fresh=False)


def use_up(log: GuardLog) -> None:
    for _ in range(6):
        log.tick(5)


def stop(log: GuardLog) -> None:
    body = Stop(scope=StopScope.EVERYTHING, author="operator")
    log.control(_document(StopDocument, body.subject, body))


def abort(log: GuardLog) -> None:
    body = Order(rollout=log.rollout.rollout, order=OrderKind.ABORT, author="operator")
    log.control(_document(OrderDocument, f"order/{log.rollout.rollout}", body))


def _document(model: type[Message], subject: str, body: object) -> Message:
    return model.model_validate({"subject": subject, "subject_version": 1, "at_ms": documents.START_MS, "body": body})


ENDS: dict[Verdict, Callable[[GuardLog], object]] = {
    Verdict.HARMFUL: lambda log: log.say(0.9, pairs=200),
    Verdict.HEALTHY: lambda log: log.say(-0.3, pairs=400),
    Verdict.SAMPLE_RATIO: lambda log: log.say(
        0.0, pairs=10, candidate_starts=90, control_starts=10, ratio_log_e=ratio(90, 10)
    ),
    Verdict.LOW_YIELD: lambda log: log.say(
        {}, candidate_starts=40, control_starts=40, candidate_missing=30, control_missing=1
    ),
    Verdict.NEVER: lambda log: log.say(0.0, pairs=1, never=("omission",)),
    Verdict.LAPSE: lapse,
    Verdict.TIMEOUT: use_up,
    Verdict.STOPPED: stop,
    Verdict.OPERATOR: abort,
}


@pytest.fixture(scope="module")
def trust_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trust")
    root = signer(SignerRole.ROOT)
    (folder / "root.pub").write_text(root.public_key.hex())
    for role in set(SignerRole) - {SignerRole.ROOT}:
        key = signer(role, name_of(role))
        (folder / f"{key.key_id}.json").write_bytes(vouch(root, key, name_of(role), 0))
    return folder


@pytest.mark.parametrize("verdict", ENDS, ids=str)
def test_it_comes_out_again(verdict: Verdict, trust_folder: Path, tmp_path: Path) -> None:
    log = GuardLog(rollout=documents.rollout(max_duration_s=20.0))
    log.begin()
    ENDS[verdict](log)
    assert log.decisions[-1].verdict is verdict
    for decision in log.decisions:
        dossier = gather_dossier(GuardTopics(log), decision.decision, trust())
        assert dossier.replays
        folder = tmp_path / str(decision.step)
        write_bundle(dossier, folder, trust_folder)
        assert run_with(["decision", "replay", str(folder)]) == 0
        assert run_with(["decision", "explain", "--bundle", str(folder), "--out", str(tmp_path / "page.html")]) == 0

"""The gateway that docs/gateway.md shows how to write, run as it stands there, on real Kafka."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homeostat.infra.broker.local import LocalBroker
from homeostat.schemas.canonical import derive_id, to_json
from homeostat.schemas.command import AckOutcome
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.errors import SignatureRefused
from homeostat.schemas.exposure import ExposureReport
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import TRACES
from tests.builders.waiting import wait_for
from tests.integration.gateway_trial import GATEWAY, PARTITIONS, GatewayTrial, read_topic
from tests.unit.streams.gateway.test_core import TARGET, state

pytestmark = pytest.mark.kafka
PAGE = Path(__file__).parents[2] / "docs/gateway.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def trial(kafka: LocalBroker, tmp_path: Path) -> Iterator[GatewayTrial]:
    trial = GatewayTrial(kafka.address, tmp_path)
    yield trial
    trial.stop()


def load_block(word: str) -> dict[str, Any]:
    (block,) = [block for block in BLOCKS if word in block]
    names: dict[str, Any] = {}
    exec(compile(block, "docs/gateway.md", "exec"), names)
    return names


def own_gateway(trial: GatewayTrial) -> Any:
    names = load_block("class OwnGateway")
    return names["OwnGateway"](GATEWAY, trial.address, trial.folder / "keys", trial.folder / "own.db")


def arms(gateway: Any, first: int) -> set[str]:
    sessions = [derive_id("session", first + number) for number in range(24)]
    return {str(gateway.serve("tenant-1", "scribe", "cardiology", session).arm) for session in sessions}


def step_until(gateway: Any, done: Any, what: str) -> None:
    wait_for(lambda: gateway.step() or done(), what)


def test_it_obeys_refuses_exposes_reports_and_acknowledges(
    trial: GatewayTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = own_gateway(trial)
    trial.command(state(2, exposed=True))
    step_until(gateway, lambda: gateway.core.states, "a state")
    assert arms(gateway, 0) == {"baseline"}
    trial.command(state(1))
    trial.renew(1)
    step_until(gateway, lambda: gateway.core.count_exposed(gateway_now()), "exposure")
    assert arms(gateway, 100) == {"candidate", "control"}
    step_until(gateway, lambda: "old_generation" in capsys.readouterr().out, "a refusal")
    assert gateway.core.states[TARGET.key].generation == 2
    (answer,) = trial.acknowledgements()
    assert (answer.generation, answer.outcome) == (2, AckOutcome.APPLIED)
    trust, reports = trial.keys.trust(), []
    for value in read_topic(trial.address, TRACES, PARTITIONS):
        trust.verify(value, ExposureReport.ce_type, {SignerRole.GATEWAY})
        reports.append(parse_message(ExposureReport, read_envelope(value)[1])[0])
    assert [report.sequence for report in reports] == list(range(1, 25))
    gateway.consumer.close()
    gateway.store.close()

    again = own_gateway(trial)
    step_until(again, lambda: capsys.readouterr().out.count("old_generation"), "everything read again")
    assert again.core.states[TARGET.key].generation == 2
    assert again.core.count_exposed(gateway_now()) == 0
    trial.renew(2)
    step_until(again, lambda: again.core.count_exposed(gateway_now()), "exposure by a newer renewal")
    again.consumer.close()
    again.store.close()


def test_it_is_40_lines() -> None:
    (block,) = [block for block in BLOCKS if "class OwnGateway" in block]
    lines = [line for line in block.splitlines() if line.strip()]
    first = next(number for number, line in enumerate(lines) if line.startswith("class "))
    assert len(lines[first:]) <= 40


def gateway_now() -> Any:
    return load_block("class OwnGateway")["now"]()


def test_the_receiver_of_the_page_believes_signatures_only(
    trial: GatewayTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trial.folder)
    read = load_block("def read_webhook")["read_webhook"]
    sign = {role: trial.keys.signers()[role].sign for role in (SignerRole.SEQUENCER, SignerRole.GUARD)}
    said = state(3)
    assert read(sign[SignerRole.SEQUENCER](to_json(said), said.ce_type)) == said
    with pytest.raises(SignatureRefused):
        read(sign[SignerRole.GUARD](to_json(said), said.ce_type))

"""Image, compose file and example documents: pinned, loopback only, in commands that exist."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from homeostat.schemas.control import PolicyDocument
from homeostat.schemas.defaults import default_policy
from homeostat.schemas.registries.catalogue import Runtime
from homeostat.schemas.topics import RELEASES
from homeostat.streams.cli.main import run_with
from homeostat.streams.documents.first_policy import write_first_policy
from homeostat.streams.documents.read import DocumentReader
from homeostat.streams.settings import Settings

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PINNED = re.compile(r"^[a-z0-9./-]+:\d+\.\d+\.\d+[a-z0-9.-]*$")
ONE_SHOT = {"keys", "topics", "policy"}


def homeostat_args(service: dict[str, Any]) -> list[str]:
    command: list[str] = service["command"]
    return command[0].split("|| homeostat ")[1].split() if service.get("entrypoint") else command


def test_images_are_pinned() -> None:
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    images = [service["image"] for service in SERVICES.values()]
    assert [image for image in [*bases, *images] if not PINNED.match(image)] == []
    assert len(set(bases)) == 1


def test_roles_are_there() -> None:
    assert set(SERVICES) - ONE_SHOT == {"kafka", "observe", "release", "control", "record", "gateway"}
    assert all("healthcheck" in SERVICES[name] for name in set(SERVICES) - ONE_SHOT)


def test_ports_are_published_on_loopback_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"kafka"}))
def test_commands_exist(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_with([*homeostat_args(SERVICES[name]), "--help"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"kafka"}))
def test_environment_is_settings(name: str) -> None:
    for variable in SERVICES[name].get("environment", {}):
        section, _, field = variable.removeprefix("HOMEOSTAT_").lower().partition("__")
        assert section in Settings.model_fields, variable
        assert field in getattr(Settings(), section).model_dump(), variable


def test_default_policy_is_the_one_in_code() -> None:
    (document,) = DocumentReader(1).read_files([EXAMPLES / "policy.yaml"])
    assert isinstance(document.message, PolicyDocument)
    assert document.message.body == default_policy()
    assert (EXAMPLES / "policy.yaml").read_text() == write_first_policy(Runtime.SCRIBE)


def test_examples_can_be_applied(capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted(str(path) for path in EXAMPLES.glob("*.yaml"))
    assert run_with(["apply", "--dry-run", *files]) == 0, capsys.readouterr().err


def test_example_traces_are_of_an_example_release() -> None:
    documents = DocumentReader(1).read_files([EXAMPLES / "rollout.yaml"])
    releases = {document.key for document in documents if document.topic == RELEASES}
    lines = [json.loads(line) for line in (EXAMPLES / "traces.jsonl").read_text().splitlines()]
    assert {line["release"] for line in lines} <= releases
    declared = {signal.name for signal in default_policy().signals}
    assert {name for line in lines for name in line["signals"]} <= declared

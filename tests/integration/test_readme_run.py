"""The README's own-Kafka commands, typed in their order on a real broker, as a new user would."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from homeostat.infra.broker.local import LocalBroker
from tests.builders.waiting import wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]
README = (Path(__file__).parents[2] / "README.md").read_text()
STAYING = {"worker", "gateway"}
READY_S = 240.0
STOP_S = 60.0


def own_kafka_section(language: str) -> str:
    section = README.split("## On your own Kafka")[1]
    found = re.search(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def staying(args: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    port = free_port()
    environment = os.environ | {
        "HOMEOSTAT_HTTP__METRICS_PORT": str(port),
        "HOMEOSTAT_HTTP__GATEWAY_PORT": str(port),
        "HOMEOSTAT_WORKER__DATA_FOLDER": str(folder / f"data-{port}"),
    }
    log = folder / f"{'-'.join(args)}.log".replace("--", "")
    with log.open("wb") as lines:
        command = [sys.executable, "-m", "homeostat", *args]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=lines, stderr=lines)
    try:
        wait_for(lambda: is_ready(port, process, log), f"{args} is ready", READY_S)
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_S) == 0, log.read_text()[-4000:]
    finally:
        process.kill()
        process.wait()


def is_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()[-4000:]
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def test_readme_commands_in_their_order(kafka: LocalBroker, tmp_path: Path) -> None:
    settings = re.sub(r'bootstrap_servers = ".*"', f'bootstrap_servers = "{kafka.address}"', own_kafka_section("toml"))
    (tmp_path / "homeostat.toml").write_text(settings)
    (tmp_path / "docs").symlink_to(Path(__file__).parents[2] / "docs")
    with ExitStack() as running:
        for line in own_kafka_section("sh").splitlines():
            args = shlex.split(line, comments=True)[1:]
            if args[0] in STAYING:
                running.enter_context(staying(args, tmp_path))
            else:
                command = [sys.executable, "-m", "homeostat", *args]
                done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
                assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"

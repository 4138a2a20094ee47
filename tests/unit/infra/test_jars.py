"""Fetching jars: from a Maven repository on loopback, with real bytes and real failures."""

import hashlib
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from homeostat.infra.broker.jars import LOCK_PATH, Jar, ensure_jars, find_unfit, read_lock
from homeostat.schemas.errors import BrokerUnavailable

CONTENT = {"one": b"first jar", "two": b"second jar"}
JARS = tuple(Jar("org.example.parts", name, "1.0", hashlib.sha256(body).hexdigest()) for name, body in CONTENT.items())


class Repository:
    """A Maven repository on loopback that counts the jars it gave."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.served: list[str] = []
        served = self.served

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the base class's name
                if self.path.endswith(".jar"):
                    served.append(self.path.rpartition("/")[2])

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    repository = Repository(tmp_path / "remote")
    for jar in JARS:
        jar.path_in(repository.folder).parent.mkdir(parents=True)
        jar.path_in(repository.folder).write_bytes(CONTENT[jar.artifact])
    config = tmp_path / "jgo.conf"
    config.write_text(f"[repositories]\nhere = http://127.0.0.1:{repository.server.server_port}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(config))
    repository.thread.start()
    yield repository
    if repository.thread.is_alive():
        repository.stop()


def test_fetches_once_and_then_needs_no_network(repository: Repository, tmp_path: Path) -> None:
    steps: list[tuple[int, int, str]] = []
    paths = ensure_jars(tmp_path / "cache", lambda *step: steps.append(step), JARS)
    assert [path.read_bytes() for path in paths] == list(CONTENT.values())
    assert steps == [(1, 2, "one-1.0.jar"), (2, 2, "two-1.0.jar")]
    repository.stop()
    assert ensure_jars(tmp_path / "cache", jars=JARS) == paths


def test_fetches_again_what_was_damaged_and_only_that(repository: Repository, tmp_path: Path) -> None:
    first, _ = ensure_jars(tmp_path / "cache", jars=JARS)
    first.write_bytes(b"half a j")
    ensure_jars(tmp_path / "cache", jars=JARS)
    assert first.read_bytes() == CONTENT["one"]
    assert sorted(repository.served) == ["one-1.0.jar", "one-1.0.jar", "two-1.0.jar"]


def test_refuses_other_bytes_and_keeps_none(repository: Repository, tmp_path: Path) -> None:
    JARS[1].path_in(repository.folder).write_bytes(b"something else")
    with pytest.raises(BrokerUnavailable, match="SHA-256"):
        ensure_jars(tmp_path / "cache", jars=JARS)
    assert find_unfit(JARS, tmp_path / "cache" / "maven") == [JARS[1]]


@pytest.mark.parametrize("cause", ["missing", "stopped"])
def test_says_what_to_do_without_a_repository(repository: Repository, tmp_path: Path, cause: str) -> None:
    if cause == "missing":
        JARS[0].path_in(repository.folder).unlink()
    else:
        repository.stop()
    with pytest.raises(BrokerUnavailable, match=r"org\.example\.parts:one:1\.0 .* reach a Maven repository"):
        ensure_jars(tmp_path / "cache", jars=JARS)


def test_several_at_once_fetch_once(repository: Repository, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ensure_jars(tmp_path / "cache", jars=JARS), range(4)))
    assert sorted(repository.served) == ["one-1.0.jar", "two-1.0.jar"]


def test_lock_names_the_broker_with_sums_and_without_hosts() -> None:
    jars = read_lock()
    versions = {jar.artifact: jar.version for jar in jars}
    assert versions["kafka_2.13"] == versions["kafka-clients"] == "4.3.1"
    assert versions["log4j-slf4j-impl"] == versions["log4j-core"]
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in jars)
    assert len({(jar.group, jar.artifact) for jar in jars}) == len(jars)
    assert "://" not in LOCK_PATH.read_text()

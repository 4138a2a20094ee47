"""The health server over real HTTP."""

from collections.abc import Iterator

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from homeostat.streams.health import HealthServer, Heartbeat, PortTaken, Probe


class Process:
    """What a server is asked about."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.heartbeat = Heartbeat(5.0, lambda: self.now_s)
        self.readiness = Probe(False, {"assigned": None})
        self.registry = CollectorRegistry()
        Counter("homeostat_test_total", "A count.", registry=self.registry).inc(3)


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture
def server(process: Process) -> Iterator[HealthServer]:
    live, registry = process.heartbeat.probe, process.registry
    with HealthServer("127.0.0.1", 0, live=live, ready=lambda: process.readiness, registry=registry) as made:
        yield made


def get(server: HealthServer, path: str) -> httpx.Response:
    return httpx.get(f"http://{server.address}{path}")


def test_live_while_the_heart_beats(server: HealthServer, process: Process) -> None:
    process.now_s += 4.0
    assert get(server, "/live").status_code == 200
    process.now_s += 2.0
    answer = get(server, "/live")
    assert (answer.status_code, answer.json()["last_beat_s_ago"]) == (503, 6.0)
    process.heartbeat.beat()
    assert get(server, "/live").json()["ok"] is True


def test_ready_says_what_it_waits_for(server: HealthServer, process: Process) -> None:
    assert get(server, "/ready?verbose").json() == {"ok": False, "assigned": None}
    process.readiness = Probe(True, {"assigned": 4})
    assert get(server, "/ready").status_code == 200


def test_metrics(server: HealthServer) -> None:
    answer = get(server, "/metrics")
    assert "homeostat_test_total 3.0" in answer.text
    assert answer.headers["content-type"].startswith("text/plain")


def test_other_paths_are_not_there(server: HealthServer) -> None:
    answer = get(server, "/table/x")
    assert answer.status_code == 404
    assert "Python" not in answer.headers["server"]


def test_taken_port_says_what_to_do(server: HealthServer, process: Process) -> None:
    host, _, port = server.address.rpartition(":")
    other = HealthServer(host, int(port), live=process.heartbeat.probe, ready=process.heartbeat.probe)
    with pytest.raises(PortTaken, match=r"http\.metrics_port"):
        other.start()


def test_no_address_before_the_start(process: Process) -> None:
    server = HealthServer("127.0.0.1", 0, live=process.heartbeat.probe, ready=process.heartbeat.probe)
    with pytest.raises(RuntimeError, match="start"):
        _ = server.address
    server.close()

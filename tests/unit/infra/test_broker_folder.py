import os
import socket
from pathlib import Path

import pytest

from homeostat.infra.broker.folder import BrokerFolder
from homeostat.infra.broker.ports import HIGHEST, LOWEST, choose_free_port, is_answering, is_free
from homeostat.infra.broker.properties import render_server_properties
from homeostat.infra.broker.settings import BrokerSettings
from homeostat.schemas.errors import BrokerUnavailable


def parse(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_listens_on_loopback_only_and_makes_no_topics() -> None:
    settings = parse(render_server_properties(Path("/d"), 9092, 9093, {}))
    assert settings["listeners"] == "BROKER://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"
    assert settings["advertised.listeners"] == "BROKER://127.0.0.1:9092"
    assert settings["auto.create.topics.enable"] == "false"
    assert settings["transaction.state.log.replication.factor"] == "1"


def test_a_caller_changes_defaults_but_not_what_makes_it_local() -> None:
    settings = parse(render_server_properties(Path("/d"), 1, 2, {"num.io.threads": "1", "log.cleaner.threads": "2"}))
    assert (settings["num.io.threads"], settings["log.cleaner.threads"]) == ("1", "2")
    with pytest.raises(ValueError, match=r"listeners, node\.id"):
        render_server_properties(Path("/d"), 1, 2, {"listeners": "BROKER://0.0.0.0:1", "node.id": "7"})


def test_ports_are_below_those_of_outgoing_connections() -> None:
    port = choose_free_port()
    assert LOWEST <= port < HIGHEST
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
        assert is_answering(port)
    assert is_free(port)
    assert not is_answering(port)


def test_folder_remembers_ports_while_they_are_free(tmp_path: Path) -> None:
    folder = BrokerFolder(tmp_path)
    ports = folder.choose_ports(0)
    assert len(set(ports)) == 2
    assert folder.choose_ports(0) == folder.choose_ports(ports[0]) == ports
    with socket.create_server(("127.0.0.1", ports[0])):
        with pytest.raises(BrokerUnavailable, match=f"port {ports[0]} of 127.0.0.1 is in use"):
            folder.choose_ports(ports[0])
        moved = folder.choose_ports(0)
        assert ports[0] not in moved
    assert folder.choose_ports(0) == moved


def test_folder_is_for_one_at_a_time(tmp_path: Path) -> None:
    descriptor = BrokerFolder(tmp_path).lock()
    with pytest.raises(BrokerUnavailable, match="another broker has the folder"):
        BrokerFolder(tmp_path).lock()
    os.close(descriptor)
    os.close(BrokerFolder(tmp_path).lock())


def test_only_a_temporary_folder_is_removed(tmp_path: Path) -> None:
    BrokerFolder(tmp_path).remove_if_temporary()
    assert tmp_path.exists()
    folder = BrokerFolder.make_temporary()
    folder.remove_if_temporary()
    assert not folder.path.exists()


def test_quotes_the_last_errors(tmp_path: Path) -> None:
    folder = BrokerFolder(tmp_path)
    assert "last errors: none" in folder.quote_last_errors()
    folder.log_dir.mkdir()
    (folder.log_dir / "server.log").write_text("t INFO  fine\nt ERROR the disk is full (kafka.log)\n")
    assert "the disk is full" in folder.quote_last_errors()
    assert "fine" not in folder.quote_last_errors()


def test_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("HOMEOSTAT_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert BrokerSettings().cache_dir == tmp_path / ".cache" / "homeostat"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert BrokerSettings().cache_dir == tmp_path / ".cache" / "homeostat"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert BrokerSettings().cache_dir == Path("/x/homeostat")
    monkeypatch.setenv("HOMEOSTAT_CACHE", "/y")
    assert BrokerSettings().cache_dir == Path("/y")

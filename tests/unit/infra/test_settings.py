"""Where the local broker keeps what it downloaded."""

from pathlib import Path

import pytest

from homeostat.infra.broker.settings import BrokerSettings


@pytest.mark.parametrize(
    ("homeostat", "xdg", "expected"),
    [
        ("/a", "/b", Path("/a")),
        ("", "/b", Path("/b/homeostat")),
        ("", "", Path.home() / ".cache" / "homeostat"),
    ],
)
def test_the_cache_and_variables_that_are_empty(
    monkeypatch: pytest.MonkeyPatch, homeostat: str, xdg: str, expected: Path
) -> None:
    monkeypatch.setenv("HOMEOSTAT_CACHE", homeostat)
    monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    assert BrokerSettings().cache_dir == expected

from pathlib import Path

import pytest

from homeostat.streams.errors import SettingsInvalid
from homeostat.streams.settings import load_settings


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_listen_on_loopback_only() -> None:
    settings = load_settings()
    assert settings.http.metrics_host == settings.http.gateway_host == "127.0.0.1"
    assert settings.kafka.bootstrap_servers.startswith("127.0.0.1:")
    assert settings.worker.transactions is True


def test_order_of_sources(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_folder / "homeostat.toml").write_text('[kafka]\nbootstrap_servers = "file:1"\nclient_id = "file"\n')
    assert load_settings().kafka.bootstrap_servers == "file:1"
    monkeypatch.setenv("HOMEOSTAT_KAFKA__BOOTSTRAP_SERVERS", "environment:1")
    assert load_settings().kafka.bootstrap_servers == "environment:1"
    given = load_settings(kafka={"bootstrap_servers": "command-line:1", "group_prefix": None}).kafka
    assert (given.bootstrap_servers, given.client_id, given.group_prefix) == ("command-line:1", "file", "homeostat")


def test_named_file_is_used_and_must_exist(empty_folder: Path) -> None:
    other = empty_folder / "other.toml"
    other.write_text("[http]\nmetrics_port = 0\n")
    assert load_settings(other).http.metrics_port == 0
    with pytest.raises(SettingsInvalid, match=r"missing\.toml does not exist"):
        load_settings(empty_folder / "missing.toml")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[kafka]\nbootstrap_server = "a:1"\n', "kafka.bootstrap_server"),
        ("surprise = 1\n", "surprise"),
        ("[worker]\ncheckpoint_interval_s = 0\n", "worker.checkpoint_interval_s"),
        ("[kafka\n", "homeostat.toml"),
    ],
)
def test_unusable_settings_are_named(empty_folder: Path, text: str, complaint: str) -> None:
    (empty_folder / "homeostat.toml").write_text(text)
    with pytest.raises(SettingsInvalid, match=complaint):
        load_settings()


def test_metric_tenants_are_bounded() -> None:
    with pytest.raises(SettingsInvalid, match="101 tenants > 100"):
        load_settings(metric_tenants=[f"t{number}" for number in range(101)])


def test_secrets_are_masked_and_settings_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMEOSTAT_KAFKA__SASL_PASSWORD", "hunter2")
    settings = load_settings()
    assert settings.kafka.sasl_password is not None
    assert settings.kafka.sasl_password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings) + settings.model_dump_json()
    with pytest.raises(ValueError, match="frozen"):
        settings.__setattr__("log_level", "debug")

"""The one settings class of a process: command line > HOMEOSTAT_* > homeostat.toml > defaults.

Nothing here may change a stage's state bytes: what can lives in the policy document. The environment is read here
and nowhere else; `HOMEOSTAT_KAFKA__BOOTSTRAP_SERVERS` sets `kafka.bootstrap_servers`.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from homeostat.schemas.topics import TOPICS, TRACES, Cleanup
from homeostat.streams.errors import SettingsInvalid

CONFIG_FILE = Path("homeostat.toml")
PositiveSeconds = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    """A closed, frozen group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(Section):
    """Where the broker is, who we are there, and how long it waits for us."""

    bootstrap_servers: str = "127.0.0.1:9092"
    client_id: str = "homeostat"
    group_prefix: str = "homeostat"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] = "SCRAM-SHA-512"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_ca_path: Path | None = None
    ssl_certificate_path: Path | None = None
    ssl_key_path: Path | None = None
    static_membership_id: str | None = None
    session_timeout_s: PositiveSeconds = 20.0
    request_timeout_s: PositiveSeconds = 40.0


class KeySettings(Section):
    """Where keys lie: public ones in the trust folder, one private key a process, masters only with leaves."""

    trust_folder: Path = Path("keys/trust")
    private_key_path: Path | None = None
    mac_masters_folder: Path | None = None
    dead_letter_key_path: Path | None = None


class WorkerSettings(Section):
    """How a worker process behaves; none of it shows in its state."""

    data_folder: Path = Path(".homeostat")
    checkpoint_interval_s: PositiveSeconds = 3.0
    """A worker that is killed reads so much again; saving every second took some 8 % of its CPU in a profile."""
    restore_timeout_s: PositiveSeconds = 120.0
    stop_timeout_s: PositiveSeconds = 10.0
    batch_records: Annotated[int, Field(ge=1, le=10_000)] = 500
    transactions: bool = Field(default=True, description="Only for the negative control of the fault trials.")


class HttpSettings(Section):
    """Listeners of a process: loopback unless an operator says otherwise. Port 0 takes a free one."""

    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 9464
    gateway_host: str = "127.0.0.1"
    gateway_port: Annotated[int, Field(ge=0, le=65535)] = 8085


class DrillSettings(Section):
    """What control needs to run the policy's drills."""

    tenant_keys_folder: Path | None = Field(default=None, description="The probe tenants' keys, and no others.")


class ArchiveSettings(Section):
    """Where the role `record` writes the archive, and how large its files get; none of it shows in what is read."""

    location: str | None = Field(default=None, description="A folder, or file://, s3://, gs://.")
    topics: Annotated[tuple[str, ...], Field(min_length=1)] = (TRACES,)
    file_bytes: Annotated[int, Field(ge=4_096, le=1 << 30)] = 67_108_864
    """Of records, uncompressed. A reader holds one file of each partition that it reads at the same time."""
    buffer_bytes: Annotated[int, Field(ge=4_096)] = 268_435_456
    flush_interval_s: PositiveSeconds = 900.0

    @field_validator("topics", mode="after")
    @classmethod
    def _appended(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        kept = [name for name, spec in TOPICS.items() if spec.cleanup is Cleanup.DELETE]
        if wrong := sorted(set(value) - set(kept)):
            raise ValueError(f"{', '.join(wrong)}: not among the topics that can be archived: {', '.join(kept)}")
        return value


class Settings(BaseSettings):
    """Everything a Homeostat process is told from outside; built once, in the composition root."""

    model_config = SettingsConfigDict(
        env_prefix="HOMEOSTAT_", env_nested_delimiter="__", frozen=True, extra="forbid", toml_file=CONFIG_FILE
    )

    kafka: KafkaSettings = KafkaSettings()
    keys: KeySettings = KeySettings()
    worker: WorkerSettings = WorkerSettings()
    http: HttpSettings = HttpSettings()
    archive: ArchiveSettings = ArchiveSettings()
    drill: DrillSettings = DrillSettings()
    metric_tenants: frozenset[str] = frozenset()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    failpoint: str = Field(
        default="", description="name:action[:count], for the fault trials; see streams/failpoints.py."
    )

    @field_validator("metric_tenants", mode="after")
    @classmethod
    def _bounded_labels(cls, value: frozenset[str]) -> frozenset[str]:
        if len(value) > 100:
            raise ValueError(f"{len(value)} tenants > 100: every one is a label on every metric")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 the signature is pydantic's
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources, strongest first; there is no dotenv and no secrets folder."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(config_path: Path | None = None, **command_line: Any) -> Settings:
    """Read settings; `command_line` holds sections or fields as given there, None meaning 'not given'.

    Without `config_path`, `homeostat.toml` of the working folder is read if it exists. Raises `SettingsInvalid` for
    a named file that is missing, a value that does not fit, or a name in the file that is not a setting.

    >>> load_settings(kafka={"bootstrap_servers": "127.0.0.1:1", "client_id": None}).kafka.bootstrap_servers
    '127.0.0.1:1'
    """
    path = CONFIG_FILE if config_path is None else config_path
    if config_path is not None and not config_path.is_file():
        raise SettingsInvalid(f"{config_path} does not exist: give --config an existing file, or leave it out")

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        return FromFile(**_without_none(command_line))
    except ValidationError as error:
        raise SettingsInvalid(_describe(error)) from None
    except ValueError as error:
        raise SettingsInvalid(f"{path}: {error}") from error


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    kept = {name: _without_none(value) if isinstance(value, dict) else value for name, value in values.items()}
    return {name: value for name, value in kept.items() if value is not None and value != {}}


def _describe(error: ValidationError) -> str:
    lines = (f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors())
    return "settings cannot be used: " + "; ".join(lines)

"""What the local broker takes from the environment: where the cache is and which Java to run."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class BrokerSettings(BaseSettings):
    """Environment of the local broker; `HOMEOSTAT_CACHE` goes before `XDG_CACHE_HOME`, that before `~/.cache`.

    A variable that is empty counts as not set.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    homeostat_cache: Path | None = Field(default=None, validation_alias="HOMEOSTAT_CACHE")
    xdg_cache_home: Path | None = Field(default=None, validation_alias="XDG_CACHE_HOME")
    java_home: Path | None = Field(default=None, validation_alias="JAVA_HOME")

    @property
    def cache_dir(self) -> Path:
        """The folder for what was downloaded or made once; it may not exist yet."""
        if self.homeostat_cache is not None:
            return self.homeostat_cache.expanduser()
        base = self.xdg_cache_home if self.xdg_cache_home is not None else Path.home() / ".cache"
        return base.expanduser() / "homeostat"

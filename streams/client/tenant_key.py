"""A tenant's MAC key as its publishers hold it: one small JSON file, 0600."""

import json
import re
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_validator

from homeostat.schemas.base import KeyId, Slug
from homeostat.streams.errors import SettingsInvalid
from homeostat.streams.signing import read_secret

_HEX = re.compile(r"[0-9a-f]{64}")


class TenantKey(BaseModel):
    """The key derived for one tenant from the master `master_id`; `key` is 64 hex digits and masked when printed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: Slug
    master_id: KeyId
    key: SecretStr

    @field_validator("key")
    @classmethod
    def _check_length(cls, value: SecretStr) -> SecretStr:
        if not _HEX.fullmatch(value.get_secret_value()):
            raise ValueError("a tenant's key is 64 lowercase hex digits")
        return value

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file that `homeostat keys tenant` wrote. Raises `SettingsInvalid`."""
        try:
            return cls.model_validate_json(read_secret(path))
        except ValidationError:
            raise SettingsInvalid(f"{path} is not a tenant's key: write one with `homeostat keys tenant`") from None

    def secret(self) -> bytes:
        """The 32 bytes of the key."""
        return bytes.fromhex(self.key.get_secret_value())

    def to_file(self) -> bytes:
        """The file's content, the secret in clear."""
        content = {"tenant": self.tenant, "master_id": self.master_id, "key": self.key.get_secret_value()}
        return f"{json.dumps(content)}\n".encode()

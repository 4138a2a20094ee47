"""Keeps a flagd definition file at what a gateway serves."""

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from homeostat.streams.client.gateway.core import TargetView
from homeostat.streams.client.gateway.flagd import build_flags
from homeostat.streams.client.gateway.lease_clock import Moment


class FlagFile:
    """A listener that writes the file when its content changes, whole or not at all (a rename in its folder)."""

    def __init__(self, gateway: str, path: Path) -> None:
        self._gateway, self._path = gateway, path
        self._written = b""
        path.parent.mkdir(parents=True, exist_ok=True)

    def look(self, views: Sequence[TargetView], now: Moment) -> None:
        """Write what holds now, if it is not what the file says."""
        text = json.dumps(build_flags(self._gateway, views, now), indent=1, sort_keys=True).encode()
        if text == self._written and self._path.exists():
            return
        handle, draft = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(text + b"\n")
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o644)
        Path(draft).replace(self._path)
        self._written = text

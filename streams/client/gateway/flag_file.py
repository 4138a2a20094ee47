"""Keeps a flagd definition file at what a gateway serves."""

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import structlog

from homeostat.streams.client.gateway.core import TargetView
from homeostat.streams.client.gateway.flagd import build_flags
from homeostat.streams.client.gateway.lease_clock import Moment

log = structlog.get_logger(__name__)


class FlagFile:
    """A listener that writes the file when its content changes, whole or not at all (a rename in its folder).

    Where the disk does not let it, the file stays as it is and is tried again: exposures in it end by themselves.
    """

    def __init__(self, gateway: str, path: Path) -> None:
        self._gateway, self._path = gateway, path
        self._written = b""
        path.parent.mkdir(parents=True, exist_ok=True)

    def look(self, views: Sequence[TargetView], now: Moment) -> None:
        """Write what holds now, if it is not what the file says."""
        text = json.dumps(build_flags(self._gateway, views, now), indent=1, sort_keys=True).encode()
        if text == self._written and self._path.exists():
            return
        try:
            self._replace(text)
        except OSError as error:
            log.error("flag file not written, its exposures end with their leases", error=error.strerror)
            return
        self._written = text

    def _replace(self, text: bytes) -> None:
        handle, draft = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text + b"\n")
                file.flush()
                os.fsync(file.fileno())
                os.fchmod(file.fileno(), 0o644)
            Path(draft).replace(self._path)
        except OSError:
            Path(draft).unlink(missing_ok=True)
            raise

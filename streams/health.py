"""A process's own health and metrics server: /live, /ready, /metrics; on loopback unless told otherwise.

It runs in a thread of its own, so it answers while the event loop is busy and says so when it is stuck.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from homeostat.schemas.errors import HomeostatError
from homeostat.streams.metrics import REGISTRY


class PortTaken(HomeostatError):
    """The health server cannot listen where the settings say."""


class Probe(NamedTuple):
    """What a probe found; `detail` is shown as JSON and holds no payload."""

    ok: bool
    detail: Mapping[str, object]


class Heartbeat:
    """Life of an event loop or a main loop: it beats, and is live while the last beat is young. Asks nobody outside."""

    def __init__(self, limit_s: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit_s = limit_s
        self._clock = clock
        self._last_s = clock()

    def beat(self) -> None:
        self._last_s = self._clock()

    def probe(self) -> Probe:
        """Live unless the last beat is older than the limit."""
        age_s = self._clock() - self._last_s
        return Probe(age_s <= self._limit_s, {"last_beat_s_ago": round(age_s, 3), "limit_s": self._limit_s})


class HealthServer:
    """Serves GET /live, /ready (200 or 503, JSON) and /metrics. A context manager; port 0 takes a free one."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        live: Callable[[], Probe],
        ready: Callable[[], Probe],
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._where = (host, port)
        self._probes = {"/live": live, "/ready": ready}
        self._registry = registry
        self._server: ThreadingHTTPServer | None = None

    @property
    def address(self) -> str:
        """`host:port`, once started."""
        if self._server is None:
            raise RuntimeError("the health server has no address before start()")
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def start(self) -> None:
        """Listen and answer. Raises `PortTaken`."""
        handler = type("Handler", (_Handler,), {"probes": self._probes, "registry": self._registry})
        try:
            self._server = ThreadingHTTPServer(self._where, handler)
        except OSError as error:
            raise PortTaken(
                f"cannot listen on {self._where[0]}:{self._where[1]} ({error.strerror}): "
                "set http.metrics_port to a free port, or to 0 for any"
            ) from error
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True, args=(0.1,)).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Handler(BaseHTTPRequestHandler):
    probes: Mapping[str, Callable[[], Probe]]
    registry: CollectorRegistry
    protocol_version = "HTTP/1.1"
    server_version = "homeostat"
    sys_version = ""
    timeout = 10

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            encode, content_type = choose_encoder(self.headers.get("Accept", ""))
            self._answer(200, content_type, encode(self.registry))
        elif path in self.probes:
            probe = self.probes[path]()
            body = json.dumps({"ok": probe.ok, **probe.detail}, default=str).encode()
            self._answer(200 if probe.ok else 503, "application/json", body)
        else:
            self._answer(404, "application/json", b'{"paths": ["/live", "/ready", "/metrics"]}')

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the name is the base class's
        """Probes come every second: they are not logged."""

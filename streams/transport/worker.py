"""Running a role as a process: checks, event loop, signals, health, and an end within the limit whatever hangs."""

import asyncio
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from typing import Any

import faust
import structlog
import uvloop
from aiokafka.errors import KafkaError

from homeostat.streams import failpoints
from homeostat.streams.health import HealthServer, Heartbeat
from homeostat.streams.settings import Settings
from homeostat.streams.transport.app import RoleApp, build_role_app
from homeostat.streams.transport.preflight import count_partitions
from homeostat.streams.transport.quiet import quieten_libraries
from homeostat.streams.transport.spec import StageSpec, Wiring

log = structlog.get_logger("homeostat.transport")

_BEAT_S = 0.5
_KILLED_WHILE_STOPPING = 70


class RoleWorker(faust.Worker):
    """Faust's worker that ends on TERM, INT or a fatal error of its role, and by force at the limit."""

    def __init__(self, app: RoleApp, stop_timeout_s: float, heartbeat: Heartbeat, **kwargs: Any) -> None:
        super().__init__(app, quiet=True, override_logging=False, redirect_stdouts=False, **kwargs)
        self.spinner = None
        self._stop_timeout_s = stop_timeout_s
        self._heartbeat = heartbeat
        app.shell.on_fatal = lambda: self._schedule_shutdown(signal.SIGTERM)

    def _setproctitle(self, info: str, *, ident: str = "") -> None:
        """Leave the process's title alone."""

    def _schedule_shutdown(self, signal: signal.Signals) -> None:
        _end_by_force_after(self._stop_timeout_s)
        super()._schedule_shutdown(signal)

    async def on_first_start(self) -> None:
        """Start beating beside what Faust starts."""
        await super().on_first_start()
        self.add_future(self._beat())

    async def _beat(self) -> None:
        while not self.should_stop:
            self._heartbeat.beat()
            await self.sleep(_BEAT_S)


def run_worker(
    settings: Settings,
    role: str,
    specs: Sequence[StageSpec],
    wiring: Wiring | None = None,
    check_topics: Callable[[], None] | None = None,
    on_listening: Callable[[str], None] | None = None,
) -> None:
    """Run a role until TERM or INT; returns then, with everything saved.

    `check_topics` raises `TopicsUnfit` when broker and topics table differ; `on_listening` is told the address of the
    health server. Raises the `HomeostatError` that ended the worker: `TopicsUnfit` and `BrokerUnavailable` before it
    begins, `BuildRefusesMost`, `OffsetPoisoned` and `ClientEnded` while it runs.
    """
    quieten_libraries()
    failpoints.arm(settings.failpoint)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    if check_topics is not None:
        check_topics()
    counts = loop.run_until_complete(count_partitions(settings, specs))
    with tempfile.TemporaryDirectory(prefix="homeostat-") as datadir:
        app = build_role_app(settings, role, specs, counts, wiring or Wiring(), datadir)
        _run(app, settings, loop, on_listening)
    if app.shell.error is not None:
        raise app.shell.error


def _run(
    app: RoleApp, settings: Settings, loop: asyncio.AbstractEventLoop, on_listening: Callable[[str], None] | None
) -> None:
    loop.set_exception_handler(_pass_over_fenced)
    heartbeat = Heartbeat()
    worker = RoleWorker(app, settings.worker.stop_timeout_s, heartbeat, loop=loop)
    http = settings.http
    with HealthServer(http.metrics_host, http.metrics_port, live=heartbeat.probe, ready=app.shell.probe) as health:
        log.info("worker starts", role=app.role, group=app.conf.id, health=health.address)
        if on_listening is not None:
            on_listening(health.address)
        try:
            worker.execute_from_commandline()
        except SystemExit as ended:
            if ended.code and app.shell.error is None:
                raise
    log.info("worker ended", role=app.role)


def _pass_over_fenced(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A fenced producer leaves futures behind that nobody can reach: what they say was said to its partition."""
    if not isinstance(context.get("exception"), KafkaError):
        loop.default_exception_handler(context)


def _end_by_force_after(limit_s: float) -> None:
    def end() -> None:
        sys.stderr.write("the worker did not stop in time and is ended by force; its state is as last saved\n")
        sys.stderr.flush()
        os._exit(_KILLED_WHILE_STOPPING)

    timer = threading.Timer(limit_s, end)
    timer.daemon = True
    timer.start()

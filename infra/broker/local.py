"""A real Apache Kafka broker on this machine, with nothing but Python: for tests, trials and a first real run."""

import base64
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from homeostat.infra.broker import leash
from homeostat.infra.broker.folder import BrokerFolder
from homeostat.infra.broker.jars import Progress, ensure_jars
from homeostat.infra.broker.java import find_java
from homeostat.infra.broker.properties import LOOPBACK
from homeostat.infra.broker.readiness import is_ready
from homeostat.infra.broker.settings import BrokerSettings
from homeostat.schemas.errors import BrokerUnavailable

POLL_S = 0.02


class LocalBroker:
    """One Kafka broker (KRaft, its own controller) as a child process, on loopback only.

    A context manager: starts on entry, on exit stops and removes the data if the folder was its own. The broker
    does not outlive this process, however it ends. Not for production: one replica, no TLS, no authentication.
    Methods raise BrokerUnavailable, with what to do.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        port: int = 0,
        heap_mib: int = 512,
        properties: Mapping[str, str] | None = None,
        start_limit_s: float = 180.0,
        progress: Progress | None = None,
        settings: BrokerSettings | None = None,
    ) -> None:
        """Prepares a broker; nothing is started yet.

        `data_dir` None means a temporary folder, removed by `close`. `port` 0 means the port used before in this
        folder if it is free, else any free one. `properties` are further lines of server.properties.
        """
        self._folder = BrokerFolder(data_dir) if data_dir is not None else BrokerFolder.make_temporary()
        self._wanted_port = port
        self._heap_mib = heap_mib
        self._properties = dict(properties or {})
        self._start_limit_s = start_limit_s
        self._progress = progress
        self._settings = settings if settings is not None else BrokerSettings()
        self._ports: tuple[int, int] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._leash: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """The bootstrap address, `127.0.0.1:port`; the same over all restarts of this object."""
        if self._ports is None:
            raise BrokerUnavailable("the broker has no address before its first start: call start()")
        return f"{LOOPBACK}:{self._ports[0]}"

    @property
    def data_dir(self) -> Path:
        """The folder with the partitions' segments."""
        return self._folder.data_dir

    @property
    def log_dir(self) -> Path:
        """The folder with the broker's own logs (`server.log`, `console.log`)."""
        return self._folder.log_dir

    @property
    def pid(self) -> int:
        """The process id of the running broker."""
        return self._running().pid

    @property
    def is_running(self) -> bool:
        """Whether the process lives (a paused one does)."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the broker and returns when it answers clients; does nothing if it runs.

        Fetches the jars first if the cache lacks them; the limit of time begins after that.
        """
        if self.is_running:
            return
        java = str(find_java(self._settings.java_home))
        jars = ensure_jars(self._settings.cache_dir, self._progress)
        self._release()
        lock = self._folder.lock()
        try:
            self._start_locked([java, f"-Xmx{self._heap_mib}m", "-cp", ":".join(map(str, jars))], lock)
        except BaseException:
            self.kill()
            raise
        finally:
            os.close(lock)

    def stop(self, limit_s: float = 20.0) -> None:
        """Asks the broker to stop and waits; kills it after the limit. Data and address stay for the next start."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(limit_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._release()

    def kill(self) -> None:
        """Ends the broker as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
        self._release()

    def restart(self) -> None:
        """Stops and starts again, at the same address with the same data."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Stops the process where it stands (SIGSTOP): connections stay open, nothing answers."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets a paused broker go on."""
        self._running().send_signal(signal.SIGCONT)

    def wait(self, limit_s: float) -> bool:
        """Waits until the broker has ended by itself, at most the limit; says whether it has."""
        try:
            self._running().wait(limit_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def explain_end(self) -> str:
        """A sentence with the last errors of the broker's logs and where these are."""
        return self._folder.quote_last_errors()

    def close(self) -> None:
        """Stops and removes a temporary folder."""
        self.stop()
        self._folder.remove_if_temporary()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise BrokerUnavailable(f"the broker does not run. {self.explain_end()}")
        return self._process

    def _start_locked(self, java: list[str], lock: int) -> None:
        deadline = time.monotonic() + self._start_limit_s
        if self._ports is None:
            self._ports = self._folder.choose_ports(self._wanted_port)
        self._folder.write_config(self._ports, self._properties)
        java += self._folder.logging_options
        if not self._folder.is_formatted:
            self._format(java)
        self._spawn([*java, "kafka.Kafka", str(self._folder.config_path)], lock)
        self._await_ready(deadline)

    def _spawn(self, command: list[str], lock: int) -> None:
        # a session of its own: Ctrl-C in a terminal reaches the owner only, who stops the broker in order
        with (self.log_dir / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
                pass_fds=(lock,),
            )
        self._leash = subprocess.Popen(
            [sys.executable, "-I", "-S", leash.__file__, str(self._process.pid)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def _release(self) -> None:
        """Waits for a process that was told to end, then lets go of the leash."""
        if self._process is not None:
            self._process.wait()
            self._process = None
        if self._leash is not None:
            self._leash.communicate()
            self._leash = None

    def _format(self, java: list[str]) -> None:
        # '_' first: an id that begins with '-' would be read as an option
        cluster_id = "_" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
        config = str(self._folder.config_path)
        java = [*java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]  # it lives a second: a third less CPU so
        arguments = ["kafka.tools.StorageTool", "format", "--standalone", "-t", cluster_id, "-c", config]
        done = subprocess.run([*java, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BrokerUnavailable(f"could not format {self.data_dir}: {(done.stderr or done.stdout).strip()}")

    def _await_ready(self, deadline: float) -> None:
        while not is_ready(self.address):
            if not self.is_running:
                raise BrokerUnavailable(f"the broker ended while starting. {self.explain_end()}")
            if time.monotonic() > deadline:
                raise BrokerUnavailable(f"no answer from the broker in {self._start_limit_s:g} s. {self.explain_end()}")
            self.wait(POLL_S)

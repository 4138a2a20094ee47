"""A real Apache Kafka broker on this machine, with nothing but Python: for tests, trials and a first real run."""

import base64
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from homeostat.infra.broker.jars import Progress, ensure_jars
from homeostat.infra.broker.java import find_java
from homeostat.infra.broker.ports import choose_free_port, is_answering, is_free
from homeostat.infra.broker.properties import LOG4J2, LOOPBACK, render_server_properties
from homeostat.infra.broker.settings import BrokerSettings
from homeostat.schemas.errors import BrokerUnavailable


class LocalBroker:
    """One Kafka broker (KRaft, its own controller) as a child process, on loopback only.

    A context manager: starts on entry, on exit stops and removes the data if the folder was its own. Not for
    production: one replica, no TLS, no authentication. All methods raise BrokerUnavailable with what to do.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        port: int = 0,
        heap_mib: int = 512,
        properties: Mapping[str, str] | None = None,
        start_limit_s: float = 60.0,
        progress: Progress | None = None,
        settings: BrokerSettings | None = None,
    ) -> None:
        """Prepares a broker; nothing is started or written yet.

        `data_dir` None means a temporary folder, removed by `close`. `port` 0 means the port used before in this
        folder if it is free, else any free one. `properties` are further lines of server.properties.
        """
        self._own_folder = data_dir is None
        self._home = data_dir
        self._wanted_port = port
        self._heap_mib = heap_mib
        self._properties = dict(properties or {})
        self._start_limit_s = start_limit_s
        self._progress = progress
        self._settings = settings if settings is not None else BrokerSettings()
        self._ports: tuple[int, int] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """The bootstrap address, `127.0.0.1:port`; the same over all restarts of this object."""
        if self._ports is None:
            raise BrokerUnavailable("the broker has no address before its first start: call start()")
        return f"{LOOPBACK}:{self._ports[0]}"

    @property
    def home(self) -> Path:
        """The folder with configuration, data and logs."""
        if self._home is None:
            self._home = Path(tempfile.mkdtemp(prefix="homeostat-broker-"))
        return self._home

    @property
    def data_dir(self) -> Path:
        """The folder with the partitions' segments."""
        return self.home / "data"

    @property
    def log_dir(self) -> Path:
        """The folder with the broker's own logs (`server.log`, `console.log`)."""
        return self.home / "logs"

    @property
    def pid(self) -> int:
        """The process id of the running broker."""
        return self._running().pid

    @property
    def is_running(self) -> bool:
        """Whether the process lives (a paused one does)."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the broker and returns when it answers clients; does nothing if it runs."""
        if self.is_running:
            return
        java = [str(find_java(self._settings.java_home)), f"-Xmx{self._heap_mib}m"]
        jars = ensure_jars(self._settings.cache_dir, self._progress)
        java += ["-cp", ":".join(map(str, jars)), *self._logging_options()]
        deadline = time.monotonic() + self._start_limit_s
        config = self._write_config()
        if not (self.data_dir / "meta.properties").exists():
            self._format(java, config)
        with (self.log_dir / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                [*java, "kafka.Kafka", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        try:
            self._await_ready(deadline)
        except BaseException:
            self.kill()
            raise

    def stop(self, limit_s: float = 20.0) -> None:
        """Asks the broker to stop and waits; kills it after the limit. Data and address stay for the next start."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """Ends the broker as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

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

    def close(self) -> None:
        """Stops and removes a temporary folder."""
        self.stop()
        if self._own_folder and self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

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
            raise BrokerUnavailable("the broker does not run: call start()")
        return self._process

    def _logging_options(self) -> list[str]:
        return [f"-Dlog4j2.configurationFile={self.home / 'log4j2.properties'}", f"-Dhomeostat.log.dir={self.log_dir}"]

    def _write_config(self) -> Path:
        self.log_dir.mkdir(parents=True, exist_ok=True)
        (self.home / "log4j2.properties").write_text(LOG4J2, encoding="utf-8")
        if self._ports is None:
            self._ports = self._choose_ports()
        config = self.home / "server.properties"
        text = render_server_properties(self.data_dir, *self._ports, self._properties)
        config.write_text(text, encoding="utf-8")
        return config

    def _choose_ports(self) -> tuple[int, int]:
        if self._wanted_port and not is_free(self._wanted_port):
            raise BrokerUnavailable(f"port {self._wanted_port} is in use: stop what listens there or choose another")
        memory = self.home / "ports"
        if memory.exists():
            broker, controller = map(int, memory.read_text(encoding="utf-8").split())
            if self._wanted_port in {0, broker} and is_free(broker) and is_free(controller):
                return broker, controller
        broker = self._wanted_port or choose_free_port()
        controller = choose_free_port(frozenset({broker}))
        memory.write_text(f"{broker} {controller}\n", encoding="utf-8")
        return broker, controller

    def _format(self, java: list[str], config: Path) -> None:
        # '_' first: an id that begins with '-' would be read as an option
        cluster_id = "_" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
        arguments = ["kafka.tools.StorageTool", "format", "--standalone", "-t", cluster_id, "-c", str(config)]
        done = subprocess.run([*java, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BrokerUnavailable(f"could not format {self.data_dir}: {(done.stderr or done.stdout).strip()}")

    def _await_ready(self, deadline: float) -> None:
        port = int(self.address.rpartition(":")[2])
        while not is_answering(port):
            self._await_a_moment(deadline)
        # paced by the library's own time limit; it logs every refused connection, which is no news here
        client = AdminClient({"bootstrap.servers": self.address, "log_level": 0, "reconnect.backoff.max.ms": 100})
        while not self._lists_itself(client):
            self._await_a_moment(deadline)

    def _lists_itself(self, client: AdminClient) -> bool:
        try:
            return bool(client.list_topics(timeout=1.0).brokers)
        except KafkaException:
            return False

    def _await_a_moment(self, deadline: float) -> None:
        process = self._running_or_explain()
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                raise BrokerUnavailable(
                    f"the broker did not answer in {self._start_limit_s:g} s. {self._tail()}"
                ) from None

    def _running_or_explain(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise BrokerUnavailable(f"the broker ended while starting. {self._tail()}")
        return self._process

    def _tail(self) -> str:
        lines: list[str] = []
        for name in ("console.log", "server.log"):
            path = self.log_dir / name
            if path.exists():
                text = path.read_text(encoding="utf-8", errors="replace")
                lines += [line for line in text.splitlines() if " ERROR " in line or "FATAL" in line or "Error" in line]
        return f"Its logs are in {self.log_dir}; last errors: {' | '.join(lines[-3:]) or 'none'}"

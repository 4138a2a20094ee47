"""The folder of one local broker: its configuration, its ports, its data, its logs."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from homeostat.infra.broker.ports import choose_free_port, is_free
from homeostat.infra.broker.properties import LOG4J2, LOOPBACK, render_server_properties
from homeostat.schemas.errors import BrokerUnavailable


class BrokerFolder:
    """Everything of a local broker that lies on disk; nothing is written before `write_config`."""

    def __init__(self, path: Path, *, temporary: bool = False) -> None:
        # absolute, and without links: Kafka compares paths
        self.path = path.resolve()
        self._temporary = temporary

    @classmethod
    def make_temporary(cls) -> Self:
        """A new folder that `remove_if_temporary` takes away."""
        return cls(Path(tempfile.mkdtemp(prefix="homeostat-broker-")), temporary=True)

    @property
    def data_dir(self) -> Path:
        """The partitions' segments."""
        return self.path / "data"

    @property
    def log_dir(self) -> Path:
        """The broker's own logs: `server.log` by log4j2, `console.log` what the process printed."""
        return self.path / "logs"

    @property
    def config_path(self) -> Path:
        """server.properties."""
        return self.path / "server.properties"

    @property
    def is_formatted(self) -> bool:
        """Whether the data folder already belongs to a cluster."""
        return (self.data_dir / "meta.properties").exists()

    @property
    def logging_options(self) -> list[str]:
        """The options of `java` that send the broker's logs to this folder."""
        return [f"-Dlog4j2.configurationFile={self.path / 'log4j2.properties'}", f"-Dhomeostat.log.dir={self.log_dir}"]

    def lock(self) -> int:
        """Takes the folder for one broker and returns the file descriptor that holds it, for the broker to inherit.

        It is free again when every process that holds the descriptor has closed it or ended. Raises
        BrokerUnavailable when another broker has it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise BrokerUnavailable(f"another broker has the folder {self.path}: stop it, or choose another") from None
        return descriptor

    def forget_cluster(self) -> None:
        """Throws the data of an earlier cluster away. Raises BrokerUnavailable when a broker has the folder."""
        lock = self.lock()
        try:
            shutil.rmtree(self.data_dir, ignore_errors=True)
        finally:
            os.close(lock)

    def choose_ports(self, wanted: int) -> tuple[int, int]:
        """The ports of broker and controller: those used here before if free, else others, which are remembered.

        Raises BrokerUnavailable when `wanted` (0: any) is in use.
        """
        if wanted and not is_free(wanted):
            raise BrokerUnavailable(
                f"port {wanted} of {LOOPBACK} is in use: stop what listens there, or choose another"
            )
        memory = self.path / "ports"
        if memory.exists():
            broker, controller = map(int, memory.read_text(encoding="utf-8").split())
            if wanted in {0, broker} and is_free(broker) and is_free(controller):
                return broker, controller
        broker = wanted or choose_free_port()
        controller = choose_free_port(frozenset({broker}))
        memory.write_text(f"{broker} {controller}\n", encoding="utf-8")
        return broker, controller

    def write_config(self, ports: tuple[int, int], properties: Mapping[str, str]) -> None:
        """Writes server.properties and the log4j2 configuration; raises ValueError as `render_server_properties`."""
        text = render_server_properties(self.data_dir, *ports, properties)
        self.log_dir.mkdir(parents=True, exist_ok=True)
        self.config_path.write_text(text, encoding="utf-8")
        (self.path / "log4j2.properties").write_text(LOG4J2, encoding="utf-8")

    def quote_last_errors(self) -> str:
        """A sentence with the last errors that the broker logged, and where its logs are."""
        lines: list[str] = []
        for path in (self.log_dir / "console.log", self.log_dir / "server.log"):
            if path.exists():
                text = path.read_text(encoding="utf-8", errors="replace")
                lines += [line for line in text.splitlines() if any(word in line for word in _ALARMING)]
        return f"Its logs are in {self.log_dir}; last errors: {' | '.join(lines[-3:]) or 'none'}"

    def remove_if_temporary(self) -> None:
        """Deletes the folder if it was made by `make_temporary`."""
        if self._temporary:
            shutil.rmtree(self.path, ignore_errors=True)


_ALARMING = (" ERROR ", " FATAL ", "Error: ", "Exception: ")

"""Writes the lock of the broker's jars anew: `python -m homeostat.infra.broker.relock`."""

import sys
import tempfile
from pathlib import Path

from jgo.config import GlobalSettings
from jgo.env import LockFile
from jgo.maven import MavenContext, PythonResolver
from jgo.parse import Coordinate

from homeostat.infra.broker.jars import LOCK_PATH

COORDINATES = (
    "org.apache.kafka:kafka_2.13:4.3.1",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4!",
)
"""The broker, and the log4j2 binding for its slf4j 1.7; `!` keeps the versions that log4j manages for its own tests out
(they would bring kafka-clients 3.9)."""


def write_lock(lock_path: Path, coordinates: tuple[str, ...] = COORDINATES) -> int:
    """Resolves the coordinates with every jar they need at run time and writes names, versions and SHA-256 sums.

    Downloads everything into a folder of its own, so that no older file of a cache is trusted. Returns the number
    of jars. Raises what jgo raises when a repository cannot be reached.
    """
    with tempfile.TemporaryDirectory() as folder:
        repositories = GlobalSettings.load().repositories or None
        context = MavenContext(resolver=PythonResolver(), repo_cache=Path(folder), remote_repos=repositories)
        wanted = [context.create_dependency(Coordinate.parse(text)) for text in coordinates]
        named, transitive = context.resolver.resolve(wanted)
        needed = named + [d for d in transitive if d.scope in ("compile", "runtime")]
        LockFile.from_resolved_dependencies(needed, environment_name="homeostat-broker").save(lock_path)
        return len(needed)


if __name__ == "__main__":
    sys.stderr.write(f"{write_lock(LOCK_PATH)} jars locked in {LOCK_PATH}\n")

"""The broker's jars: fetched once by jgo, kept in the user's cache, checked against the lock before every start."""

import fcntl
import hashlib
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from homeostat.schemas.errors import BrokerUnavailable

LOCK_PATH = Path(__file__).with_name("kafka.lock.toml")

Progress = Callable[[int, int, str], None]
"""Called after each jar fetched: how many are done, how many there are to fetch, the name of the last."""


@dataclass(frozen=True)
class Jar:
    """One locked jar: its coordinates and the SHA-256 of its bytes, hexadecimal."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """The name of the file in a Maven repository."""
        return f"{self.artifact}-{self.version}.jar"

    def path_in(self, repository: Path) -> Path:
        """The place of this jar in a Maven repository folder."""
        return repository.joinpath(*self.group.split("."), self.artifact, self.version, self.filename)


@cache
def read_lock(lock_path: Path = LOCK_PATH) -> tuple[Jar, ...]:
    """The locked jars in class path order; raises OSError or KeyError for a file that is no lock of jgo."""
    data = tomllib.loads(lock_path.read_text(encoding="utf-8"))
    return tuple(Jar(d["groupId"], d["artifactId"], d["version"], d["sha256"]) for d in data["dependencies"])


def find_unfit(jars: Sequence[Jar], repository: Path) -> list[Jar]:
    """Those jars that are missing from the folder or whose bytes are not the locked ones."""
    return [jar for jar in jars if not _is_locked_file(jar, repository)]


def ensure_jars(cache_dir: Path, progress: Progress | None = None, jars: Sequence[Jar] | None = None) -> list[Path]:
    """The paths of all jars (those of the lock), each with its locked sum; fetches what is missing or damaged.

    Several processes may call it at once: one fetches, the others wait for it. Needs no network when the cache is
    whole. Raises BrokerUnavailable when a jar cannot be fetched or what came has another sum.
    """
    jars = read_lock() if jars is None else jars
    repository = cache_dir / "maven"
    if find_unfit(jars, repository):
        repository.mkdir(parents=True, exist_ok=True)
        with _hold_file_lock(cache_dir / "maven.lock"):
            _fetch(find_unfit(jars, repository), repository, progress)
    return [jar.path_in(repository) for jar in jars]


def _is_locked_file(jar: Jar, repository: Path) -> bool:
    try:
        with jar.path_in(repository).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
    except FileNotFoundError:
        return False


def _fetch(jars: Sequence[Jar], repository: Path, progress: Progress | None) -> None:
    if not jars:
        return
    try:
        from jgo.config import GlobalSettings
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        raise BrokerUnavailable("the local broker needs its extra: pip install 'homeostat[broker]'") from error
    context = MavenContext(
        resolver=PythonResolver(),
        repo_cache=repository,
        remote_repos=GlobalSettings.load().repositories or None,
        timeout=30,
    )
    for done, jar in enumerate(jars, start=1):
        jar.path_in(repository).unlink(missing_ok=True)
        try:
            context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
        except (OSError, RuntimeError) as error:
            raise BrokerUnavailable(_explain_fetch(jar, repository, str(error))) from error
        if not _is_locked_file(jar, repository):
            jar.path_in(repository).unlink(missing_ok=True)
            raise BrokerUnavailable(_explain_fetch(jar, repository, "its SHA-256 is not the locked one"))
        if progress is not None:
            progress(done, len(jars), jar.filename)


def _explain_fetch(jar: Jar, repository: Path, cause: str) -> str:
    return (
        f"could not fetch {jar.group}:{jar.artifact}:{jar.version} ({cause}). The first start downloads the broker, "
        "once: let this machine reach a Maven repository (a mirror goes under [repositories] in ~/.config/jgo.conf) "
        f"or copy {repository} from a machine that has it."
    )


@contextmanager
def _hold_file_lock(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

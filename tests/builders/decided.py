"""Every decision that guards take in tests: exported as a bundle, and run again from it in a process of its own.

A `GuardLog` and an installation on a broker note themselves; when their test has ended, all that they decided is
exported, and a fresh process (no settings, no broker, another working directory and home) replays the bundles.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from homeostat.detectors.backtest.topology import Finish, StageFactory, Topology
from homeostat.schemas.decision import Decision
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.log import LogRecord
from homeostat.schemas.topics import ACKS, COMMANDS, DECISIONS, EVIDENCE, INTENTS
from homeostat.streams.audit.entries import Place
from homeostat.streams.backtest.platform import Platform
from homeostat.streams.decisions.bundle import write_bundle
from homeostat.streams.decisions.dossier import gather_dossier
from homeostat.streams.decisions.topics import Topics
from homeostat.streams.key_folder import write_key_set
from homeostat.streams.key_set import KeySet
from homeostat.streams.keys import TRUST, load_trust
from tests.builders.guard_topics import GuardTopics
from tests.builders.keys import write_trust
from tests.builders.store_topics import StoreTopics

if TYPE_CHECKING:
    from tests.builders.guard_log import GuardLog

_READ = (EVIDENCE, DECISIONS, INTENTS, COMMANDS, ACKS)
_AT_ONCE = 40
"""Bundles that are replayed together; no test's end has to wait for many more."""


class HeldTopics:
    """Topics as they were at one moment, read once."""

    def __init__(self, topics: Topics) -> None:
        self._partitions = topics.partitions(EVIDENCE)
        self._held = {topic: list(topics.read(topic)) for topic in _READ}

    def partitions(self, _: str) -> int:
        return self._partitions

    def read(self, topic: str) -> Iterator[tuple[Place, LogRecord]]:
        yield from self._held[topic]

    def decisions(self) -> list[Decision]:
        """Every decision, in the topic's order."""
        return [Decision.model_validate_json(read_envelope(record.value)[1]) for _, record in self._held[DECISIONS]]

    def digest_inputs(self, decision: Decision) -> str:
        """A digest of a decision and of all that its guard had read."""
        found = sha256(decision.model_dump_json().encode())
        for place, record in self._held[EVIDENCE]:
            if place.partition == decision.source_partition and record.offset <= decision.mark:
                found.update(repr(record).encode())
        return found.hexdigest()


class _Noted(NamedTuple):
    """Topics, and the keys of what wrote them: in a folder, not yet in one, or those of all tests."""

    topics: Topics
    keys: Path | KeySet | None


_noted: list[_Noted] = []


def note_guard(log: "GuardLog") -> None:
    """What this guard will have decided when its test ends is to be exported."""
    _noted.append(_Noted(GuardTopics(log), None))


def note_topics(topics: Topics, trust_folder: Path) -> None:
    """What stands in these topics now is to be exported, with the keys of a folder."""
    _noted.append(_Noted(HeldTopics(topics), trust_folder))


class KeptTopology(Topology):
    """A topology in memory that keeps what a decision is exported from, whatever else it forgets."""

    def __init__(
        self,
        partitions: int,
        factories: Mapping[str, StageFactory],
        finish: Finish,
        retained: Collection[str] | None = None,
        *others: Collection[str],
    ) -> None:
        super().__init__(partitions, factories, finish, None if retained is None else {*retained, *_READ}, *others)


@dataclass(frozen=True)
class NotedPlatform(Platform):
    """A platform in memory whose decisions are exported when its test has ended."""

    def __post_init__(self) -> None:
        if self.trust.keys == self.keys.trust().keys:  # another installation's log is not this platform's to export
            _noted.append(_Noted(StoreTopics(self.topology.logs), self.keys))


class Shelf:
    """The bundles of a session, each of another decision or from another log."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: set[str] = set()
        self._waiting: list[Path] = []

    def export_noted(self, name: str) -> None:
        """Export what was noted since the last call; each must give its decision again already here."""
        noted, _noted[:] = _noted[:], []
        for topics, keys in noted:
            held = HeldTopics(topics)
            if held.decisions():
                self._export(name, held, self._find_trust(keys))
        if len(self._waiting) >= _AT_ONCE:
            self.replay()

    def replay(self) -> None:
        """Replay every bundle that waits in a process of its own, and forget it."""
        home = self._folder / "home"
        home.mkdir(exist_ok=True)
        if self._waiting:
            replay_afresh(self._waiting, home)
        for bundle in self._waiting:
            shutil.rmtree(bundle)
        self._waiting.clear()

    def _export(self, name: str, topics: HeldTopics, trust_folder: Path) -> None:
        trust = load_trust(trust_folder)
        for decision in topics.decisions():
            digest = topics.digest_inputs(decision)
            if digest in self._seen:
                continue
            self._seen.add(digest)
            folder = self._folder / f"{len(self._seen):04}-{decision.verdict}-{re.sub('[^a-z0-9_]+', '-', name)}"
            dossier = gather_dossier(topics, decision.decision, trust)
            assert dossier.replays, f"{folder.name}: its log does not give it again"
            write_bundle(dossier, folder, trust_folder)
            self._waiting.append(folder)

    def _find_trust(self, keys: Path | KeySet | None) -> Path:
        if isinstance(keys, Path):
            return keys
        if keys is None:
            return self._own_trust
        folder = self._folder / f"keys-{sha256(repr(sorted(keys.trust().keys)).encode()).hexdigest()[:16]}"
        if not folder.exists():
            write_key_set(keys, folder)
        return folder / TRUST

    @cached_property
    def _own_trust(self) -> Path:
        return write_trust(self._folder / "trust")


def replay_afresh(bundles: Sequence[Path], folder: Path) -> None:
    """`homeostat decision replay` of these bundles, with nothing but them: no setting, no broker, an empty home."""
    command = [sys.executable, "-m", "homeostat", "decision", "replay", *map(str, bundles)]
    done = subprocess.run(command, cwd=folder, env={"HOME": str(folder)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("same bytes") == len(bundles), done.stdout

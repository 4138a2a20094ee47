"""Where a gateway keeps what it must not forget: desired states, lease numbers, and what it still has to say."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from homeostat.schemas.canonical import to_json
from homeostat.schemas.command import DesiredState
from homeostat.schemas.exposure import ExposureReport, SessionStart

_SCHEMA = """
CREATE TABLE IF NOT EXISTS desired_state (target TEXT PRIMARY KEY, generation INTEGER NOT NULL, message BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS lease (lease TEXT PRIMARY KEY, renewal INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS report (target TEXT PRIMARY KEY, sequence INTEGER NOT NULL, total_starts INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, key BLOB NOT NULL, ce_type TEXT NOT NULL,
    envelope BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS served (target TEXT PRIMARY KEY, facts TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS webhook (
    id INTEGER PRIMARY KEY AUTOINCREMENT, target TEXT NOT NULL, ce_type TEXT NOT NULL, envelope BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS history (
    id INTEGER PRIMARY KEY AUTOINCREMENT, target TEXT NOT NULL, generation INTEGER NOT NULL, state_digest TEXT NOT NULL,
    applied_at_ms INTEGER NOT NULL
);
"""


class Outgoing(NamedTuple):
    """A signed message that waits to be delivered."""

    topic: str
    key: bytes
    ce_type: str
    envelope: bytes


class Waiting(NamedTuple):
    """An outgoing message and its number in the outbox."""

    number: int
    message: Outgoing


class Post(NamedTuple):
    """A signed envelope that waits to be posted to the webhook; numbers rise."""

    number: int
    target: str
    ce_type: str
    envelope: bytes


SealReport = Callable[[ExposureReport], Outgoing]


class GatewayStore(Protocol):
    """The port through which a gateway applies a desired state. Each method is one transaction."""

    def load_states(self) -> dict[str, DesiredState]: ...
    def load_renewals(self) -> dict[str, int]: ...
    def load_served(self) -> dict[str, str]: ...
    def load_since(self) -> dict[str, int]: ...
    def announce(self, target: str, facts: str, message: Outgoing) -> None: ...
    def apply(
        self, state: DesiredState, state_digest: str, acknowledgement: Outgoing, at_ms: int, post: bytes | None = None
    ) -> None: ...
    def waiting_posts(self) -> list[Post]: ...
    def posted(self, number: int) -> None: ...
    def acknowledge(self, acknowledgement: Outgoing) -> None: ...
    def note_renewals(self, renewals: Sequence[tuple[str, int]]) -> None: ...
    def add_report(
        self, gateway: str, tenant: str, workflow: str, starts: Sequence[SessionStart], seal: SealReport
    ) -> None: ...
    def waiting(self, limit: int) -> list[Waiting]: ...
    def delivered(self, numbers: Sequence[int]) -> None: ...
    def close(self) -> None: ...


class SqliteStore:
    """A store in one SQLite file (WAL, synchronous FULL): a state and its acknowledgement commit together."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)

    def load_states(self) -> dict[str, DesiredState]:
        """By target key, the newest state that was applied."""
        rows = self._query("SELECT target, message FROM desired_state")
        return {str(target): DesiredState.model_validate_json(message) for target, message in rows}

    def load_renewals(self) -> dict[str, int]:
        """By lease id, the newest renewal that was seen."""
        return {str(lease): int(renewal) for lease, renewal in self._query("SELECT lease, renewal FROM lease")}

    def load_history(self, target: str) -> list[tuple[int, str, int]]:
        """(generation, state digest, time applied in ms) of every state that a target was given, oldest first."""
        sql = "SELECT generation, state_digest, applied_at_ms FROM history WHERE target = ? ORDER BY id"
        return [(int(row[0]), str(row[1]), int(row[2])) for row in self._query(sql, (target,))]

    def load_served(self) -> dict[str, str]:
        """By target key, a digest of what was last announced of it."""
        return {str(target): str(facts) for target, facts in self._query("SELECT target, facts FROM served")}

    def load_since(self) -> dict[str, int]:
        """By target key, when its present state was applied, in ms."""
        rows = self._query("SELECT target, MAX(applied_at_ms) FROM history GROUP BY target")
        return {str(target): int(at_ms) for target, at_ms in rows}

    def announce(self, target: str, facts: str, message: Outgoing) -> None:
        """Queue what a target serves and remember that it was said, in one transaction."""
        with self._transaction() as db:
            db.execute("REPLACE INTO served VALUES (?, ?)", (target, facts))
            _queue(db, message)

    def waiting_posts(self) -> list[Post]:
        """The oldest envelope of each target that the webhook has not taken."""
        sql = "SELECT MIN(id), target, ce_type, envelope FROM webhook GROUP BY target ORDER BY 1"
        return [Post(*row) for row in self._query(sql)]

    def posted(self, number: int) -> None:
        """Forget an envelope that the webhook has taken."""
        with self._transaction() as db:
            db.execute("DELETE FROM webhook WHERE id = ?", (number,))

    def apply(
        self, state: DesiredState, state_digest: str, acknowledgement: Outgoing, at_ms: int, post: bytes | None = None
    ) -> None:
        """Take over a state, queue its acknowledgement and, for a webhook, `post`: one transaction."""
        target = state.target.key
        with self._transaction() as db:
            db.execute("REPLACE INTO desired_state VALUES (?, ?, ?)", (target, state.generation, to_json(state)))
            db.execute(
                "INSERT INTO history (target, generation, state_digest, applied_at_ms) VALUES (?, ?, ?, ?)",
                (target, state.generation, state_digest, at_ms),
            )
            _queue(db, acknowledgement)
            if post is not None:
                row = (target, state.ce_type, post)
                db.execute("INSERT INTO webhook (target, ce_type, envelope) VALUES (?, ?, ?)", row)

    def acknowledge(self, acknowledgement: Outgoing) -> None:
        """Queue an acknowledgement without applying anything: a refusal, or the answer to a repeat."""
        with self._transaction() as db:
            _queue(db, acknowledgement)

    def note_renewals(self, renewals: Sequence[tuple[str, int]]) -> None:
        """Remember (lease, number of its renewal), in order: after a restart only a newer one counts."""
        with self._transaction() as db:
            db.executemany("REPLACE INTO lease VALUES (?, ?)", renewals)

    def add_report(
        self, gateway: str, tenant: str, workflow: str, starts: Sequence[SessionStart], seal: SealReport
    ) -> None:
        """Number an exposure report and queue it, in one transaction."""
        target = f"{tenant}/{workflow}"
        with self._transaction() as db:
            row = db.execute("SELECT sequence, total_starts FROM report WHERE target = ?", (target,)).fetchone()
            sequence, total = (row[0] + 1, row[1] + len(starts)) if row else (1, len(starts))
            db.execute("REPLACE INTO report VALUES (?, ?, ?)", (target, sequence, total))
            report = ExposureReport(
                gateway=gateway,
                tenant=tenant,
                workflow=workflow,
                sequence=sequence,
                total_starts=total,
                starts=tuple(starts),
            )
            _queue(db, seal(report))

    def waiting(self, limit: int) -> list[Waiting]:
        """The oldest messages that are not known to be delivered."""
        rows = self._query("SELECT id, topic, key, ce_type, envelope FROM outbox ORDER BY id LIMIT ?", (limit,))
        return [Waiting(row[0], Outgoing(row[1], row[2], row[3], row[4])) for row in rows]

    def delivered(self, numbers: Sequence[int]) -> None:
        """Forget messages that the broker has."""
        with self._transaction() as db:
            db.executemany("DELETE FROM outbox WHERE id = ?", [(number,) for number in numbers])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _query(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def _queue(db: sqlite3.Connection, message: Outgoing) -> None:
    db.execute("INSERT INTO outbox (topic, key, ce_type, envelope) VALUES (?, ?, ?, ?)", message)

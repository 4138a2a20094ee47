"""What a publisher sent and dropped: counted by any thread, read as one consistent pair."""

from collections import Counter
from enum import StrEnum
from threading import Lock


class Drop(StrEnum):
    """Why a valid trace did not reach the broker; invalid ones are counted under their refusal."""

    QUEUE_FULL = "queue_full"
    NOT_DELIVERED = "not_delivered"
    CLOSED = "closed"


class Tally:
    """Cumulative since the publisher started."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sent = 0
        self._dropped: Counter[str] = Counter()

    def add_sent(self) -> None:
        with self._lock:
            self._sent += 1

    def add_dropped(self, reason: str) -> bool:
        """Count one; True if it is the first of its reason."""
        with self._lock:
            self._dropped[reason] += 1
            return self._dropped[reason] == 1

    def read(self) -> tuple[int, dict[str, int]]:
        """(acknowledged by the broker, dropped by reason)."""
        with self._lock:
            return self._sent, dict(self._dropped)

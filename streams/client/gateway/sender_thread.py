"""A thread that hands over what a gateway's store has queued: woken, or at intervals of its own."""

import threading
from abc import ABC, abstractmethod


class SenderThread(ABC):
    """Starts, wakes and ends the thread; `_run` is its life, and ends soon after `_stopping` is set."""

    def __init__(self, name: str) -> None:
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin with what an earlier process left."""
        self._thread.start()

    def wake(self) -> None:
        """Hand over now, not at the next interval."""
        self._wake.set()

    def stop(self) -> None:
        """End after what is under way; the rest stays queued for the next start."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    @abstractmethod
    def _run(self) -> None: ...

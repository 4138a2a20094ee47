"""Keeping a broker's outage from filling the log: aiokafka says the same thing thousands of times a minute."""

import logging
import time
from collections.abc import Callable


class SeldomFilter(logging.Filter):
    """Lets a logger's message through once an interval, whatever its arguments; the next one says how often it came."""

    def __init__(self, interval_s: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._interval_s = interval_s
        self._clock = clock
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Pass the first of its kind and the first after each interval."""
        kind, now_s = (record.name, str(record.msg)), self._clock()
        last_s, withheld = self._seen.get(kind, (-self._interval_s, 0))
        if now_s - last_s < self._interval_s:
            self._seen[kind] = (last_s, withheld + 1)
            return False
        self._seen[kind] = (now_s, 0)
        if withheld:
            record.msg = f"{record.msg} (and {withheld} more like it)"
        return True


CHATTY = ("faust", "mode", "aiokafka", "homeostat.streams.transport")
_AIOKAFKA = (
    "aiokafka",
    "aiokafka.conn",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.producer.sender",
)


def quieten_libraries() -> None:
    """Let Faust and aiokafka report warnings and errors only, and repeat themselves seldom."""
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    seldom = SeldomFilter()
    for name in _AIOKAFKA:
        logging.getLogger(name).addFilter(seldom)

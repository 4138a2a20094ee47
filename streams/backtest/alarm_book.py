"""The alarms of a topology as they come: their topic holds control's ticks as well, which nobody wants to keep."""

from collections.abc import Callable

from homeostat.detectors.backtest import Topology
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.headers import CE_TYPE, find_header
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.topics import ALARMS

_ALARM = Alarm.ce_type.encode()


class AlarmBook:
    """Give `look` to a topology: it counts alarms, and tells `note` of each, after the tick in which it came."""

    def __init__(self, note: Callable[[Alarm], None] = lambda _: None) -> None:
        self.count = 0
        self._note = note
        self._read: dict[int, int] = {}

    def look(self, topology: Topology) -> None:
        """Take what has come since the last look."""
        for part in range(topology.logs.partitions(ALARMS)):
            log, read = topology.logs.log(ALARMS, part), self._read.get(part, 0)
            if log.count() > read:
                self._read[part] = log.count()
                for record in log.read(read):
                    if find_header(record.headers, CE_TYPE) == _ALARM:
                        self.count += 1
                        self._note(parse_message(Alarm, record.value)[0])

"""The topics of a rollout on its way, as a broker would have them."""

from collections.abc import Iterator

from homeostat.schemas.control import CONTROL_HEADER, ControlType
from homeostat.schemas.headers import find_header
from homeostat.schemas.log import LogRecord
from homeostat.schemas.topics import CONTROLS, DECISIONS, EVIDENCE, POLICIES, RELEASES, ROLLOUTS
from homeostat.streams.audit.entries import Place
from tests.builders.release_path import SIGNERS, ReleasePath

_TOPICS = {
    ControlType.POLICY: POLICIES,
    ControlType.RELEASE: RELEASES,
    ControlType.ROLLOUT: ROLLOUTS,
    ControlType.APPROVAL: CONTROLS,
    ControlType.ORDER: CONTROLS,
    ControlType.STOP: CONTROLS,
}


class PathTopics:
    """Documents out of the guard's log, its decisions signed, and the log itself as `evidence.v1`."""

    def __init__(self, path: ReleasePath) -> None:
        self._path = path

    def partitions(self, topic: str) -> int:
        return 1

    def read(self, topic: str) -> Iterator[tuple[Place, LogRecord]]:
        for offset, record in enumerate(self._records(topic)):
            yield Place(topic, 0, offset), record

    def _records(self, topic: str) -> Iterator[LogRecord]:
        log = self._path.guard.scenario.log
        if topic == EVIDENCE:
            yield from log
        elif topic == DECISIONS:
            signed = [SIGNERS.sign_output(output) for output in self._path.guard.outputs if output.topic == DECISIONS]
            for offset, output in enumerate(signed):
                yield LogRecord(offset, output.timestamp, output.key, output.value, output.headers)
        else:
            yield from (record for record in log if self._topic_of(record) == topic)

    def _topic_of(self, record: LogRecord) -> str | None:
        kind = find_header(record.headers, CONTROL_HEADER)
        return None if kind is None else _TOPICS.get(ControlType(kind.decode()))

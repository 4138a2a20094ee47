"""A guard's log, and what it put out, signed as it would leave: the topics that a decision is exported from."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from homeostat.schemas.log import LogRecord
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import ACKS, COMMANDS, DECISIONS, EVIDENCE, INTENTS
from homeostat.streams.audit.entries import Place
from homeostat.streams.signing import Signers
from tests.builders.keys import signer

if TYPE_CHECKING:
    from tests.builders.guard_log import GuardLog

_SIGNERS = Signers([signer(SignerRole.GUARD)])


class GuardTopics:
    """What stands in the topics once the guard of a `GuardLog` has put out what it did; no other stage runs."""

    def __init__(self, log: "GuardLog") -> None:
        self._log = log

    def partitions(self, _: str) -> int:
        return self._log.sources

    def read(self, topic: str) -> Iterator[tuple[Place, LogRecord]]:
        for record in self._records(topic):
            yield Place(topic, self._log.partition if topic == EVIDENCE else 0, record.offset), record

    def _records(self, topic: str) -> Sequence[LogRecord]:
        if topic == EVIDENCE:
            return self._log.scenario.log
        assert topic in {DECISIONS, INTENTS, COMMANDS, ACKS}
        sent = [_SIGNERS.sign_output(output) for output in self._log.outputs if output.topic == topic]
        return [LogRecord(at, each.timestamp, each.key, each.value, each.headers) for at, each in enumerate(sent)]

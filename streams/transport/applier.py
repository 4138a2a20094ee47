"""Folding a batch into a stage: in slices of bounded time, each failure traced to its offset."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence

import structlog

from homeostat.detectors.record_block import RecordBlock
from homeostat.detectors.stage import Stage
from homeostat.schemas.errors import BuildRefusesMost
from homeostat.schemas.log import Output
from homeostat.streams import failpoints
from homeostat.streams.transport.errors import OffsetPoisoned, StageFailed
from homeostat.streams.transport.meters import Meters
from homeostat.streams.transport.pace import Pace, Suspect
from homeostat.streams.transport.spec import Coordinates

log = structlog.get_logger("homeostat.transport")

FAILURES_ALLOWED = 3


class Applier:
    """Applies records for one runner. What it remembers (pace, suspect offsets) outlives the states it applies to."""

    def __init__(self, where: Coordinates, meters: Meters, batch_records: int) -> None:
        self._where = where
        self._meters = meters
        self._pace = Pace.starting_at(batch_records)
        self._suspect = Suspect()

    def slices(self, records: RecordBlock) -> Iterator[RecordBlock]:
        """Cut a batch; the size follows how long the last slices took."""
        while records:
            size = self._suspect.slice_size(records.first_offset, self._pace.size)
            yield records[:size]
            records = records[size:]

    def apply(self, stage: Stage, records: RecordBlock) -> list[Output]:
        """Apply what the stage has not seen yet.

        Raises `BuildRefusesMost` as the stage does, `StageFailed` for anything else that it raises, and
        `OffsetPoisoned` when that happened three times at the same offset.
        """
        if records.first_offset < stage.next_offset:
            records = records[records.first_from(stage.next_offset) :]
            if not records:
                return []
        failpoints.hit("apply.before")
        started_s = time.monotonic()
        try:
            outputs = stage.apply(records)
        except BuildRefusesMost:
            raise
        except Exception as error:
            raise self._explain(records, error) from error
        self._note(records, outputs, time.monotonic() - started_s)
        failpoints.hit("apply.after")
        return outputs

    def _explain(self, records: RecordBlock, error: Exception) -> StageFailed | OffsetPoisoned:
        first, last = records.first_offset, records.last_offset
        times = self._suspect.note(first, last)
        where = f"{self._where.topic}[{self._where.partition}]"
        log.error("stage raised", stage=self._where.stage, where=where, first=first, last=last, times=times)
        if times < FAILURES_ALLOWED:
            return StageFailed(f"apply of {where} {first} to {last} raised {error!r}")
        return OffsetPoisoned(
            f"stage {self._where.stage} raised {times} times at offset {self._suspect.low} of {where}: {error!r}. "
            "Nothing is skipped: run a build that can read it"
        )

    def _note(self, records: RecordBlock, outputs: Sequence[Output], took_s: float) -> None:
        self._suspect.passed(records.last_offset)
        self._pace.note(len(records), took_s)
        self._meters.apply_s.observe(took_s)
        self._meters.batch_records.observe(len(records))
        self._meters.records_in.inc(len(records))
        for topic, number in Counter(output.topic for output in outputs).items():
            self._meters.wrote(topic, number)

"""The audited records themselves, where they lie, held against their entries."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from homeostat.schemas.canonical import digest_bytes
from homeostat.schemas.log import LogRecord
from homeostat.schemas.topics import TOPICS, Cleanup
from homeostat.streams.audit.entries import AUDITED, Place, is_audited
from homeostat.streams.audit.verify import Checked, Fault
from homeostat.streams.backtest.kafka_dump import TopicReader
from homeostat.streams.settings import KafkaSettings


@dataclass
class Records:
    """Records by place, and the first offset that each partition still has."""

    by_place: dict[Place, LogRecord] = field(default_factory=dict)
    begins: dict[tuple[str, int], int] = field(default_factory=dict)


@dataclass
class Held:
    """What became of the audited records: `same` as when they were audited, `expired` by retention, `superseded`."""

    same: int = 0
    expired: int = 0
    superseded: int = 0
    faults: list[Fault] = field(default_factory=list)


def read_records(kafka: KafkaSettings, topics: Iterable[str] = AUDITED) -> Records:
    """Every record of the audited topics that belongs into the audit. Raises `BrokerUnavailable` or `TopicsUnfit`."""
    found = Records()
    for topic in topics:
        with TopicReader(kafka, topic) as reader:
            found.begins |= {(topic, part): begin for part, (begin, _) in reader.ends.items()}
            for part, record in reader.read():
                if is_audited(topic, record):
                    found.by_place[Place(topic, part, record.offset)] = record
    return found


def hold_records(checked: Checked, records: Records) -> Held:
    """Hold every entry against its record, and every record up to the last checkpoint against the entries."""
    held = Held()
    for place, entry in checked.entries.items():
        record = records.by_place.get(place)
        if record is not None:
            if digest_bytes(record.value or b"") == entry.digest:
                held.same += 1
            else:
                held.faults.append(Fault(str(place), "the record is not the one that was audited"))
        elif place.offset < records.begins.get(place[:2], 0):
            held.expired += 1
        elif place.topic in TOPICS and TOPICS[place.topic].cleanup is Cleanup.COMPACT:
            held.superseded += 1
        else:
            held.faults.append(Fault(str(place), "the audited record is gone"))
    for place in sorted(records.by_place.keys() - checked.entries.keys()):
        if place.offset < checked.audited.get(place[:2], 0):
            held.faults.append(Fault(str(place), "the record has no entry"))
    return held

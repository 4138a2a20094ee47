"""Finds entries by what they are about."""

from homeostat.schemas.audit import AuditEntry
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.parsing import parse_message
from homeostat.streams.audit.log import AuditLog


def find_entries(log: AuditLog, subject: str) -> list[tuple[str, AuditEntry]]:
    """Entries whose subject, or whose record's place or digest, is this, or that name it; oldest record first.

    Each comes with its own name, PARTITION/INDEX. A part of a subject between slashes is found too: a tenant's.
    """
    found = []
    for partition in range(log.partitions):
        for index, stored in enumerate(log.of(partition)):
            try:
                entry, _ = parse_message(AuditEntry, stored.value)
            except PoisonRecord:
                continue
            if is_about(entry, subject):
                found.append((f"{partition}/{index}", entry))
    return sorted(found, key=lambda pair: (pair[1].at_ms, pair[1].topic, pair[1].partition, pair[1].offset))


def is_about(entry: AuditEntry, subject: str) -> bool:
    """Whether an entry is about a subject."""
    place = f"{entry.topic}/{entry.partition}/{entry.offset}"
    return subject in {entry.subject, place, entry.digest, *entry.about, *entry.subject.split("/")}

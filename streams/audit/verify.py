"""Verifies an audit: every hash, signature and checkpoint; each fault is named with its place."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from homeostat.detectors.trust import TrustStore
from homeostat.schemas.audit import AuditCheckpoint, AuditEntry
from homeostat.schemas.canonical import digest_bytes
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import AUDIT
from homeostat.streams.audit.entries import Place
from homeostat.streams.audit.log import AuditLog, Stored
from homeostat.streams.audit.trees import Trees, join_heads


class Fault(NamedTuple):
    """One thing that is not as it was written, and where."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


class SignedHead(NamedTuple):
    """A checkpoint whose signature holds, and the digest of its payload: what the next one calls it by."""

    checkpoint: AuditCheckpoint
    digest: str


class Checked(NamedTuple):
    """A log that was read: its last good checkpoint, its entries by the place of their record, and its faults.

    `audited` is by topic and partition the offset up to which everything has its entry, `lost` what could not get one.
    """

    last: SignedHead | None
    entries: Mapping[Place, AuditEntry]
    faults: list[Fault]
    trees: Trees
    audited: Mapping[tuple[str, int], int]
    lost: list[str]


def check_log(log: AuditLog, trust: TrustStore, kept: SignedHead | None = None) -> Checked:
    """Recompute every hash, check every signature, and hold each checkpoint against the entries below it.

    `kept` is a checkpoint that was kept elsewhere: the log must have it, so that a log cut short with its checkpoints
    is noticed too.
    """
    entries, faults = _read_entries(log)
    trees, last = Trees(log.partitions), None
    digests: set[str] = set()
    broken: set[int] = set()
    audited: dict[tuple[str, int], int] = {}
    lost: list[str] = []
    for stored in log.checkpoints:
        head, found = _read_checkpoint(stored, trust, last, digests)
        faults += found
        if head is None:
            continue
        faults += _check_trees(log, head.checkpoint, stored, trees, broken)
        audited |= {(each.topic, each.partition): each.next_offset for each in head.checkpoint.audited}
        lost += [f"{r.topic}/{r.partition} offsets {r.first} to {r.next_offset - 1}" for r in head.checkpoint.lost]
        digests.add(head.digest)
        last = head
    faults += _check_ends(log, last is not None, trees, broken)
    if kept is not None and kept.digest not in digests:
        faults.append(Fault(AUDIT, f"it does not have checkpoint {kept.checkpoint.number}, which was kept elsewhere"))
    return Checked(last, entries, faults, trees, audited, lost)


def verify_checkpoint(value: bytes, trust: TrustStore) -> SignedHead:
    """The checkpoint in an envelope. Raises `SignatureRefused` or `PoisonRecord`."""
    payload = trust.verify(value, AuditCheckpoint.ce_type, (SignerRole.AUDIT,))
    return SignedHead(parse_message(AuditCheckpoint, payload)[0], digest_bytes(payload))


def _read_entries(log: AuditLog) -> tuple[dict[Place, AuditEntry], list[Fault]]:
    entries: dict[Place, AuditEntry] = {}
    faults: list[Fault] = []
    for partition in range(log.partitions):
        for index, stored in enumerate(log.of(partition)):
            place = _name(stored, index)
            try:
                entry, _ = parse_message(AuditEntry, stored.value)
            except PoisonRecord as error:
                faults.append(Fault(place, f"no audit entry ({error})"))
                continue
            of = Place(entry.topic, entry.partition, entry.offset)
            if of in entries:
                faults.append(Fault(place, f"a second entry of {of}"))
            entries[of] = entry
    return entries, faults


def _read_checkpoint(
    stored: Stored, trust: TrustStore, last: SignedHead | None, known: set[str]
) -> tuple[SignedHead | None, list[Fault]]:
    place = f"{AUDIT}/{stored.partition}/{stored.offset} (checkpoint)"
    try:
        head = verify_checkpoint(stored.value, trust)
    except (SignatureRefused, PoisonRecord) as error:
        return None, [Fault(place, f"not a checkpoint that is to be believed ({error})")]
    checkpoint = head.checkpoint
    place = f"{AUDIT}/{stored.partition}/{stored.offset} (checkpoint {checkpoint.number})"
    if head.digest in known:
        return None, [Fault(place, "the same checkpoint again")]
    faults = []
    expected = (1, None) if last is None else (last.checkpoint.number + 1, last.digest)
    if (checkpoint.number, checkpoint.previous) != expected:
        before = "nothing" if last is None else f"checkpoint {last.checkpoint.number}"
        faults.append(Fault(place, f"does not follow {before}: what was between them is missing or another"))
    if join_heads(checkpoint.trees) != checkpoint.root:
        faults.append(Fault(place, "its root is not that of its trees"))
    return head, faults


def _check_trees(
    log: AuditLog, checkpoint: AuditCheckpoint, stored: Stored, trees: Trees, broken: set[int]
) -> Iterator[Fault]:
    """Grow the trees to a checkpoint's sizes and hold their roots against it; a partition is named broken once."""
    if [head.partition for head in checkpoint.trees] != list(range(log.partitions)):
        yield Fault(
            f"{AUDIT}/{stored.partition}/{stored.offset}", f"a checkpoint of {len(checkpoint.trees)} partitions"
        )
        return
    for head in checkpoint.trees:
        if head.partition in broken:
            continue
        entries, before = log.of(head.partition), trees.size(head.partition)
        place = f"{AUDIT}/{head.partition} entries {before} to {head.size - 1}"
        if head.size < before:
            broken.add(head.partition)
            yield Fault(f"{AUDIT}/{head.partition}", f"checkpoint {checkpoint.number} has fewer than the one before")
        elif head.size > len(entries):
            broken.add(head.partition)
            yield Fault(f"{place}", f"{head.size - len(entries)} of {head.size} are missing at the end")
        else:
            for each in entries[before : head.size]:
                trees.append(head.partition, each.value)
            if trees.head(head.partition).root != head.root:
                broken.add(head.partition)
                yield Fault(place, f"not what checkpoint {checkpoint.number} was signed over")


def _check_ends(log: AuditLog, has_checkpoint: bool, trees: Trees, broken: set[int]) -> Iterator[Fault]:
    if not has_checkpoint and log.size:
        yield Fault(AUDIT, f"{log.size} entries and no checkpoint")
        return
    for partition in sorted(set(range(log.partitions)) - broken):
        for index in range(trees.size(partition), len(log.of(partition))):
            yield Fault(_name(log.of(partition)[index], index), "no checkpoint covers this entry")


def _name(stored: Stored, index: int) -> str:
    return f"{AUDIT}/{stored.partition}/{stored.offset} (entry {index})"

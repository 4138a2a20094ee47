"""Every entry, checkpoint and record of an audit of some hundreds, one after the other, tampered with in every way."""

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pytest

from homeostat.schemas.audit import AuditCheckpoint, AuditEntry
from homeostat.schemas.canonical import digest_bytes, to_json
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.roles import SignerRole
from homeostat.streams.audit.export import write_folder
from homeostat.streams.audit.log import AuditLog, Stored, peek_checkpoint
from homeostat.streams.audit.records import Records, hold_records
from homeostat.streams.audit.trees import Trees, join_heads
from homeostat.streams.audit.verify import SignedHead, check_log, verify_checkpoint
from homeostat.streams.cli.main import run_with
from homeostat.streams.signing import Signer
from tests.builders.keys import signer, trust, write_trust
from tests.unit.streams.audit.logs import Audited, audit_rollouts

APPENDS = {"small": (1, 39, 4, 57, 2, 12, 84, 1), "full": (1, 39, 4, 57, 2, 12, 84, 1) * 5}
"""Entries of each append, 200 or 1,000 in all; the whole is verified after each tampering with one of them."""
OTHER_HISTORY = 1_200
STRANGER = Signer.from_seed(SignerRole.AUDIT, bytes(32))
"""A key of the right role that no root vouches for."""


@lru_cache
def audited(size: str) -> Audited:
    return audit_rollouts(APPENDS[size])


@lru_cache
def another_history(size: str) -> AuditLog:
    """As many entries, appended by the same key; what they are about is other."""
    return audit_rollouts(APPENDS[size], OTHER_HISTORY).log()


class At(NamedTuple):
    """An entry, and the log that it is in."""

    size: str
    partition: int
    number: int

    def take(self) -> tuple[AuditLog, list[Stored]]:
        """A log to change, and the entries of this partition."""
        log = audited(self.size).log()
        return log, log.of(self.partition)


def change_a_bit(at: At) -> AuditLog:
    log, entries = at.take()
    value = bytearray(entries[at.number].value)
    value[(37 * at.number) % len(value)] ^= 1 << at.number % 8
    entries[at.number] = entries[at.number]._replace(value=bytes(value))
    return log


def change_what_it_says(at: At) -> AuditLog:
    log, entries = at.take()
    entries[at.number] = entries[at.number]._replace(value=_forge(entries[at.number]))
    return log


def drop(at: At) -> AuditLog:
    log, entries = at.take()
    del entries[at.number]
    return log


def swap_with_its_neighbour(at: At) -> AuditLog:
    log, entries = at.take()
    other = at.number - 1 if at.number else len(entries) - 1
    entries[at.number], entries[other] = entries[other], entries[at.number]
    return log


def repeat(at: At) -> AuditLog:
    log, entries = at.take()
    entries.insert(at.number, entries[at.number])
    return log


def move_to_another_partition(at: At) -> AuditLog:
    log, entries = at.take()
    others = log.of((at.partition + 1) % log.partitions)
    others.insert(min(at.number, len(others)), entries.pop(at.number))
    return log


def put_in_one_of_another_history(at: At) -> AuditLog:
    """Its hash is right, in a tree that the same key signed."""
    log, entries = at.take()
    others = [stored for part in range(log.partitions) for stored in another_history(at.size).of(part)]
    entries[at.number] = entries[at.number]._replace(value=others[at.number % len(others)].value)
    return log


def put_one_in_before_it(at: At) -> AuditLog:
    log, entries = at.take()
    entries.insert(at.number, entries[at.number]._replace(value=_forge(entries[at.number])))
    return log


def change_it_and_sign_anew(by: Signer) -> Callable[[At], AuditLog]:
    """All hashes are computed again, and every checkpoint from there on is signed with another key."""

    def tamper(at: At) -> AuditLog:
        return _sign_anew(change_what_it_says(at), audited(at.size).log(), by)

    return tamper


TAMPERINGS: Mapping[str, Callable[[At], AuditLog]] = {
    "a bit changed": change_a_bit,
    "says another thing": change_what_it_says,
    "dropped": drop,
    "swapped with its neighbour": swap_with_its_neighbour,
    "repeated": repeat,
    "moved to another partition": move_to_another_partition,
    "one of another history": put_in_one_of_another_history,
    "one put in before it": put_one_in_before_it,
    "signed anew by another role": change_it_and_sign_anew(signer(SignerRole.GUARD)),
    "signed anew by a stranger": change_it_and_sign_anew(STRANGER),
}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("way", TAMPERINGS)
def test_every_entry(way: str, fault_trials: str, capfd: pytest.CaptureFixture[str]) -> None:
    places = list(_places(fault_trials))
    missed = [at for at in places if not check_log(TAMPERINGS[way](at), trust()).faults]
    _tell(capfd, f"entry {way}", len(places), len(missed))
    assert missed == []


@pytest.mark.parametrize("way", TAMPERINGS)
def test_the_command_finds_it_in_an_exported_folder(way: str, tmp_path: Path) -> None:
    records = audited("small").records
    write_folder(tmp_path / "audit", TAMPERINGS[way](At("small", 1, 7)), records)
    command = ["audit", "verify", "--from", str(tmp_path / "audit"), "--trust", str(write_trust(tmp_path / "trust"))]
    assert run_with(command) == 1


@pytest.mark.timeout(3600)
def test_every_entry_rewritten_with_the_audits_own_key_against_a_kept_checkpoint(
    fault_trials: str, capfd: pytest.CaptureFixture[str]
) -> None:
    kept = verify_checkpoint(audited(fault_trials).log().checkpoints[-1].value, trust())
    rewrite = change_it_and_sign_anew(signer(SignerRole.AUDIT))
    places = list(_places(fault_trials))
    assert check_log(rewrite(places[0]), trust()).faults == []
    missed = [at for at in places if not check_log(rewrite(at), trust(), kept).faults]
    _tell(capfd, "entry signed anew by the audit's key, with a checkpoint kept", len(places), len(missed))
    assert missed == []


def test_every_checkpoint(fault_trials: str, capfd: pytest.CaptureFixture[str]) -> None:
    log, others = audited(fault_trials).log(), another_history(fault_trials).checkpoints
    missed, count = [], 0
    for number, stored in enumerate(log.checkpoints):
        before, after = log.checkpoints[:number], log.checkpoints[number + 1 :]
        for way, put in {
            "dropped": [],
            "repeated": [stored, stored],
            "of another history": [others[number]],
            "signed by another role": [_sign(stored, signer(SignerRole.CONTROL))],
            "signed by a stranger": [_sign(stored, STRANGER)],
            "swapped": [*after[:1], stored],
        }.items():
            if way == "swapped" and not after:
                continue
            count += 1
            changed = AuditLog(
                log.partitions, log.entries, [*before, *put, *(after[1:] if way == "swapped" else after)]
            )
            if not check_log(changed, trust()).faults:
                missed.append((number, way))
    _tell(capfd, "checkpoint", count, len(missed))
    assert missed == []


def test_every_record(fault_trials: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The audited records themselves; one whose topic is compacted may be gone, and then is counted, not missed."""
    whole = audited(fault_trials)
    checked = check_log(whole.log(), trust())
    missed, count = [], 0
    for place, record in whole.records.by_place.items():
        rest = {each: held for each, held in whole.records.by_place.items() if each != place}
        changed = record._replace(value=(record.value or b"") + b" ")
        for put in ({place: changed}, {}):
            count += 1
            held = hold_records(checked, Records({**rest, **put}))
            if not held.faults and not held.superseded:
                missed.append(place)
    _tell(capfd, "record", count, len(missed))
    assert missed == []


def _places(size: str) -> Iterator[At]:
    log = audited(size).log()
    for partition in range(log.partitions):
        for index in range(len(log.of(partition))):
            yield At(size, partition, index)


def _forge(stored: Stored) -> bytes:
    """The entry of a record that never was, as the audit would write it."""
    entry = AuditEntry.model_validate_json(stored.value)
    return to_json(entry.model_copy(update={"digest": digest_bytes(stored.value), "offset": entry.offset + 100_000}))


def _sign(stored: Stored, by: Signer, **changed: object) -> Stored:
    found = peek_checkpoint(stored)
    assert found is not None
    return stored._replace(value=by.sign(to_json(found.model_copy(update=changed)), AuditCheckpoint.ce_type))


def _sign_anew(log: AuditLog, before: AuditLog, by: Signer) -> AuditLog:
    """Checkpoints that fit a changed log: those that no longer fit are made again, each naming the one before."""
    trees = Trees(log.partitions)
    last: SignedHead | None = None
    for number, stored in enumerate(before.checkpoints):
        found = peek_checkpoint(stored)
        assert found is not None
        for head in found.trees:
            for each in islice(log.of(head.partition), trees.size(head.partition), head.size):
                trees.append(head.partition, each.value)
        heads = trees.heads()
        previous = None if last is None else last.digest
        if (heads, previous) != (found.trees, found.previous):
            stored = _sign(stored, by, trees=heads, root=join_heads(heads), previous=previous)
            log.checkpoints[number] = stored
        last = SignedHead(found, digest_bytes(read_envelope(stored.value)[1]))
    return log


def _tell(capfd: pytest.CaptureFixture[str], what: str, count: int, missed: int) -> None:
    with capfd.disabled():
        sys.stdout.write(f"\naudit, {what}: {count} tamperings, {missed} missed\n")

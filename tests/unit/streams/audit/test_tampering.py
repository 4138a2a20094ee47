"""Whatever is done to one entry, checkpoint or record of an audit is found, and its place is named."""

from collections.abc import Callable
from copy import deepcopy
from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.schemas.audit import AuditEntry
from homeostat.schemas.canonical import to_json
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import ACKS, COMMANDS, DECISIONS
from homeostat.streams.audit.entries import Place, make_entry
from homeostat.streams.audit.log import AuditLog, Stored, peek_checkpoint
from homeostat.streams.audit.proof import check_proof, prove_entry
from homeostat.streams.audit.records import Records, hold_records
from homeostat.streams.audit.search import find_entries
from homeostat.streams.audit.verify import check_log, verify_checkpoint
from tests.builders.keys import sign, signer, trust
from tests.unit.streams.audit.logs import Audited, audit_rollouts, make_statements

APPENDS = (1, 4, 2, 9, 1, 7)


@lru_cache
def audited() -> Audited:
    return audit_rollouts(APPENDS)


def find_faults(log: AuditLog, records: Records | None = None) -> list[str]:
    checked = check_log(log, trust())
    held = hold_records(checked, records or audited().records)
    return [str(fault) for fault in (*checked.faults, *held.faults)]


def test_what_was_written_verifies() -> None:
    log = audited().log()
    assert (log.size, len(log.checkpoints)) == (sum(APPENDS), len(APPENDS))
    assert sum(bool(log.of(partition)) for partition in range(log.partitions)) > 1
    assert find_faults(log) == []
    checked = check_log(log, trust())
    assert hold_records(checked, audited().records).same == sum(APPENDS)
    assert all(entry.signed_by and entry.refused is None for entry in checked.entries.values())


def drop(items: list[Stored], at: int, _: int) -> None:
    del items[at]


def repeat(items: list[Stored], at: int, to: int) -> None:
    items.insert(to, items[at])


def swap(items: list[Stored], at: int, to: int) -> None:
    items[at], items[to] = items[to], items[at]


def flip(items: list[Stored], at: int, bit: int) -> None:
    value = bytearray(items[at].value)
    value[bit % len(value)] ^= 1
    items[at] = items[at]._replace(value=bytes(value))


def truncate(items: list[Stored], at: int, _: int) -> None:
    del items[at:]


def insert(items: list[Stored], at: int, number: int) -> None:
    """An entry as the audit itself would write it, of a record that never was; for a checkpoint, one of a stranger."""
    entry = AuditEntry.model_validate_json(audited().log().of(find_partition())[0].value)
    value = to_json(entry.model_copy(update={"offset": 1000 + number}))
    items.insert(at, Stored(0, 99, value))


def find_partition() -> int:
    log = audited().log()
    return max(range(log.partitions), key=lambda partition: len(log.of(partition)))


@pytest.mark.parametrize("tamper", [drop, repeat, swap, flip, truncate, insert])
@given(st.data())
def test_tampering_with_one_entry_is_found(
    tamper: Callable[[list[Stored], int, int], None], data: st.DataObject
) -> None:
    log = audited().log()
    partition = data.draw(st.sampled_from([p for p in range(log.partitions) if len(log.of(p)) > 1]))
    items = log.of(partition)
    at = data.draw(st.integers(0, len(items) - 1))
    to = data.draw(st.integers(0, 4000 if tamper in (flip, insert) else len(items) - 1))
    before = list(items)
    tamper(items, at, to)
    if items == before:
        return
    faults = check_log(log, trust()).faults
    assert any(fault.place.startswith(f"audit.v1/{partition}") for fault in faults), faults


@pytest.mark.parametrize("tamper", [drop, repeat, swap, flip, truncate, insert])
@given(st.data())
def test_tampering_with_one_checkpoint_is_found(
    tamper: Callable[[list[Stored], int, int], None], data: st.DataObject
) -> None:
    log = audited().log()
    items = log.checkpoints
    at = data.draw(st.integers(0, len(items) - 1))
    to = data.draw(st.integers(0, 8000 if tamper in (flip, insert) else len(items) - 1))
    before = [stored.value for stored in items]
    tamper(items, at, to)
    if [stored.value for stored in items] == before or same_statements(items, before):
        return
    assert check_log(log, trust()).faults


def same_statements(items: list[Stored], before: list[bytes]) -> bool:
    """Whether a changed bit changed nothing that is said: the unused bits of base64, a key's hint."""
    try:
        found = [verify_checkpoint(stored.value, trust()).digest for stored in items]
    except (SignatureRefused, PoisonRecord):
        return False
    return found == [verify_checkpoint(value, trust()).digest for value in before]


@given(st.integers(0, sum(APPENDS) - 1), st.sampled_from(["change", "drop", "move"]))
def test_tampering_with_one_record_is_found_and_named(number: int, how: str) -> None:
    records = deepcopy(audited().records)
    place = sorted(records.by_place)[number]
    record = records.by_place.pop(place)
    if how == "change":
        records.by_place[place] = record._replace(value=(record.value or b"") + b" ")
    if how == "move":
        records.by_place[place._replace(partition=1)] = record
    faults = find_faults(audited().log(), records)
    compacted = place.topic in ("releases.v1", "rollouts.v1", COMMANDS)
    if how != "change" and compacted:
        assert hold_records(check_log(audited().log(), trust()), records).superseded == 1
    else:
        assert [fault for fault in faults if fault.startswith(f"{place}: ")]


def test_a_record_that_was_left_out_of_the_audit_is_found() -> None:
    records = deepcopy(audited().records)
    records.by_place[Place(ACKS, 0, 0)._replace(offset=0)] = records.by_place[Place(ACKS, 0, 0)]
    log = audited().log()
    checked = check_log(log, trust())
    entries = {place: entry for place, entry in checked.entries.items() if place != Place(DECISIONS, 0, 1)}
    held = hold_records(checked._replace(entries=entries), records)
    assert [str(fault) for fault in held.faults] == ["decisions.v1/0/1: the record has no entry"]


def test_a_log_cut_short_with_its_checkpoint_is_found_by_a_checkpoint_that_was_kept() -> None:
    whole, shorter = audited().log(), audit_rollouts(APPENDS[:-1]).log()
    assert check_log(shorter, trust()).faults == []
    kept = verify_checkpoint(whole.checkpoints[-1].value, trust())
    (fault,) = check_log(shorter, trust(), kept).faults
    assert str(fault) == "audit.v1: it does not have checkpoint 6, which was kept elsewhere"
    assert check_log(whole, trust(), verify_checkpoint(shorter.checkpoints[-1].value, trust())).faults == []


def test_another_history_is_found_by_a_checkpoint_that_was_kept() -> None:
    """One with the audit's key writes the log anew: every signature holds."""
    kept = verify_checkpoint(audited().log().checkpoints[2].value, trust())
    forked = audit_rollouts((2, 3, *APPENDS[2:])).log()
    assert check_log(forked, trust()).faults == []
    assert check_log(forked, trust(), kept).faults


@pytest.mark.parametrize("role", [role for role in SignerRole if role is not SignerRole.AUDIT])
def test_a_checkpoint_signed_by_another_role_is_not_believed(role: SignerRole) -> None:
    log = audited().log()
    last = peek_checkpoint(log.checkpoints[-1])
    assert last is not None
    log.checkpoints[-1] = log.checkpoints[-1]._replace(value=sign(role, to_json(last), last.ce_type))
    assert any("not a checkpoint that is to be believed" in fault.what for fault in check_log(log, trust()).faults)


@given(st.data())
def test_every_entry_is_proven_offline_and_a_changed_proof_is_refused(data: st.DataObject) -> None:
    log = audited().log()
    partition = data.draw(st.sampled_from([p for p in range(log.partitions) if log.of(p)]))
    index = data.draw(st.integers(0, len(log.of(partition)) - 1))
    proof = prove_entry(log, partition, index)
    entry, number = check_proof(proof, trust())
    assert (to_json(entry), number) == (log.of(partition)[index].value, len(APPENDS))
    wrong = prove_entry(log, partition, (index + 1) % len(log.of(partition)))
    changes: list[dict[str, object]] = [
        {"index": index + 1},
        {"partition": partition + 1},
        {"path": (*proof.path, log_root(log))},
    ]
    if wrong.entry != proof.entry:
        changes.append({"entry": wrong.entry})
    for change in changes:
        with pytest.raises(SignatureRefused):
            check_proof(proof.model_copy(update=change), trust())


def log_root(log: AuditLog) -> str:
    last = peek_checkpoint(log.checkpoints[-1])
    assert last is not None
    return last.root


def test_a_forged_record_is_audited_as_what_it_is() -> None:
    topic, message, _ = next(statement for statement in make_statements(6) if statement[0] == COMMANDS)
    forged = Audited()
    place = forged.write(topic, message, SignerRole.GUARD)
    entry = make_entry(place, forged.records.by_place[place], trust())
    assert (entry.signed_by, entry.refused) == ((), "key_wrong_role")
    assert entry.subject == "gateway-1/tenant-0/scribe"


def test_entries_are_found_by_all_that_they_are_about() -> None:
    log = audited().log()
    rollout = f"{0:032x}"
    kinds = [entry.kind.value for _, entry in find_entries(log, rollout)]
    assert kinds == ["document", "decision"]
    assert {entry.kind.value for _, entry in find_entries(log, "tenant-0")} == {"intent", "command", "acknowledgement"}
    assert find_entries(log, "nobody") == []
    (name, entry), *_ = find_entries(log, f"{DECISIONS}/0/0")
    partition, index = map(int, name.split("/"))
    assert parse_message(AuditEntry, log.of(partition)[index].value)[0] == entry


def test_keys_of_this_test_are_those_of_the_audit() -> None:
    entry = check_log(audited().log(), trust()).entries[Place(DECISIONS, 0, 0)]
    assert entry.signed_by == (signer(SignerRole.GUARD).key_id,)

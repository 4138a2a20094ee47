"""What a gateway must not forget survives the process."""

from pathlib import Path

import pytest

from homeostat.schemas.canonical import derive_id
from homeostat.schemas.exposure import ExposureReport, SessionStart
from homeostat.schemas.trace import Arm
from homeostat.streams.client.gateway.store import Outgoing, SqliteStore
from tests.builders.documents import ROLLOUT_ID, START_MS
from tests.unit.streams.gateway.test_core import state

ACK = Outgoing("acks", b"key", "ack", b"envelope")


def start(number: int) -> SessionStart:
    return SessionStart(
        specialty="cardiology", rollout=ROLLOUT_ID, arm=Arm.CONTROL, session=derive_id(number), started_at_ms=START_MS
    )


def seal(report: ExposureReport) -> Outgoing:
    return Outgoing(
        "traces", report.tenant.encode(), report.ce_type, f"{report.sequence}/{report.total_starts}".encode()
    )


def test_a_state_and_its_acknowledgement_are_there_after_a_restart(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "gateway.db")
    store.apply(state(3), "sha256:1", ACK, START_MS)
    store.note_renewals([("lease", 8), ("lease", 9)])
    store.close()
    again = SqliteStore(tmp_path / "gateway.db")
    assert again.load_states() == {state(3).target.key: state(3)}
    assert again.load_renewals() == {"lease": 9}
    assert [entry.message for entry in again.waiting(10)] == [ACK]
    again.close()


def test_delivered_messages_are_forgotten_in_order(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "gateway.db")
    for generation in (1, 2, 3):
        store.apply(state(generation), f"sha256:{generation}", ACK, START_MS)
    first = store.waiting(2)
    store.delivered([entry.number for entry in first])
    assert [entry.number for entry in store.waiting(10)] == [first[-1].number + 1]
    assert [row[0] for row in store.load_history(state().target.key)] == [1, 2, 3]
    store.close()


def test_reports_are_numbered_without_holes_over_restarts(tmp_path: Path) -> None:
    waiting: list[bytes] = []
    for numbers in ((1, 2), (3,)):
        store = SqliteStore(tmp_path / "gateway.db")
        store.add_report("gateway-1", "tenant-1", "scribe", [start(n) for n in numbers], seal)
        waiting = [entry.message.envelope for entry in store.waiting(10)]
        store.close()
    assert waiting == [b"1/2", b"2/3"]


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "gateway.db")

    def fail(report: ExposureReport) -> Outgoing:
        raise ValueError("no key")

    with pytest.raises(ValueError, match="no key"):
        store.add_report("gateway-1", "tenant-1", "scribe", [start(1)], fail)
    store.add_report("gateway-1", "tenant-1", "scribe", [start(1)], seal)
    assert [entry.message.envelope for entry in store.waiting(10)] == [b"1/1"]
    store.close()

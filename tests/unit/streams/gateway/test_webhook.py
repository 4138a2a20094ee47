"""The webhook: every desired state that was applied is posted, signed, in order, until the other side takes it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Target
from homeostat.streams.client.gateway.store import Outgoing, SqliteStore
from homeostat.streams.client.gateway.webhook import Webhook, WebhookSender
from homeostat.streams.errors import SettingsInvalid
from tests.builders.documents import START_MS
from tests.builders.keys import GATEWAY, signer, trust
from tests.unit.streams.gateway.receiver import Receiver
from tests.unit.streams.gateway.test_core import seal, state

ACK = Outgoing("acks", b"key", "ack", b"envelope")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver(trust())
    yield receiver
    receiver.close()


def queue(store: SqliteStore, tenant: str, generation: int) -> None:
    said = state(generation, target=Target(gateway=GATEWAY, tenant=tenant, workflow="scribe"))
    store.apply(said, "sha256:1", ACK, START_MS, seal(said, SignerRole.SEQUENCER))


def sender(store: SqliteStore, receiver: Receiver) -> WebhookSender:
    return WebhookSender(GATEWAY, Webhook(receiver.url, first_wait_s=0.01, longest_wait_s=0.05), store)


def test_states_are_posted_signed_and_in_order_by_target_over_failures(receiver: Receiver, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "gateway.db")
    for generation in (1, 2, 3):
        queue(store, "tenant-1", generation)
        queue(store, "tenant-2", generation)
    receiver.codes = [500, 302, 503]
    posting = sender(store, receiver)
    posting.start()
    taken = receiver.wait(6)
    posting.stop()
    for tenant in ("tenant-1", "tenant-2"):
        assert [generation for name, generation in taken if name == tenant] == [1, 2, 3]
    assert receiver.key_ids == {signer(SignerRole.SEQUENCER).key_id}
    assert store.waiting_posts() == []
    store.close()


def test_what_was_not_taken_is_there_for_the_next_process(receiver: Receiver, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "gateway.db")
    queue(store, "tenant-1", 1)
    store.close()
    again = SqliteStore(tmp_path / "gateway.db")
    posting = sender(again, receiver)
    posting.start()
    assert receiver.wait(1) == [("tenant-1", 1)]
    queue(again, "tenant-1", 2)
    posting.wake()
    assert receiver.wait(2)[-1] == ("tenant-1", 2)
    posting.stop()
    again.close()


@pytest.mark.parametrize("url", ["http://hooks.example/states", "ftp://127.0.0.1/", "states"])
def test_a_url_that_is_neither_https_nor_on_this_machine_is_refused(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="must be https"):
        Webhook(url)

"""What a gateway says that it serves: when it changes, also when a lease lapses, and not otherwise."""

from pathlib import Path

from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.served import Served
from homeostat.schemas.topics import SERVED
from homeostat.streams.client.gateway.announcer import Announcer
from homeostat.streams.client.gateway.core import GatewayCore
from homeostat.streams.client.gateway.lease_clock import Moment
from homeostat.streams.client.gateway.store import SqliteStore
from tests.builders.documents import CANDIDATE_DIGEST
from tests.builders.keys import GATEWAY, signer, trust
from tests.unit.streams.gateway.test_core import NOW, TARGET, core, lease, seal, state

LATER = Moment(NOW.wall_ms + 20_000, NOW.mono_ms + 20_000)


def said(store: SqliteStore) -> list[Served]:
    found = []
    for entry in store.waiting(100):
        assert (entry.message.topic, entry.message.key) == (SERVED, TARGET.key.encode())
        trust().verify(entry.message.envelope, Served.ce_type, {SignerRole.GATEWAY})
        found.append(parse_message(Served, read_envelope(entry.message.envelope)[1])[0])
    return found


def announce(store: SqliteStore, gateway: GatewayCore, *moments: Moment) -> None:
    announcer = Announcer(store, signer(SignerRole.GATEWAY, GATEWAY))
    for now in moments:
        announcer.look(gateway.view(now), now)


def test_it_says_a_change_once_and_a_lapse_too(tmp_path: Path) -> None:
    store, gateway = SqliteStore(tmp_path / "gateway.db"), core(state(3, exposed=True))
    announce(store, gateway, NOW, NOW)
    gateway.renew(lease(), NOW)
    announce(store, gateway, NOW, Moment(NOW.wall_ms + 5, NOW.mono_ms + 5), LATER, LATER)
    exposures = [[each.release for each in one.exposures] for one in said(store)]
    assert exposures == [[], [CANDIDATE_DIGEST], []]
    assert [one.at_ms for one in said(store)] == [NOW.wall_ms, NOW.wall_ms, LATER.wall_ms]
    gateway.obey(gateway.check_state(TARGET.key.encode(), seal(state(4), SignerRole.SEQUENCER)))
    announce(store, gateway, LATER)
    assert [one.generation for one in said(store)] == [3, 3, 3, 4]
    store.close()

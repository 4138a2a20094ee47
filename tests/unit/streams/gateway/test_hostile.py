"""Thousands of states and leases that must not be obeyed: none is, each is counted under its reason and answered."""

from collections import Counter
from pathlib import Path

from homeostat.schemas.command import Acknowledgement, AckOutcome
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import COMMANDS, LEASES
from homeostat.streams import metrics
from homeostat.streams.client.gateway import Gateway, SqliteStore
from homeostat.streams.settings import KafkaSettings
from tests.builders.documents import START_MS
from tests.builders.keys import GATEWAY, signer, trust
from tests.unit.streams.gateway.hostile import (
    HELD_RENEWAL,
    LAPSED,
    LIVE,
    TARGET,
    all_attempts,
    held_state,
    lease,
    seal,
)

SIZES = {"small": 330, "full": 10_000}


class StoppedClock:
    """A clock that stands still, so that what lives stays alive however long the trial takes."""

    def wall_ms(self) -> int:
        return START_MS

    def mono_ms(self) -> int:
        return 0


def held_gateway(folder: Path) -> Gateway:
    """A gateway with one live and one lapsed exposure; it has no broker: records are handed to it."""
    kafka, own = KafkaSettings(bootstrap_servers="127.0.0.1:1"), signer(SignerRole.GATEWAY, GATEWAY)
    gateway = Gateway(GATEWAY, kafka, trust(), own, SqliteStore(folder / "gateway.db"), StoppedClock())
    gateway.take(COMMANDS, TARGET.key.encode(), seal(held_state(), SignerRole.SEQUENCER))
    gateway.take(LEASES, b"", seal(lease(LIVE, 1), SignerRole.GUARD))
    gateway.take(LEASES, b"", seal(lease(LAPSED, HELD_RENEWAL, START_MS - 10**6), SignerRole.GUARD))
    return gateway


def counted(outcomes: set[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """What the metrics say by (topic, outcome)."""
    sources = {COMMANDS: metrics.GATEWAY_STATES, LEASES: metrics.GATEWAY_LEASES}
    return Counter({(t, word): int(sources[t].labels(outcome=word)._value.get()) for t, word in outcomes})


def refusals(folder: Path) -> Counter[str]:
    """The reasons in the signed refusals that wait to be sent, which is what the audit log gets."""
    store, found = SqliteStore(folder / "gateway.db"), Counter[str]()
    for entry in store.waiting(1_000_000):
        if entry.message.ce_type == Acknowledgement.ce_type:
            answer, _ = parse_message(Acknowledgement, read_envelope(entry.message.envelope)[1])
            assert answer.outcome is AckOutcome.REFUSED or answer.generation == held_state().generation
            found[answer.reason.value if answer.reason else "applied"] += 1
    store.close()
    return found


def test_none_is_obeyed_and_each_is_refused_with_its_reason(tmp_path: Path, fault_trials: str) -> None:
    gateway = held_gateway(tmp_path)
    attempts = list(all_attempts(SIZES[fault_trials]))
    wanted = Counter((attempt.topic, attempt.reason) for attempt in attempts)
    before, exposed = counted(set(wanted)), gateway.count_exposed()
    for attempt in attempts:
        gateway.take(attempt.topic, attempt.key, attempt.value)
        assert gateway.states() == [held_state()], attempt.kind
        assert gateway.count_exposed() == exposed == 1, attempt.kind
    assert counted(set(wanted)) - before == wanted
    gateway.close()
    answered = refusals(tmp_path)
    assert answered.pop("applied") == 1
    for reason in ("old_generation", "old_quarantine", "quarantined_release"):
        assert answered[reason] == wanted[COMMANDS, reason]

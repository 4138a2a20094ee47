"""The reference gateway as a process on real Kafka: obeys, refuses, survives a kill, ends exposure alone."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from homeostat.infra.broker.local import LocalBroker
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.command import AckOutcome
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.roles import SignerRole
from homeostat.streams.failpoints import GATEWAY_FAILPOINTS
from tests.builders.waiting import wait_for
from tests.integration.gateway_trial import GatewayTrial
from tests.unit.streams.gateway.receiver import Receiver
from tests.unit.streams.gateway.test_core import TARGET, state

pytestmark = pytest.mark.kafka


@pytest.fixture
def trial(kafka: LocalBroker, tmp_path: Path) -> Iterator[GatewayTrial]:
    trial = GatewayTrial(kafka.address, tmp_path)
    yield trial
    trial.stop()


@pytest.mark.parametrize("failpoint", GATEWAY_FAILPOINTS)
def test_killed_between_apply_and_acknowledge_it_is_exact_afterwards(trial: GatewayTrial, failpoint: str) -> None:
    trial.command(state(1))
    trial.start(f"{failpoint}:kill")
    trial.wait_killed()
    trial.start()
    wait_for(trial.acknowledgements, "an acknowledgement")
    wait_for(lambda: trial.generation(TARGET.key) == 1, "generation 1")
    trial.command(state(2))
    wait_for(lambda: any(ack.generation == 2 for ack in trial.acknowledgements()), "generation 2")
    acks = trial.acknowledgements()
    assert {ack.outcome for ack in acks} == {AckOutcome.APPLIED}
    assert {(ack.generation, ack.state_digest) for ack in acks} == {
        (1, acks[0].state_digest),
        (2, acks[-1].state_digest),
    }


def test_what_must_not_be_obeyed_is_refused_with_its_reason(trial: GatewayTrial) -> None:
    trial.command(state(5, quarantine_version=2))
    trial.start()
    wait_for(lambda: trial.generation(TARGET.key) == 5, "generation 5")
    trial.command(state(4))
    trial.command(state(6, quarantine_version=2), SignerRole.GUARD)
    trial.command(state(7, quarantine_version=1))
    trial.command_raw(TARGET.key, b"\x00 not an envelope")
    trial.command(state(8, quarantine_version=2))
    wait_for(lambda: trial.generation(TARGET.key) == 8, "generation 8")
    wait_for(lambda: len(trial.acknowledgements()) >= 5, "every answer")
    answers = {ack.generation: ack.reason for ack in trial.acknowledgements()}
    assert answers == {
        5: None,
        4: Refusal.OLD_QUARANTINE,
        6: Refusal.KEY_WRONG_ROLE,
        7: Refusal.OLD_QUARANTINE,
        8: None,
    }
    assert 'homeostat_gateway_states_total{outcome="signature_missing"} 1.0' in httpx.get(f"{trial.url}/metrics").text


def test_with_kafka_gone_for_good_exposure_ends_within_the_lease(fresh_kafka: LocalBroker, tmp_path: Path) -> None:
    trial = GatewayTrial(fresh_kafka.address, tmp_path)
    try:
        trial.command(state(1, exposed=True))
        trial.start()
        wait_for(lambda: trial.generation(TARGET.key) == 1, "generation 1")
        trial.renew(1, ttl_ms=6_000)
        wait_for(lambda: trial.exposed() == 1, "exposure")
        fresh_kafka.kill()
        wait_for(lambda: trial.exposed() == 0, "the end of exposure", limit_s=6.0)
        query = {"tenant": "tenant-1", "workflow": "scribe", "specialty": "cardiology", "session": derive_id(1)}
        assert httpx.get(f"{trial.url}/v1/serve", params=query).json()["arm"] == "baseline"
    finally:
        trial.stop()


def test_after_a_restart_an_old_renewal_does_not_expose(trial: GatewayTrial) -> None:
    trial.command(state(1, exposed=True))
    trial.start()
    wait_for(lambda: trial.generation(TARGET.key) == 1, "generation 1")
    trial.renew(1)
    wait_for(lambda: trial.exposed() == 1, "exposure")
    trial.stop()
    trial.start()
    wait_for(lambda: httpx.get(f"{trial.url}/ready").status_code == 200, "everything read again")
    assert trial.exposed() == 0
    trial.renew(2)
    wait_for(lambda: trial.exposed() == 1, "exposure by a newer renewal")


def test_what_is_served_is_on_its_topic_and_in_the_flag_file_until_it_lapses(trial: GatewayTrial) -> None:
    flags = trial.folder / "flags.json"
    trial.command(state(1, exposed=True))
    trial.start("", "--flagd-file", str(flags))
    trial.renew(1, ttl_ms=4_000)
    wait_for(lambda: flags.exists() and "candidate-0" in flags.read_text(), "the exposure in the flag file")
    wait_for(lambda: flags.exists() and "candidate-0" not in flags.read_text(), "the lapse in the flag file")
    wait_for(lambda: [len(each.exposures) for each in trial.served()][-2:] == [1, 0], "the lapse on the topic")
    assert {(each.generation, each.target) for each in trial.served()} == {(1, TARGET)}


def test_applied_states_are_posted_over_a_restart(trial: GatewayTrial) -> None:
    receiver = Receiver(trial.keys.trust())
    try:
        receiver.codes = [503]
        trial.command(state(1))
        trial.start("gateway.applied_before_ack:kill", "--webhook-url", receiver.url)
        trial.wait_killed()
        trial.start("", "--webhook-url", receiver.url)
        trial.command(state(2))
        assert receiver.wait(2) == [("tenant-1", 1), ("tenant-1", 2)]
    finally:
        receiver.close()

"""Kafka stopped for good in the middle of the harmful canary: exposure is zero within the lease, Homeostat or not."""

import time
from pathlib import Path

import pytest

from homeostat.infra.broker.local import LocalBroker
from homeostat.schemas.defaults import demo_times
from homeostat.streams.simulator.plan import CANARIES, SPECIALTIES
from tests.builders.waiting import wait_for
from tests.chaos.faults import Running
from tests.chaos.installation import Installation

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(400)]


def test_exposure_is_zero_within_the_lease(tmp_path: Path) -> None:
    with LocalBroker(tmp_path / "kafka") as broker:
        trial = Installation(broker, tmp_path / "trial", "gone")
        try:
            trial.worker("control")
            Running(trial, seed=1)
            trial.apply_setup()
            trial.simulator(0.2)
            trial.apply_rollouts()
            everyone = sum(len(canary.tenants) for canary in CANARIES) * len(SPECIALTIES)
            wait_for(lambda: trial.exposed() == everyone, "every cohort to be exposed")
            trial.note_decisions()
            broker.kill()
            killed_s = time.monotonic()
            ttl_s = demo_times().lease_ttl_s
            wait_for(lambda: trial.exposed() == 0, "exposure to end", limit_s=ttl_s + 1)
            assert time.monotonic() - killed_s <= ttl_s
        finally:
            trial.close()

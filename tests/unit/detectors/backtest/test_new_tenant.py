"""A new tenant over the whole topology: watched from its first sessions on by what the others have sealed."""

from functools import partial

import numpy as np
import pytest

from homeostat.detectors.backtest import Topology, replay_stage
from homeostat.detectors.backtest.topology import StageFactory
from homeostat.detectors.leaf.stage import LeafStage
from homeostat.detectors.parents import ParentsStage
from homeostat.detectors.triage import TriageStage
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.cohort import Layer
from homeostat.schemas.control import BaselineDocument
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.headers import CE_TYPE, find_header
from homeostat.schemas.log import Output
from homeostat.schemas.policy import Budget, Policy
from homeostat.schemas.topics import ALARMS, BASELINES, STAGE_INPUTS, TRACES
from tests.builders import traces
from tests.builders.documents import START_MS, policy, signal, standard_documents
from tests.builders.keys import MASTERS, trust
from tests.unit.detectors.backtest.test_topology import PARTITIONS, document, finish

FIRST, OTHERS, SESSIONS = 100, 6, 60
ALARM = Alarm.ce_type.encode()
LEVELS = (0.18, 0.22, 0.19, 0.21, 0.2, 0.23)
FACTORIES: dict[str, StageFactory] = {
    "leaf": lambda part, count: LeafStage(part, count, trust(), MASTERS),
    "parents": lambda part, count: ParentsStage(part, count, count, trust()),
    "triage": lambda part, count: TriageStage(part, count, trust()),
}


def declared() -> Policy:
    """The default budget: one false alarm a week over ten thousand monitors, δ of a baseline 1e-4."""
    first = policy().baseline.model_copy(update={"first_sessions": FIRST})
    return policy(
        signals=(signal("edit_ratio", tolerance=0.05),), baseline=first, budget=Budget(), partitions=PARTITIONS
    )


class Clinics:
    """Tenants that work side by side, a session each a fifth of a second."""

    def __init__(self, consents: dict[str, str] | None = None) -> None:
        self.topology = Topology(PARTITIONS, FACTORIES, finish)
        self.topology.now_ms = START_MS
        for message in standard_documents(declared()):
            self.topology.send(document(message))
        self.topology.snapshot()
        self._random = np.random.default_rng(1)
        self._consents = consents or {}
        self._count = 0

    def work(self, levels: dict[str, float], sessions: int) -> None:
        for _ in range(sessions):
            for tenant, level in levels.items():
                self._send(tenant, level)
            self.topology.tick(self.topology.now_ms + 200)
        for _ in range(10):
            self.topology.tick(self.topology.now_ms + 500)

    def _send(self, tenant: str, level: float) -> None:
        self._count += 1
        value = round(float(self._random.beta(8 * level, 8 * (1 - level))), 4)
        consent = self._consents.get(tenant, "shared")
        draft = traces.trace(traces.work(self._count, {"edit_ratio": value}, tenant=tenant, consent=consent))
        assert draft.key is not None
        self.topology.send(Output(TRACES, draft.key, draft.value, self.topology.now_ms, draft.headers))

    def alarms_of(self, tenant: str) -> list[Alarm]:
        records = [r for r in self.topology.logs.records(ALARMS) if find_header(r.headers, CE_TYPE) == ALARM]
        found = [Alarm.model_validate_json(record.value or b"") for record in records]
        return [alarm for alarm in found if alarm.cohort.tenant == tenant and alarm.cohort.layer is Layer.LEAF]


def established(**consents: str) -> Clinics:
    clinics = Clinics(consents)
    clinics.work({f"tenant-{n}": level for n, level in enumerate(LEVELS)}, FIRST + 10)
    return clinics


def test_a_tenant_that_begins_broken_alarms_within_its_first_sessions() -> None:
    clinics = established()
    clinics.work({"tenant-new": 0.75}, SESSIONS)
    found = clinics.alarms_of("tenant-new")
    assert found
    assert found[0].plug_in
    assert found[0].observed_sessions <= SESSIONS
    assert found[0].baseline == pytest.approx(np.mean(LEVELS), abs=0.02)


@pytest.mark.parametrize("level", [0.17, 0.2, 0.24])
def test_a_tenant_like_the_others_does_not_alarm(level: float) -> None:
    clinics = established()
    clinics.work({"tenant-new": level}, FIRST + 20)
    assert clinics.alarms_of("tenant-new") == []


def test_tenants_that_do_not_share_lend_nothing() -> None:
    clinics = established(**{f"tenant-{n}": "tenant" for n in range(OTHERS - 2)})
    clinics.work({"tenant-new": 0.75}, SESSIONS)
    assert clinics.topology.logs.records(BASELINES) == []
    assert clinics.alarms_of("tenant-new") == []


def test_each_stage_over_the_dump_of_its_input_is_the_stage_that_ran() -> None:
    clinics = established()
    clinics.work({"tenant-new": 0.75}, 20)
    for (name, partition), stage in clinics.topology.stages().items():
        log = clinics.topology.logs.log(STAGE_INPUTS[name], partition).read(0)
        replayed = replay_stage(FACTORIES[name](partition, PARTITIONS), log, batch_records=37)
        assert replayed.state == stage.state_records()


def test_leaves_get_the_baseline_in_controls_envelope() -> None:
    records = established().topology.logs.records(TRACES)
    ce_type = BaselineDocument.ce_type.encode()
    envelopes = [record.value for record in records if find_header(record.headers, CE_TYPE) == ce_type]
    documents = list(map(partial(BaselineDocument.model_validate_json), (read_envelope(e)[1] for e in envelopes)))
    assert len(documents) >= PARTITIONS
    assert documents[-1].body.pooled["edit_ratio"].tenants == OTHERS

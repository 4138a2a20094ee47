"""One release on trial in two clinics of eight specialties: worse for one specialty, better for the others.

The whole platform in one process on a clock of its own: runtimes ask the gateway what a session gets, report its start
and send a trace; what the guard decides reaches the gateway as it would live.
"""

from typing import Final

import numpy as np

from homeostat.detectors.guard.stage import GuardStage
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.control import KeyActivation
from homeostat.schemas.intent import Intent, IntentAction
from homeostat.schemas.policy import Policy
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.rollout import OnHarm, Rollout, RolloutPhase
from homeostat.schemas.topics import CONTROLS, DECISIONS, INTENTS, POLICIES, RELEASES, ROLLOUTS
from homeostat.streams.backtest.platform import Platform, build_platform
from homeostat.streams.documents.read import ToPublish
from homeostat.streams.key_set import FIRST_MASTER
from homeostat.streams.scenarios.bodies import Body
from homeostat.streams.scenarios.gateway import ScenarioGateway
from homeostat.streams.scenarios.wire import WORK_TYPE, Served, TenantWire, Work
from tests.builders import documents
from tests.builders.keys import GATEWAY

TENANTS: Final = ("hillcrest", "riverside")
SPECIALTIES: Final = (
    "cardiology",
    "dermatology",
    "neurology",
    "oncology",
    "orthopaedics",
    "paediatrics",
    "psychiatry",
    "surgery",
)
HARMED: Final = "oncology"
GUARDRAILS: Final = ("edit_ratio", "unsupported_content", "omission")
_PARTITIONS, _SESSION_GAP_MS, _ROUNDS = 2, 250, 400


class Clinics:
    """Rounds of one session a cohort, until the rollout has ended; `platform` has every record."""

    def __init__(self, rollout: Rollout, policy: Policy) -> None:
        self.rollout, self.policy, self.now_ms = rollout, policy, documents.START_MS
        self.platform: Platform = build_platform(_PARTITIONS, (GATEWAY,), retained=None)
        self.gateway = ScenarioGateway(self.platform)
        self._random = np.random.default_rng(20261)
        keys = self.platform.keys
        self._wires = {t: TenantWire(t, keys.tenant_key(t), "scribe", "shared") for t in TENANTS}
        self.platform.topology.now_ms = self.now_ms
        self.platform.publish(self._documents(), self.now_ms)
        self.platform.topology.snapshot()
        self._pass(_SESSION_GAP_MS)

    def run(self) -> None:
        """See patients until the rollout has ended, or for so many rounds."""
        for number in range(_ROUNDS):
            if number % 20 == 0 and self._is_over():
                break
            self._see_everyone(number)
        for _ in range(8):
            self._pass(500)

    def serve(self, tenant: str, specialty: str, session: str) -> Served:
        served = self.gateway.serve(tenant, specialty, "scribe", session, self.now_ms)
        assert served is not None
        return served

    def _see_everyone(self, number: int) -> None:
        for tenant in TENANTS:
            for specialty in SPECIALTIES:
                self._see(tenant, specialty, derive_id("visit", tenant, specialty, number))
        self._pass(_SESSION_GAP_MS)

    def _see(self, tenant: str, specialty: str, session: str) -> None:
        served = self.serve(tenant, specialty, session)
        if served.rollout is not None:
            self.gateway.note_start(tenant, specialty, "scribe", session, served, self.now_ms)
        self.gateway.report(self.now_ms)
        work = Work(tenant, specialty, "scribe", session, derive_id("clinician", tenant), self.now_ms, served)
        wire, signals = self._wires[tenant], self._write_note(specialty, served)
        value = wire.write_work(session, work, _say(signals), 0, {})
        self.platform.topology.send(wire.send(WORK_TYPE, session, value, self.now_ms))

    def _write_note(self, specialty: str, served: Served) -> dict[str, float]:
        """What a note is like: the candidate leaves less out and is edited less, but in one specialty it omits more."""
        note = {name: 0.3 + 0.1 * float(self._random.random()) for name in (*GUARDRAILS, "structure_score")}
        if served.release == documents.CANDIDATE_DIGEST:
            note["structure_score"] += 0.2
            note["edit_ratio"] -= 0.1
            note["omission"] += 0.3 if specialty == HARMED else -0.15
        return note

    def _pass(self, ms: int) -> None:
        self.now_ms += ms
        self.platform.topology.tick(self.now_ms)
        if self.gateway.follow(self.now_ms):
            self.platform.topology.run()

    def _is_over(self) -> bool:
        guards = [stage for stage in self.platform.topology.stages().values() if isinstance(stage, GuardStage)]
        return any(run.phase is RolloutPhase.PROMOTED for guard in guards for run in guard.rollouts.values())

    def _documents(self) -> list[ToPublish]:
        keys = KeyActivation(mac_masters=(FIRST_MASTER,))
        bodies: list[tuple[str, Policy | ReleaseManifest]] = [
            (POLICIES, self.policy),
            (RELEASES, documents.CONTROL),
            (RELEASES, documents.CANDIDATE),
        ]
        found = [ToPublish(CONTROLS, "keys", documents.document(keys))]
        found += [ToPublish(topic, "document", documents.document(body)) for topic, body in bodies]
        for entry in self.rollout.targets:
            intent = Intent(
                intent=derive_id("baseline", entry.target.key),
                target=entry.target,
                action=IntentAction.BASELINE,
                author="operator",
                reason="what is served",
                at_ms=self.now_ms,
                manifest=documents.CONTROL,
            )
            found.append(ToPublish(INTENTS, entry.target.key, intent))
        return [*found, ToPublish(ROLLOUTS, self.rollout.rollout, documents.document(self.rollout))]


def run_clinics() -> Clinics:
    """The trial from its beginning to its end."""
    rollout = documents.rollout(
        TENANTS, SPECIALTIES, title="Scribe 15, shorter prompts", on_harm=OnHarm.COHORT, guardrails=GUARDRAILS
    )
    clinics = Clinics(rollout, documents.policy(partitions=_PARTITIONS))
    clinics.run()
    assert clinics.platform.topology.logs.records(DECISIONS)
    return clinics


def _say(signals: dict[str, float]) -> Body:
    return Body([signals], [{}], [{}], ["unknown"], ["unknown"], [()], [[]], [()], [[]])

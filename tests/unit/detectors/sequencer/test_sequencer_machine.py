"""The sequencer as a state machine: whoever asks for what in whichever order, a rollback stays a rollback."""

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from homeostat.detectors.sequencer.stage import SequencerStage
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.intent import Intent, IntentAction
from homeostat.schemas.override import ANY
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Target
from homeostat.schemas.topics import COMMANDS
from homeostat.schemas.trace import OutputProperty
from tests.builders import documents
from tests.builders.artifacts import override, override_document
from tests.builders.keys import GATEWAY, trust
from tests.builders.replays import check_replay
from tests.builders.sequencer_log import LEASE, SequencerLog, signed

RELEASES = (documents.BASELINE, documents.CANDIDATE, documents.CONTROL)
DIGESTS = (documents.BASELINE_DIGEST, documents.CANDIDATE_DIGEST, documents.CONTROL_DIGEST)
ROLLOUTS = (derive_id("rollout", 1), derive_id("rollout", 2))
SPECIALTIES = ("cardiology", "oncology")
OPERATOR_STEP = 100
"""An operator may expose again after an end; the guard only with a later step."""
PROPERTIES = (OutputProperty.ORDER, OutputProperty.MEDICATION_CHANGE)
TENANTS = ("tenant-1", "tenant-2")


class SequencerMachine(RuleBasedStateMachine):
    """Two targets, two rollouts of two candidates against one control, and everything that signers may say."""

    sent = Bundle("sent")

    def __init__(self) -> None:
        super().__init__()
        self.log = SequencerLog(documented=False)
        self.rolled_back: dict[tuple[str, str], int] = {}
        self.checked = 0
        self.repeats = 0
        self.generations: dict[str, int] = {}
        self.versions: dict[str, int] = {}
        self.ended: dict[tuple[str, str], int] = {}
        self.overrides = 0
        self.refusing: set[str] = set()
        self.served: dict[str, set[tuple[str, str]]] = {}

    @rule(tenant=st.sampled_from(TENANTS), refuses=st.booleans(), never_on=st.sets(st.sampled_from(PROPERTIES)))
    def override(self, tenant: str, refuses: bool, never_on: set[OutputProperty]) -> None:
        self.overrides += 1
        body = override(tenant, required_tools=("write",) if refuses else (), never_on=tuple(never_on))
        self.log.control(override_document(body, version=self.overrides))
        self.check_commands()
        (self.refusing.add if refuses else self.refusing.discard)(tenant)

    @rule()
    def snapshot(self) -> None:
        for number, candidate in enumerate(DIGESTS[:2]):
            body = documents.rollout(TENANTS, SPECIALTIES, rollout=ROLLOUTS[number], candidate=candidate)
            self.log.control(documents.document(body))
        self.log.document()

    @rule(
        target=sent,
        action=st.sampled_from(list(IntentAction)),
        role=st.sampled_from([SignerRole.GUARD, SignerRole.GUARD, SignerRole.OPERATOR, SignerRole.TRIAGE]),
        tenant=st.sampled_from(TENANTS),
        rollout=st.integers(0, 1),
        step=st.integers(1, 6),
        specialty=st.sampled_from(SPECIALTIES),
        lifts=st.sampled_from([None, None, 1, 2]),
        manifest=st.sampled_from(RELEASES),
    )
    def ask(
        self,
        action: IntentAction,
        role: SignerRole,
        tenant: str,
        rollout: int,
        step: int,
        specialty: str,
        lifts: int | None,
        manifest: object,
    ) -> tuple[Intent, SignerRole]:
        intent = self.log.intent(
            action,
            target=Target(gateway=GATEWAY, tenant=tenant, workflow="scribe"),
            rollout=ROLLOUTS[rollout],
            candidate=DIGESTS[rollout],
            step=OPERATOR_STEP if role is SignerRole.OPERATOR else step,
            specialties=(specialty,),
            lifts_quarantine=lifts,
            manifest=manifest if action is IntentAction.BASELINE else None,
            share=0.5 if action is IntentAction.EXPOSE else 0.0,
            lease=LEASE if action is IntentAction.EXPOSE else None,
        )
        before = self.log.stage.targets.get(intent.target.key)
        self.log.add(signed(intent, role))
        ends = action not in {IntentAction.EXPOSE, IntentAction.BASELINE, IntentAction.PROMOTE}
        if ends and role is SignerRole.GUARD and (before is None or step > before.step_of(ROLLOUTS[rollout])):
            self.ended[intent.target.key, ROLLOUTS[rollout]] = step
        return intent, role

    @rule(tenant=st.sampled_from(TENANTS))
    def set_the_control_as_baseline(self, tenant: str) -> None:
        self.ask_baseline(tenant)

    @rule(tenant=st.sampled_from(TENANTS), step=st.integers(1, 6))
    def expose_then_promote(self, tenant: str, step: int) -> None:
        self.ask_baseline(tenant)
        for offset, action in enumerate((IntentAction.EXPOSE, IntentAction.PROMOTE)):
            target = Target(gateway=GATEWAY, tenant=tenant, workflow="scribe")
            exposing = action is IntentAction.EXPOSE
            fields = {"share": 0.5 if exposing else 0.0, "lease": LEASE if exposing else None}
            intent = self.log.intent(
                action, target=target, rollout=ROLLOUTS[0], candidate=DIGESTS[0], step=step + offset, **fields
            )
            self.log.add(signed(intent, SignerRole.GUARD))

    def ask_baseline(self, tenant: str) -> None:
        target = Target(gateway=GATEWAY, tenant=tenant, workflow="scribe")
        body = {"manifest": documents.CONTROL, "candidate": None, "rollout": None, "specialties": ()}
        intent = self.log.intent(IntentAction.BASELINE, target=target, **body)
        self.log.add(signed(intent, SignerRole.OPERATOR))

    @rule(again=sent)
    def repeat(self, again: tuple[Intent, SignerRole]) -> None:
        self.log.add(signed(*again))

    @rule(seconds=st.sampled_from([0.5, 20.0]))
    def tick(self, seconds: float) -> None:
        self.log.tick(seconds)

    @rule()
    def acknowledge(self) -> None:
        if "gateway-1/tenant-1/scribe" in self.log.stage.targets and self.log.target.state_digest is not None:
            self.log.acknowledge()

    @invariant()
    def check_commands(self) -> None:
        """Each state follows the one before; where overrides refuse every release, nobody is given another one."""
        for state in self.log.commands[self.checked :]:
            key = state.target.key
            served = {(state.baseline, ANY)} | {(e.candidate, name) for e in state.exposures for name in e.specialties}
            if state.target.tenant in self.refusing:
                assert served <= self.served.get(key, set())
            self.served[key] = served
            assert state.generation == self.generations.get(key, 0) + 1
            assert state.quarantine_version >= self.versions.get(key, 0)
            self.generations[key], self.versions[key] = state.generation, state.quarantine_version
            self.checked += 1

    @invariant()
    def nothing_quarantined_is_served(self) -> None:
        for state in self.log.commands[-2:]:
            served = {state.baseline, *(exposure.candidate for exposure in state.exposures)}
            assert not served & set(state.quarantine)
            assert list(state.quarantine) == sorted(set(state.quarantine))
            specialties = [s for exposure in state.exposures for s in exposure.specialties]
            assert len(specialties) == len(set(specialties))

    @invariant()
    def a_quarantine_ends_only_by_its_version(self) -> None:
        for key, target in self.log.stage.targets.items():
            banned = {entry.release for entry in target.quarantine}
            for release in DIGESTS:
                version = self.rolled_back.get((key, release))
                if release in banned:
                    self.rolled_back[key, release] = target.quarantine_version
                elif version is not None:
                    assert target.quarantine_version > version
                    del self.rolled_back[key, release]

    @invariant()
    def an_exposure_is_newer_than_every_end_of_its_rollout(self) -> None:
        for key, target in self.log.stage.targets.items():
            for exposure in target.serving.exposures if target.serving else ():
                assert exposure.step > self.ended.get((key, exposure.rollout), 0)
                assert not target.is_quarantined(exposure.candidate)
                assert target.serving is not None
                assert target.serving.baseline == documents.CONTROL_DIGEST

    @invariant()
    def one_command_an_intent_at_most(self) -> None:
        intents = [state.intent for state in self.log.commands]
        assert len(intents) == len(set(intents))
        stated = [output for output in self.log.outputs if output.topic == COMMANDS]
        assert len(stated) == len(intents) + len(self.log.repeated)

    @invariant()
    def only_the_present_state_is_stated_again(self) -> None:
        for state in self.log.repeated[self.repeats :]:
            assert state.generation == self.generations[state.target.key]
        self.repeats = len(self.log.repeated)

    def teardown(self) -> None:
        log = self.log.scenario.log
        cuts = [len(log) // 3, len(log) // 2, len(log) - 1, 5]
        assert check_replay(lambda: SequencerStage(0, 1, trust()), log, cuts) == self.log.outputs


TestSequencerMachine = SequencerMachine.TestCase
TestSequencerMachine.settings = settings(max_examples=20, stateful_step_count=30)

"""Two rollouts on one target, judged by guards that hear of each other late: they take turns, whatever happens."""

from typing import NamedTuple

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from homeostat.detectors.guard.gates import ACTIVE
from homeostat.detectors.sequencer.stage import SequencerStage
from homeostat.schemas.canonical import derive_id, to_json
from homeostat.schemas.control import Order, OrderDocument, OrderKind
from homeostat.schemas.decision import Decision, Verdict
from homeostat.schemas.lease import Lease
from homeostat.schemas.log import Output
from homeostat.schemas.partition import partition_of
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Rollout, RolloutPhase, Target
from homeostat.schemas.topics import DECISIONS, INTENTS, LEASES
from homeostat.schemas.trace import Arm
from homeostat.streams.client.gateway.core import GatewayCore
from homeostat.streams.client.gateway.lease_clock import LeaseClock, Moment
from tests.builders import documents
from tests.builders.evidence import TOLERANCES
from tests.builders.guard_log import GuardLog, read
from tests.builders.keys import GATEWAY, sign, trust
from tests.builders.release_path import SIGNERS
from tests.builders.replays import check_replay
from tests.builders.sequencer_log import SequencerLog, refusals
from tests.builders.traces import Draft

TARGET = Target(gateway=GATEWAY, tenant="tenant-1", workflow="scribe")
TTL_S = documents.TIMES.lease_ttl_s
SOURCES = 2
which = st.integers(0, 1)


class Path(NamedTuple):
    """One rollout: its guard's log, the intents that the sequencer has not had, the decisions the other has not had."""

    rollout: Rollout
    guard: GuardLog
    intents: list[Output]
    unheard: list[Decision]


class TurnsMachine(RuleBasedStateMachine):
    """Two candidates for one cohort, each with a guard of another partition; intents and decisions travel apart."""

    @initialize(first=st.integers(1, 50), second=st.integers(51, 99))
    def apply(self, first: int, second: int) -> None:
        bodies = [
            documents.rollout(rollout=_id_of(partition, number), candidate=candidate)
            for partition, number, candidate in (
                (0, first, documents.CANDIDATE_DIGEST),
                (1, second, documents.BASELINE_DIGEST),
            )
        ]
        self.paths = [
            Path(body, GuardLog(SOURCES, body, others=[other]), [], [])
            for body, other in zip(bodies, bodies[::-1], strict=True)
        ]
        self.heard: dict[int, RolloutPhase] = {}
        self.sequencer = SequencerLog(bodies[0])
        self.sequencer.control(documents.document(bodies[1]))
        self.gateway = GatewayCore(GATEWAY, trust(), {}, LeaseClock({}))
        self.stated = 0
        self.refused: list[str] = []
        self._tell_gateway([])

    @rule(number=which)
    def begin(self, number: int) -> None:
        self._take(number, self.paths[number].guard.begin())

    @rule(number=which, harmful=st.booleans())
    def say(self, number: int, harmful: bool) -> None:
        path = self.paths[number]
        step = max(1, path.guard.stage.rollouts[path.rollout.rollout].step)
        differences = {name: [0.3 if harmful else 0.0] * 250 for name in TOLERANCES}
        self._take(number, path.guard.say(differences, step=step, tenant="tenant-1", specialty="cardiology"))

    @rule(number=which)
    def hear_of_the_other(self, number: int) -> None:
        for decision in self.paths[1 - number].unheard:
            self.heard[number] = decision.phase
            self._take(number, self.paths[number].guard.control(decision))
        self.paths[1 - number].unheard.clear()

    @rule(number=which)
    def ask(self, number: int) -> None:
        """What a guard wants reaches the sequencer, each wish twice."""
        for output in self.paths[number].intents:
            sent = SIGNERS.sign_output(output)
            for _ in range(2):
                self._tell_gateway(self.sequencer.add(Draft(sent.key, sent.value, sent.headers)))
        self.paths[number].intents.clear()

    @rule(number=which, kind=st.sampled_from(OrderKind))
    def order(self, number: int, kind: OrderKind) -> None:
        path = self.paths[number]
        body = Order(rollout=path.rollout.rollout, order=kind, author="ada", reason="drill")
        version, at_ms = len(path.guard.scenario.log), path.guard.scenario.now_ms
        document = OrderDocument(subject=f"order/{body.rollout}", subject_version=version, at_ms=at_ms, body=body)
        self._take(number, path.guard.control(document))

    @rule(seconds=st.sampled_from([0.5, 3.0, 14.0]))
    def tick(self, seconds: float) -> None:
        for number, path in enumerate(self.paths):
            self._take(number, path.guard.tick(seconds))
        self._tell_gateway(self.sequencer.tick(seconds))

    @rule(number=which)
    def restart(self, number: int) -> None:
        path = self.paths[number]
        fresh = path.guard.build_stage()
        fresh.restore(path.guard.stage.state_records())
        path.guard.stage = fresh

    @invariant()
    def one_candidate_at_a_time(self) -> None:
        for state in self.sequencer.commands:
            assert len([name for each in state.exposures for name in each.specialties]) <= 1

    @invariant()
    def one_desired_state_a_generation(self) -> None:
        stated = [state.generation for state in self.sequencer.commands]
        assert stated == list(range(1, len(stated) + 1))

    def teardown(self) -> None:
        """Everybody hears of everything: one of the two is left, and nobody else is in its place. Then nobody is."""
        if not hasattr(self, "paths"):
            return
        for _ in range(3):
            for number in range(2):
                self.hear_of_the_other(number)
                self.ask(number)
            self.tick(0.5)
        active = [path for path in self.paths if self._phase(path) in ACTIVE]
        assert len(active) <= 1
        exposed = {exposure.rollout for exposure in self.sequencer.commands[-1].exposures}
        assert exposed <= {path.rollout.rollout for path in active}
        assert set(self.refused) <= {Refusal.OLD_GENERATION, Refusal.EXPIRED, Refusal.NOT_APPROVED}
        self._check_served()
        for number, path in enumerate(self.paths):
            log = path.guard.scenario.log
            build = self.paths[number].guard.build_stage
            assert check_replay(build, log, [len(log) // 2]) == path.guard.outputs
        log = self.sequencer.scenario.log
        assert check_replay(lambda: SequencerStage(0, 1, trust()), log, [len(log) // 2]) == self.sequencer.outputs

    def _check_served(self) -> None:
        """Homeostat is gone for good: within the lease every session gets one release, and the same."""
        for path in self.paths:
            path.guard.scenario.wait(TTL_S)
        found = [self.gateway.serve(TARGET, "cardiology", f"{number:032x}", self._now) for number in range(24)]
        assert {each.arm for each in found if each is not None} == {Arm.BASELINE}
        assert len({each.release for each in found if each is not None}) == 1

    def _phase(self, path: Path) -> RolloutPhase:
        return path.guard.stage.rollouts[path.rollout.rollout].phase

    @property
    def _now(self) -> Moment:
        now_ms = max(path.guard.scenario.now_ms for path in self.paths)
        return Moment(now_ms, now_ms)

    def _take(self, number: int, outputs: list[Output]) -> None:
        path = self.paths[number]
        decided = read(outputs, DECISIONS, Decision)
        if self.heard.get(number) in ACTIVE:
            assert Verdict.BEGIN not in {decision.verdict for decision in decided}
        path.intents.extend(output for output in outputs if output.topic == INTENTS)
        path.unheard.extend(decided)
        for output in outputs:
            if output.topic == LEASES:
                envelope = sign(SignerRole.GUARD, output.value or b"", Lease.ce_type)
                self.gateway.renew(self.gateway.check_lease(envelope), self._now)

    def _tell_gateway(self, gained: list[Output]) -> None:
        for state in self.sequencer.commands[self.stated :]:
            envelope = sign(SignerRole.SEQUENCER, to_json(state), state.ce_type)
            self.gateway.obey(self.gateway.check_state(state.target.key.encode(), envelope))
        self.stated = len(self.sequencer.commands)
        self.refused += refusals(gained)


def _id_of(partition: int, number: int) -> str:
    """A rollout's id that belongs to a partition of two."""
    found = (derive_id("rollout", number, attempt) for attempt in range(100))
    return next(each for each in found if partition_of(each.encode(), 2) == partition)


TestTurns = TurnsMachine.TestCase
TestTurns.settings = settings(max_examples=15, stateful_step_count=25)

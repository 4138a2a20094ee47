"""Batches, checkpoints and restarts do not show: whatever the log holds and wherever it is cut."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.schemas.canonical import derive_id
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.control import SealBaseline, SealBaselineDocument
from homeostat.schemas.decision import Verdict
from homeostat.schemas.log import LogRecord
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.trace import Arm, Consent
from tests.builders import traces
from tests.builders.documents import SIGNALS, START_MS, decision, document, rollout, signal
from tests.builders.scenario import Scenario
from tests.unit.detectors.leaf.logs import (
    new_stage,
    pooled_document,
    quick_policy,
    run,
    run_split,
    warm_log,
    warm_scenario,
)

ARMS = (Arm.BASELINE, Arm.CONTROL, Arm.CANDIDATE)
_TRACE = st.tuples(
    st.just("trace"),
    st.sampled_from(("tenant-1", "tenant-2", "tenant-3")),
    st.sampled_from(ARMS),
    st.integers(0, 6),
    st.sampled_from((0.0, 0.2, 0.95, 1.0)),
    st.sampled_from(Consent),
)
_FEEDBACK = st.tuples(st.just("feedback"), st.sampled_from(ARMS), st.integers(0, 6), st.booleans(), st.integers(0, 9))
_BURST = st.tuples(st.just("burst"), st.sampled_from(ARMS), st.sampled_from((0.05, 0.9)), st.integers(2, 12))
_OTHER = st.sampled_from(
    ("tick", "repeat", "forged", "no json", "strange field", "starts", "account", "junk control", "snapshot")
)
_RARE = st.sampled_from(("end rollout", "new policy", "seal", "release", "lend"))
_WAIT = st.tuples(st.just("wait"), st.sampled_from((0.05, 0.4, 1.1, 2.5, 12.0)))
ACTIONS = st.lists(
    st.one_of(_TRACE, _TRACE, _FEEDBACK, _BURST, st.tuples(_OTHER), st.tuples(_RARE), _WAIT), max_size=40
)


class Author:
    """Writes a log from drawn actions."""

    def __init__(self) -> None:
        self.scenario = warm_scenario()
        self.count = 0

    def write(self, action: tuple[Any, ...]) -> None:
        self.count += 1
        kind, *arguments = action
        getattr(self, "_" + kind.replace(" ", "_"))(*arguments)

    def _trace(self, tenant: str, arm: Arm, session: int, value: float, consent: Consent) -> None:
        signals = {"edit_ratio": value, "latency": 60 * value, "structure_score": 1 - value}
        self.scenario.add(
            traces.trace(
                traces.work(
                    self.count,
                    signals,
                    tenant=tenant,
                    arm=arm,
                    session=derive_id("session", session),
                    consent=consent,
                    release=traces.RELEASE_OF_ARM[arm if self.count % 11 else Arm.BASELINE],
                )
            )
        )

    def _feedback(self, arm: Arm, session: int, accepted: bool, age: int) -> None:
        work_time_ms = START_MS - age * 1_000_000
        self.scenario.add(
            traces.trace(
                traces.feedback(
                    self.count,
                    {"acceptance": accepted},
                    arm=arm,
                    session=derive_id("session", session),
                    work_time_ms=work_time_ms,
                )
            )
        )

    def _burst(self, arm: Arm, value: float, count: int) -> None:
        for number in range(count):
            self.scenario.add(traces.trace(traces.work((self.count, number), {"edit_ratio": value}, arm=arm)))
            self.scenario.wait(0.01)

    def _wait(self, seconds: float) -> None:
        self.scenario.wait(seconds)

    def _tick(self) -> None:
        self.scenario.tick()

    def _repeat(self) -> None:
        log = self.scenario.log
        old = log[-1 - self.count % 5]
        self.scenario.add(traces.Draft(old.key, old.value, old.headers))

    def _forged(self) -> None:
        draft = traces.trace(traces.work(self.count, {"edit_ratio": 0.1}))
        self.scenario.add(draft._replace(value=(draft.value or b"").replace(b"0.1", b"0.9")))

    def _no_json(self) -> None:
        self._bytes(b"not json")

    def _strange_field(self) -> None:
        self._bytes(b'{"patient":"x"}')

    def _bytes(self, value: bytes) -> None:
        self.scenario.add(traces.authenticated("homeostat.trace.work", derive_id(self.count), "tenant-1", value))

    def _starts(self) -> None:
        arms = [ARMS[(self.count + i) % 3] for i in range(4)]
        starts = [traces.start(derive_id("session", (self.count + i) % 9), arm) for i, arm in enumerate(arms)]
        self.scenario.add(traces.exposure_report(self.count, starts))

    def _account(self) -> None:
        self.scenario.add(traces.publisher_report(self.count, 10 * self.count, buffer_full=self.count))

    def _junk_control(self) -> None:
        self.scenario.add(traces.Draft(b"control", b"{}", [("hs-control", b"tick")]))

    def _snapshot(self) -> None:
        self.scenario.begin(quick_policy(), [document(rollout())])

    def _end_rollout(self) -> None:
        self.scenario.control(decision(rollout(), 2, RolloutPhase.ROLLED_BACK, Verdict.HARMFUL))

    def _new_policy(self) -> None:
        signals = (*SIGNALS[1:], SIGNALS[0].model_copy(update={"tolerance": 0.02}), signal(f"signal_{self.count % 3}"))
        self.scenario.control(document(quick_policy(signals=signals), version=1 + self.count))

    def _seal(self) -> None:
        leaf = Cohort(layer=Layer.LEAF, tenant="tenant-1", specialty="cardiology", workflow="scribe", arm=Arm.BASELINE)
        self.scenario.control(
            SealBaselineDocument(
                subject=f"seal/{leaf.key}",
                subject_version=self.count,
                at_ms=START_MS,
                body=SealBaseline(cohort=leaf, sessions=30 + 16 * (self.count % 12)),
            )
        )

    def _lend(self) -> None:
        means = [0.01 * (self.count % 7 + number) for number in range(3 + self.count % 2)]
        editions = {0: START_MS + 1000 * self.count}
        self.scenario.control(pooled_document(quick_policy(), means, editions, 1 + self.count))

    def _release(self) -> None:
        self.scenario.control(document(rollout(("tenant-2",), rollout=derive_id("rollout", 2))))


def write(actions: list[tuple[Any, ...]]) -> list[LogRecord]:
    author = Author()
    for action in actions:
        author.write(action)
    author.scenario.tick(1.0)
    return author.scenario.log


@given(ACTIONS, st.data())
@settings(max_examples=40)
def test_any_split_into_batches_gives_the_same_bytes(actions: list[tuple[Any, ...]], data: st.DataObject) -> None:
    log = write(actions)
    whole, outputs = run(log)
    cuts = data.draw(st.sets(st.integers(len(warm_log()) - 20, len(log)), max_size=12))
    stage, split_outputs, topic = run_split(log, cuts)
    assert split_outputs == outputs
    assert stage.state_records() == whole.state_records()
    assert topic == whole.state_records()
    assert stage.counts == whole.counts


@given(ACTIONS, st.data())
@settings(max_examples=40)
def test_a_restored_stage_goes_on_as_if_nothing_had_happened(
    actions: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    log = write(actions)
    whole, outputs = run(log)
    cut = data.draw(st.integers(0, len(log)))
    first, before = run(log[:cut])
    records = first.state_records()
    second = new_stage()
    second.restore(records)
    assert second.state_records() == records
    assert second.next_offset == first.next_offset
    assert before + second.apply(log[cut:]) == outputs
    assert second.state_records() == whole.state_records()
    assert second.counts == whole.counts


def test_records_below_the_next_offset_are_trimmed() -> None:
    log = list(warm_log())
    stage, _ = run(log)
    assert stage.apply(log[-30:]) == []
    assert stage.state_records() == run(log)[0].state_records()


def test_an_empty_stage_restores_to_an_empty_stage() -> None:
    stage = new_stage()
    stage.restore(new_stage().state_records())
    assert stage.next_offset == 0
    assert stage.apply(Scenario().log) == []

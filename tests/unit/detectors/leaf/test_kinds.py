"""Columns of every kind: what a trace's steps, categories, bands and sketch become, and how each is watched."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from homeostat.detectors.leaf.decode import TraceDecoder
from homeostat.detectors.leaf.derive import sketch, sketch_axes
from homeostat.detectors.leaf.plan import FEEDBACK, WORK, Plan
from homeostat.detectors.leaf.scan_tables import ScanTables
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.canonical import derive_id, to_json
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.log import LogRecord
from homeostat.schemas.policy import Budget, Calendar, PartOfWeek, Policy
from homeostat.schemas.signal import Carrier, Direction, Family, Kind, Role, SignalSpec, Source
from homeostat.schemas.topics import ALARMS
from homeostat.schemas.trace import AgeBand, SexBand, ToolCall, ToolOutcome
from tests.builders import traces
from tests.builders.documents import BASELINE_DIGEST, CONTROL_DIGEST, START_MS, document, signal
from tests.builders.scenario import Scenario
from tests.unit.detectors.leaf.logs import LEAST_SESSIONS, messages, new_stage, quick_policy, run, run_split

MODEST = Budget(alarm_threshold=1e4, false_alarms_per_week=100, expected_monitors=1, baseline_delta=0.1)
BOTH = {"direction": Direction.BOTH, "role": Role.DIAGNOSTIC}
EVERY_KIND = (
    signal("edit_ratio", role=Role.GUARDRAIL, family=Family.OUTCOME, spread=True),
    signal("visit_minutes", family=Family.INPUT, kind=Kind.POSITIVE, high=120.0, **BOTH),
    signal("payer", family=Family.INPUT, kind=Kind.CATEGORICAL, categories=("public", "private"), **BOTH),
    signal("patients", family=Family.INPUT, kind=Kind.CATEGORICAL, source=Source.AGE_BAND, **BOTH),
    signal("sexes", family=Family.INPUT, kind=Kind.CATEGORICAL, source=Source.SEX_BAND, **BOTH),
    signal("dialogue", family=Family.INPUT, kind=Kind.EMBEDDING, dimensions=12, **BOTH),
    signal("skipped", family=Family.WORKFLOW, source=Source.MISSING_STEPS, steps=("identify", "allergies", "draft")),
    signal("order", family=Family.WORKFLOW, source=Source.STEP_ORDER, steps=("identify", "allergies", "draft")),
    signal("tool_failures", family=Family.OPERATIONS, source=Source.TOOL_FAILURES),
    signal("sources", family=Family.INPUT, kind=Kind.COUNT, source=Source.RETRIEVAL_HITS, high=20.0, **BOTH),
    signal(
        "mood", family=Family.OUTCOME, kind=Kind.CATEGORICAL, categories=("good",), carrier=Carrier.FEEDBACK, **BOTH
    ),
    signal("invented_allergy", family=Family.SAFETY, kind=Kind.BINARY, role=Role.NEVER),
    signal("red_flag_missed", family=Family.SAFETY, kind=Kind.BINARY, limit=0.2, role=Role.GUARDRAIL),
)


def policy_of(*signals: SignalSpec, **fields: Any) -> Policy:
    return quick_policy(signals=signals, **{"budget": MODEST, **fields})


def log_of(policy: Policy, works: Sequence[Any], gap_s: float = 0.5) -> list[LogRecord]:
    """One session for each work trace or feedback, `gap_s` apart."""
    scenario = Scenario()
    scenario.begin(policy)
    for each in works:
        scenario.add(traces.trace(each))
        scenario.wait(gap_s)
    scenario.tick(5.0)
    return scenario.log


def alarms_of(policy: Policy, works: Sequence[Any], gap_s: float = 0.5) -> list[Alarm]:
    return [Alarm.model_validate(found) for found in messages(run(log_of(policy, works, gap_s))[1], ALARMS)]


def read(policy: Policy, trace: Any) -> dict[str, float]:
    """The values that both decoders give for a trace, by column."""
    plan = Plan(policy)
    decoder, lane = TraceDecoder(plan), FEEDBACK if trace.kind == "feedback" else WORK
    fast, slow = decoder.decode_fast(lane, to_json(trace))[1], decoder.decode_slow(lane, to_json(trace))[1]
    assert np.array_equal(np.array(fast), np.array(slow), equal_nan=True)
    return {name: value for name, value in zip(plan.names, fast, strict=True) if not math.isnan(value)}


def test_a_trace_is_read_into_its_columns() -> None:
    found = read(
        policy_of(*EVERY_KIND),
        traces.work(
            1,
            {"edit_ratio": 0.25},
            categories={"payer": "private", "other": "x"},
            age_band=AgeBand.FROM_80,
            sex_band=SexBand.FEMALE,
            steps=("draft", "identify", "chat"),
            tools=(ToolCall(tool="ehr", outcome=ToolOutcome.OK), ToolCall(tool="ehr", outcome=ToolOutcome.TIMEOUT)),
            retrieval=(derive_id("a"), derive_id("b")),
            embedding=(1.0,) * 12,
        ),
    )
    ones = {name for name, value in found.items() if value == 1.0}
    assert ones >= {"payer--private", "patients--80", "sexes--female", "order"}
    assert found["payer--public"] == found["payer--unseen"] == found["patients--0-17"] == 0.0
    assert found["skipped"] == pytest.approx(1 / 3)
    assert (found["tool_failures"], found["sources"]) == (0.5, 2.0)
    assert sum(name.startswith("dialogue--axis") for name in found) == 8
    assert "edit_ratio--spread" not in found


def test_what_a_trace_does_not_say_is_not_known() -> None:
    found = read(policy_of(*EVERY_KIND), traces.work(1, {}))
    assert {name for name in found if "--" not in name} == {"sources"}
    assert {name for name, value in found.items() if value} == {"patients--unknown", "sexes--unknown"}


def test_another_category_is_unseen_and_feedback_has_categories_too() -> None:
    policy = policy_of(*EVERY_KIND)
    assert read(policy, traces.work(1, {}, categories={"payer": "barter"}))["payer--unseen"] == 1.0
    assert read(policy, traces.feedback(1, {}, categories={"mood": "bad"})) == {"mood--good": 0.0, "mood--unseen": 1.0}


def test_an_embedding_of_another_length_is_refused() -> None:
    with pytest.raises(PoisonRecord):
        read(policy_of(*EVERY_KIND), traces.work(1, {}, embedding=(1.0, 2.0)))


def test_the_sketch_lies_in_the_unit_interval_and_ignores_length() -> None:
    axes = sketch_axes("dialogue", 100)
    vector = np.arange(100.0) - 40.0
    found = sketch(vector, axes)
    assert np.allclose(found, sketch(3.0 * vector, axes))
    assert (found >= 0.0).all()
    assert (found <= 1.0).all()
    assert sketch(np.zeros(100), axes).tolist() == [0.5] * 8
    assert sketch(np.full(100, 1e300), axes).tolist() == [0.5] * 8


def test_the_scanner_fills_bands_as_the_decoders_do() -> None:
    plan = Plan(policy_of(*EVERY_KIND))
    tables = ScanTables(plan).arrays_for(("tenant-1",))
    assert tables.bands.tolist() == [[plan.column["patients--0-17"], 0], [plan.column["sexes--female"], 1]]
    assert tables.absent[plan.column["sources"]] == 0.0
    assert math.isnan(tables.absent[plan.column["skipped"]])


def works_of(count: int, make: Callable[[int], dict[str, Any]], first: int = 0) -> list[Any]:
    return [traces.work(number, **{"signals": {}, **make(number)}) for number in range(first, first + count)]


def test_bands_that_change_alarm_whoever_read_them() -> None:
    policy = policy_of(signal("patients", family=Family.INPUT, kind=Kind.CATEGORICAL, source=Source.AGE_BAND, **BOTH))
    young = works_of(90, lambda _: {"age_band": AgeBand.FROM_18})
    old = works_of(60, lambda _: {"age_band": AgeBand.FROM_65}, 90)
    found = {(alarm.signal, alarm.direction) for alarm in alarms_of(policy, [*young, *old])}
    assert found == {("patients--18-39", Direction.DOWN), ("patients--65-79", Direction.UP)}


def test_steps_that_are_left_out_alarm() -> None:
    policy = policy_of(EVERY_KIND[6], EVERY_KIND[7])
    whole = works_of(60, lambda _: {"steps": ("identify", "allergies", "draft")})
    short = works_of(60, lambda _: {"steps": ("identify", "draft")}, 60)
    assert {(alarm.signal, alarm.direction) for alarm in alarms_of(policy, [*whole, *short])} == {("skipped", "up")}


def spread_by(width: float) -> Callable[[int], dict[str, Any]]:
    return lambda number: {"signals": {"edit_ratio": round(0.5 + width * (-1) ** number, 4)}}


def test_less_consistent_work_with_the_same_mean_alarms() -> None:
    policy = policy_of(signal("edit_ratio", spread=True))
    works = [*works_of(120, spread_by(0.05)), *works_of(120, spread_by(0.35), 120)]
    alarms = alarms_of(policy, works)
    assert {(alarm.signal, alarm.direction) for alarm in alarms} == {("edit_ratio--spread", Direction.UP)}
    assert alarms[0].observed == pytest.approx(0.35, abs=0.01)


def drifting(number: int) -> dict[str, Any]:
    """.5 ± .1 in the first half of a reference, .6 ± .1 from then on."""
    level = 0.5 if number < LEAST_SESSIONS // 2 else 0.6
    return {"signals": {"edit_ratio": round(level + 0.1 * (-1) ** number, 4)}}


def test_a_spread_is_sealed_from_the_second_half_about_the_mean_of_the_first() -> None:
    log = log_of(policy_of(signal("edit_ratio", spread=True)), works_of(LEAST_SESSIONS + 4, drifting))
    world = run(log)[0].world
    assert world is not None
    rows, half = world.cohorts.arrays, LEAST_SESSIONS // 2
    values = [drifting(number)["signals"]["edit_ratio"] for number in range(LEAST_SESSIONS)]
    centre = sum(values[:half]) / half
    distances = [abs(value - centre) for value in values[half:]]
    assert rows.centre[0, 1] / 2**20 == pytest.approx(centre, abs=2e-6)
    assert rows.reference[0, :, 0].tolist() == [LEAST_SESSIONS, half]
    assert rows.reference[0, 1, 1] == pytest.approx(sum(distances) / half, abs=2e-6)


def test_a_spread_goes_on_about_what_it_was_sealed_about() -> None:
    """The mean that is reported learns on; the distances of sessions stay those from the sealed centre."""
    log = log_of(policy_of(signal("edit_ratio", spread=True)), works_of(LEAST_SESSIONS + 140, drifting))
    stage = run(log)[0]
    assert stage.world is not None
    rows = stage.world.cohorts.arrays
    centre, main, distance = rows.centre[0, 1], rows.ring[0, :, 0], rows.ring[0, :, 1]
    watched = distance >= 0
    assert watched.any()
    assert (distance[watched] == abs(main[watched] - centre)).all()
    assert abs(rows.reference[0, 0, 1] - centre / 2**20) > 0.01
    restored = new_stage()
    restored.restore(stage.state_records())
    assert restored.world is not None
    assert restored.world.cohorts.arrays.centre[0, 1] == centre


def test_what_must_never_happen_alarms_at_once() -> None:
    alarms = alarms_of(
        policy_of(EVERY_KIND[11]), works_of(5, lambda number: {"signals": {"invented_allergy": number == 3}})
    )
    assert [(alarm.signal, alarm.role, alarm.harmful) for alarm in alarms] == [("invented_allergy", Role.NEVER, True)]
    assert alarms[0].onset_to_ms >= START_MS + 1500


def test_an_absolute_limit_needs_no_baseline() -> None:
    missed = works_of(26, lambda number: {"signals": {"red_flag_missed": float(number > 3)}})
    alarms = alarms_of(policy_of(EVERY_KIND[12]), missed)
    assert [(alarm.signal, alarm.limit, alarm.bound, alarm.baseline_sessions) for alarm in alarms[:1]] == [
        ("red_flag_missed", 0.2, 0.2, 0)
    ]


DAY_AND_NIGHT = Calendar(parts=(PartOfWeek(name="night", from_hour=22, to_hour=6),))


def cycle(number: int) -> dict[str, Any]:
    """Hourly work whose edit ratio is .2 by day and .6 by night, with a little noise."""
    hour = number % 24
    night = hour >= 22 or hour < 6
    level = (0.6 if night else 0.2) + 0.02 * (number % 5)
    midnight_ms = START_MS // 86_400_000 * 86_400_000 - 7 * 86_400_000
    return {"signals": {"edit_ratio": round(level, 3)}, "work_time_ms": midnight_ms + 3_600_000 * (number % 168)}


@pytest.mark.parametrize("calendar", [DAY_AND_NIGHT, Calendar()])
def test_parts_of_the_week_have_baselines_of_their_own(calendar: Calendar) -> None:
    policy = policy_of(signal("edit_ratio"), calendar=calendar)
    stage, _ = run(log_of(policy, works_of(150, cycle)))
    world = stage.world
    assert world is not None
    means = sorted(mean for n, mean, _, _ in world.cohorts.arrays.reference[:, 0].tolist() if n)
    assert len(means) == 1 + len(calendar.parts)
    assert not calendar.parts or means == pytest.approx([0.24, 0.64], abs=0.01)


def test_evidence_of_all_parts_is_one() -> None:
    def worse(number: int) -> dict[str, Any]:
        made = cycle(number)
        return {**made, "signals": {"edit_ratio": made["signals"]["edit_ratio"] + 0.25}}

    policy = policy_of(signal("edit_ratio"), calendar=DAY_AND_NIGHT)
    alarms = alarms_of(policy, [*works_of(150, cycle), *works_of(60, worse, 150)])
    assert alarms
    assert {alarm.signal for alarm in alarms} == {"edit_ratio"}
    assert alarms[0].observed - alarms[0].baseline == pytest.approx(0.25, abs=0.05)


def longer(number: int) -> dict[str, Any]:
    minutes = 10 + number * 7 % 11 + (35 if number >= 90 else 0)
    return {"signals": {"visit_minutes": minutes, "edit_ratio": 0.01 * minutes + 0.02 * (number % 3)}}


def test_an_alarm_says_what_the_inputs_explain_and_what_moved_beside_it() -> None:
    policy = policy_of(signal("edit_ratio"), signal("visit_minutes", family=Family.INPUT, high=60.0, **BOTH))
    alarms = [a for a in alarms_of(policy, works_of(150, longer)) if a.signal == "edit_ratio"]
    change = alarms[-1].observed - alarms[-1].baseline
    assert alarms[-1].explained == pytest.approx(change, abs=0.06)
    (beside,) = alarms[-1].companions
    assert (beside.signal, beside.family) == ("visit_minutes", Family.INPUT)
    assert beside.low > beside.bound_high


def test_an_alarm_names_sessions_to_read_and_since_when_the_release_is_there() -> None:
    policy = policy_of(signal("edit_ratio"))
    before = works_of(60, lambda number: {"signals": {"edit_ratio": 0.1 + 0.02 * (number % 5)}})
    after = works_of(40, lambda _: {"signals": {"edit_ratio": 0.8}, "release": CONTROL_DIGEST}, 60)
    alarm = alarms_of(policy, [*before, *after])[0]
    assert alarm.releases == (CONTROL_DIGEST, BASELINE_DIGEST)
    assert alarm.release_since_ms == START_MS + 30_000
    assert {work.session for work in after}.issuperset(alarm.affected)
    assert {work.session for work in before}.issuperset(alarm.unaffected)
    assert len(alarm.affected) == len(alarm.unaffected) == 8


def everything(number: int) -> dict[str, Any]:
    return {
        **cycle(number),
        "signals": {"edit_ratio": 0.1 * (number % 7), "visit_minutes": number % 50, "red_flag_missed": number % 2},
        "categories": {"payer": ("public", "private", "barter")[number % 3]},
        "age_band": AgeBand.FROM_40,
        "steps": ("identify", "draft", "allergies")[: number % 4],
        "retrieval": (derive_id("source"),) * (number % 3),
        "embedding": tuple(float((number * k) % 13) for k in range(12)),
    }


def test_the_state_of_every_kind_is_the_same_however_it_was_batched_and_restored() -> None:
    policy = policy_of(*EVERY_KIND, calendar=DAY_AND_NIGHT)
    works = works_of(80, everything)
    log = log_of(
        policy, [each for work in works for each in (work, traces.feedback(work.trace_id, {}, session=work.session))]
    )
    whole, outputs = run(log)
    split, split_outputs, topic = run_split(log, (17, 60, 111))
    assert split_outputs == outputs
    assert split.state_records() == whole.state_records() == topic
    restored = new_stage()
    restored.restore(topic)
    assert restored.state_records() == whole.state_records()


def test_another_calendar_collects_every_baseline_anew() -> None:
    scenario = Scenario()
    scenario.begin(policy_of(*EVERY_KIND[:2]))
    stage = new_stage()
    for each in works_of(40, cycle):
        scenario.add(traces.trace(each))
        scenario.wait(0.5)
    scenario.tick(5.0)
    stage.apply(scenario.log)
    assert stage.world is not None
    assert stage.world.cohorts.arrays.reference[..., 0].any()
    scenario.control(document(policy_of(*EVERY_KIND[:2], calendar=DAY_AND_NIGHT), version=2))
    scenario.tick(5.0)
    stage.apply(scenario.log)
    rows = stage.world.cohorts.arrays
    assert rows.parts.shape[1] == 2
    assert not rows.reference[..., 0].any()
    assert sorted(key.part for key in stage.world.cohorts.slots) == ["", "part-1"]

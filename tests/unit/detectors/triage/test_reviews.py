"""The works that people read: drawn alike by everybody, asked for once, and what they found revises the harm."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.detectors.triage.reviews import MAX_REVIEWERS, Reviews
from homeostat.detectors.triage.sample import SAMPLE_SIZE, Drawn
from homeostat.detectors.triage.share_interval import share_interval
from homeostat.detectors.triage.stage import TriageStage
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.control import Review, ReviewDocument, ReviewVerdict
from homeostat.schemas.drift_event import DriftEvent, EventStatus, Harm, NextStep, ReviewSample
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.signal import Family
from homeostat.schemas.topics import REVIEW_REQUESTS
from tests.builders.documents import START_MS
from tests.builders.keys import trust
from tests.unit.detectors.triage.alarms import WINDOW_S, Triage, leaf, moved_alarm

AFFECTED = tuple(derive_id("affected", number) for number in range(16))
UNAFFECTED = tuple(derive_id("unaffected", number) for number in range(16))
SAMPLED: dict[str, Any] = {"affected": AFFECTED, "unaffected": UNAFFECTED}


def requests(triage: Triage) -> list[DriftEvent]:
    return [parse_message(DriftEvent, out.value)[0] for out in triage.outputs if out.topic == REVIEW_REQUESTS]


def say(triage: Triage, event: str, trace_id: str, verdict: ReviewVerdict, reviewer: str = "reviewer-1") -> None:
    subject = f"review/{event}/{trace_id}/{reviewer}"
    body = Review(event=event, trace_id=trace_id, verdict=verdict, reviewer=reviewer)
    triage.log.control(ReviewDocument(subject=subject, subject_version=1, at_ms=START_MS, body=body))
    triage.read()


def test_a_sample_is_drawn_with_weights_and_asked_for_once() -> None:
    triage = Triage(with_rollout=False)
    (event,) = triage.alarm(moved_alarm(1, Family.OUTPUT, **SAMPLED))
    assert set(event.sample.affected) == set(AFFECTED)
    assert (event.sample.affected_weight, event.sample.unaffected_weight) == (100 / 16, 200 / 16)
    assert requests(triage) == [event]
    triage.alarm(moved_alarm(2, Family.OUTPUT, **SAMPLED))
    assert len(triage.tick()) == 1
    assert len(requests(triage)) == 1
    more = tuple(derive_id("more", number) for number in range(16))
    triage.alarm(moved_alarm(3, Family.OUTPUT, leaf("tenant-2"), affected=more))
    triage.tick()
    assert len(requests(triage)) == 2, "half of the sample is new"


def test_what_needs_no_people_is_not_sent_to_them() -> None:
    triage = Triage(with_rollout=False)
    (event,) = triage.alarm(moved_alarm(1, Family.OUTPUT))
    assert event.sample == ReviewSample()
    assert requests(triage) == []


@given(st.lists(st.tuples(st.sets(st.integers(0, 99)), st.sets(st.integers(0, 99))), max_size=6), st.randoms())
def test_a_sample_does_not_depend_on_the_order_of_its_alarms(rows: list[Any], random: Any) -> None:
    alarms = [_with_ids(number, *row) for number, row in enumerate(rows)]
    shuffled = list(alarms)
    random.shuffle(shuffled)
    first, second = Drawn(), Drawn()
    for each in alarms:
        first.add("e", each)
    for each in shuffled:
        second.add("e", each)
    assert first.affected == second.affected
    assert len(first.affected) == min(SAMPLE_SIZE, len({i for each in alarms for i in each.affected}))
    assert not set(first.affected) & set(first.unaffected)


def _with_ids(number: int, affected: set[int], unaffected: set[int]) -> Alarm:
    kept = {"affected": sorted(affected)[:16], "unaffected": sorted(unaffected - affected)[:16]}
    ids = {name: tuple(derive_id("trace", each) for each in rows) for name, rows in kept.items()}
    return moved_alarm(number, Family.OUTPUT, leaf(f"tenant-{number}"), **ids)


def test_verdicts_of_people_revise_the_harm_with_its_uncertainty() -> None:
    triage = Triage(with_rollout=False)
    (event,) = triage.alarm(moved_alarm(1, Family.OUTPUT, **SAMPLED))
    for trace_id in AFFECTED[:12]:
        say(triage, event.event, trace_id, ReviewVerdict.REFUTED)
    (revised,) = triage.tick()
    assert revised.harm is Harm.UNDETERMINED
    said = "harm: people found harm in 0 of 12 (0.00 to 0.26) of the affected works that they read"
    assert any(item.reason.startswith(said) for item in revised.evidence)
    say(triage, event.event, AFFECTED[12], ReviewVerdict.REFUTED)
    (revised,) = triage.tick()
    assert (revised.harm, revised.next_step) == (Harm.BENIGN, NextStep.WATCH)


def test_harm_that_people_found_among_the_affected_is_dangerous() -> None:
    triage = Triage(with_rollout=False)
    (event,) = triage.alarm(moved_alarm(1, Family.OUTPUT, **SAMPLED))
    for place in range(16):
        say(triage, event.event, AFFECTED[place], ReviewVerdict.CONFIRMED if place < 10 else ReviewVerdict.REFUTED)
        say(triage, event.event, UNAFFECTED[place], ReviewVerdict.REFUTED)
    (revised,) = triage.tick()
    assert revised.harm is Harm.DANGEROUS


def test_people_do_not_turn_a_guardrails_danger_down() -> None:
    triage = Triage(with_rollout=False)
    fields = {"signal": "edit_ratio", "role": "guardrail", "harmful": True, **SAMPLED}
    (event,) = triage.alarm(moved_alarm(1, Family.OUTCOME, **fields))
    triage.stage.open_events[event.event].reviews.ask(event.sample)
    for trace_id in AFFECTED:
        say(triage, event.event, trace_id, ReviewVerdict.REFUTED)
    (revised,) = triage.tick()
    assert revised.harm is Harm.DANGEROUS


def test_a_verdict_on_a_closed_event_is_stated_and_one_that_nobody_asked_for_is_counted() -> None:
    triage = Triage(with_rollout=False)
    (event,) = triage.alarm(moved_alarm(1, Family.OUTPUT, **SAMPLED))
    (closed,) = triage.tick(2 * WINDOW_S + 1)
    assert closed.status is EventStatus.CLOSED
    say(triage, event.event, AFFECTED[0], ReviewVerdict.CONFIRMED)
    stage = TriageStage(0, 1, trust())
    stage.restore(triage.stage.state_records())
    assert stage.state_records() == triage.stage.state_records()
    (revised,) = triage.tick()
    assert (revised.status, revised.revision) == (EventStatus.CLOSED, closed.revision + 1)
    say(triage, event.event, derive_id("other"), ReviewVerdict.CONFIRMED)
    say(triage, derive_id("no event"), AFFECTED[0], ReviewVerdict.CONFIRMED)
    assert triage.stage.counts["review_unasked"] == 2
    assert triage.tick() == []


def test_reviewers_who_are_even_or_too_many() -> None:
    reviews = Reviews()
    assert reviews.ask(ReviewSample(affected=AFFECTED[:2]))
    for number in range(MAX_REVIEWERS + 1):
        body = Review(event=derive_id("e"), trace_id=AFFECTED[0], verdict=_verdict(number), reviewer=f"r{number}")
        assert reviews.take(body) is (number < MAX_REVIEWERS)
    assert reviews.count(affected=True).n == 0
    assert reviews.judge() is None


def _verdict(number: int) -> ReviewVerdict:
    return ReviewVerdict.CONFIRMED if number % 2 else ReviewVerdict.REFUTED


@pytest.mark.parametrize(("hits", "n", "low", "high"), [(0, 0, 0, 1), (0, 10, 0, 0.3085), (3, 10, 0.0667, 0.6525)])
def test_the_exact_interval_of_a_share(hits: int, n: int, low: float, high: float) -> None:
    assert share_interval(hits, n) == pytest.approx((low, high), abs=1e-4)
    assert share_interval(n - hits, n) == pytest.approx((1 - high, 1 - low), abs=1e-4)

"""Where a decision's log may begin."""

from homeostat.schemas.canonical import to_json
from homeostat.schemas.headers import find_header
from homeostat.streams.decisions.replay import Course, find_window, replay
from tests.builders import documents
from tests.builders.guard_log import GuardLog
from tests.builders.keys import trust


def begin_after_two_snapshots() -> tuple[GuardLog, Course, bytes]:
    log = GuardLog()
    for _ in range(3):
        log.tick()
    log.scenario.snapshot([*documents.standard_documents(), documents.document(log.rollout)])
    log.tick()
    log.begin()
    (decision,) = log.decisions
    return log, Course(0, 1, decision.mark), to_json(decision)


def test_it_begins_at_the_newest_snapshot_before_the_rollout() -> None:
    log, course, payload = begin_after_two_snapshots()
    records = log.scenario.log
    begins = [at for at, each in enumerate(records) if find_header(each.headers, "hs-control") == b"snapshot_begin"]
    assert len(begins) == 2
    assert find_window(records, course, log.rollout.rollout, payload, trust()) == begins[1]
    assert replay(records[begins[1] :], course, trust()) == [payload]


def test_a_log_whose_snapshots_do_not_do_is_taken_whole() -> None:
    """Exposure began before the newest snapshot: a guard that begins there does not know of it."""
    log = GuardLog()
    log.begin()
    log.scenario.snapshot([*documents.standard_documents(), documents.document(log.rollout)])
    log.say(0.9, pairs=200)
    payload, course = to_json(log.decisions[-1]), Course(0, 1, log.decisions[-1].mark)
    assert find_window(log.scenario.log, course, "of which no record is", payload, trust()) == 0
    assert find_window(log.scenario.log, course, log.rollout.rollout, payload, trust()) == 0


def test_a_log_that_has_lost_what_counted_gives_nothing() -> None:
    log, course, payload = begin_after_two_snapshots()
    records = log.scenario.log[-2:]
    assert find_window(records, course, log.rollout.rollout, payload, trust()) is None

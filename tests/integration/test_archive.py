"""The archiver on real Kafka: killed, stalled, replaced, beside compaction; every offset once in the end."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from homeostat.infra.broker.local import LocalBroker
from homeostat.schemas.topics import TRACES
from homeostat.streams.archive.layout import Gap
from homeostat.streams.cli.main import run_with
from homeostat.streams.failpoints import ARCHIVE_FAILPOINTS
from tests.builders.waiting import LIMIT_S, wait_for
from tests.integration.archive_trial import ArchiveTrial, wait_killed

pytestmark = pytest.mark.kafka

COMPACTING = ("archive.merged_before_delete", "archive.deleted_some")
WRITING = tuple(name for name in ARCHIVE_FAILPOINTS if name not in COMPACTING)


@pytest.fixture
def trial(kafka: LocalBroker, tmp_path: Path) -> Iterator[ArchiveTrial]:
    trial = ArchiveTrial(kafka.address, tmp_path)
    yield trial
    trial.stop()


@pytest.mark.parametrize("failpoint", WRITING)
def test_killed_while_records_come_it_has_every_offset_once(trial: ArchiveTrial, failpoint: str) -> None:
    trial.produce(200)
    worker = trial.start_worker(f"{failpoint}:kill:{1 if failpoint == 'archive.before_position' else 3}")
    while worker.poll() is None:
        trial.produce(20)
    wait_killed(worker)
    trial.produce(100)
    worker = trial.start_worker()
    trial.wait_archived()
    assert trial.archive_log() == trial.topic_log()
    worker.terminate()
    assert worker.wait(LIMIT_S) == 0


def test_ended_by_term_it_writes_what_it_holds(trial: ArchiveTrial) -> None:
    trial.produce(50)
    worker = trial.start_worker(archive__flush_interval_s=3600, archive__file_bytes=1 << 30)
    wait_for(lambda: re.search(r"^homeostat_archive_buffer_bytes [1-9]", trial.page(), re.MULTILINE), "records")
    assert trial.reader() is None
    worker.terminate()
    assert worker.wait(LIMIT_S) == 0
    assert any(trial.archive_log().values())
    assert trial.start_write().wait(LIMIT_S) == 0
    assert trial.archive_log() == trial.topic_log()


def test_one_that_is_stalled_and_wakes_after_another_took_over_does_no_harm(trial: ArchiveTrial) -> None:
    trial.produce(200)
    seats = {"kafka__session_timeout_s": 6, "kafka__static_membership_id": ""}
    stalled = trial.start_worker("archive.before_rename:stop:2", **seats)
    wait_for(lambda: trial.reader() is not None, "the first file", LIMIT_S)
    other = trial.start_worker(**seats)
    trial.produce(200)
    trial.wait_archived()
    stalled.send_signal(signal.SIGCONT)
    trial.produce(50)
    trial.wait_archived()
    assert trial.archive_log() == trial.topic_log()
    for worker in (other, stalled):
        worker.terminate()
        assert worker.wait(LIMIT_S) == 0
    trial.wait_archived()
    assert trial.archive_log() == trial.topic_log()


@pytest.mark.parametrize("failpoint", ["archive.half_written", "archive.after_rename"])
def test_one_run_that_is_killed_goes_on_where_the_archive_ends(trial: ArchiveTrial, failpoint: str) -> None:
    trial.produce(300)
    wait_killed(trial.start_write(f"{failpoint}:kill:2"))
    part_of = trial.archive_log()
    assert part_of == {part: log[: len(part_of[part])] for part, log in trial.topic_log().items()}
    trial.produce(100)
    assert trial.start_write().wait(LIMIT_S) == 0
    assert trial.archive_log() == trial.topic_log()


def test_one_run_reads_to_the_very_ends(trial: ArchiveTrial) -> None:
    trial.produce(10_001)
    for _ in range(3):
        assert trial.start_write().wait(LIMIT_S) == 0
        assert trial.archive_log() == trial.topic_log()
        trial.produce(4_001)


@pytest.mark.parametrize("failpoint", COMPACTING)
def test_compaction_beside_a_writer_changes_nothing(trial: ArchiveTrial, failpoint: str) -> None:
    trial.start_worker()
    for _ in range(3):
        trial.produce(100)
        trial.wait_archived()
    assert trial.compact(f"{failpoint}:kill") == -signal.SIGKILL
    assert trial.archive_log() == trial.topic_log()
    trial.produce(300)
    assert trial.compact() == 0
    trial.wait_archived()
    assert trial.archive_log() == trial.topic_log()


def test_what_was_not_committed_is_not_archived(trial: ArchiveTrial) -> None:
    writer = Producer({"bootstrap.servers": trial.address, "transactional.id": "archive-test"})
    writer.init_transactions(LIMIT_S)
    for text, commit in ((b"a", True), (b"b", False), (b"c", True), (b"d", False)):
        writer.begin_transaction()
        writer.produce(TRACES, text, b"k", partition=1)
        assert writer.flush(LIMIT_S) == 0
        writer.commit_transaction(LIMIT_S) if commit else writer.abort_transaction(LIMIT_S)
    for _ in range(2):
        assert trial.start_write().wait(LIMIT_S) == 0
        assert [record.value for record in trial.archive_log()[1]] == [b"a", b"c"]
    assert trial.archive_log() == trial.topic_log()


def test_headers_that_are_no_text_or_have_no_value_stop_nothing(trial: ArchiveTrial) -> None:
    trial.produce(10)
    trial.produce_odd_headers()
    trial.produce(10)
    assert trial.start_write().wait(LIMIT_S) == 0
    assert trial.archive_log() == trial.topic_log()
    (odd,) = [record for record in trial.archive_log()[0] if record.value == b"odd"]
    assert odd.headers == [("ce_id", b"1"), ("\ufffd", b"2"), ("none", b"")]


def test_what_the_broker_dropped_before_is_a_gap_that_is_shown(
    trial: ArchiveTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    trial.produce(40)
    assert trial.start_write().wait(LIMIT_S) == 0
    trial.produce(40)
    admin = AdminClient({"bootstrap.servers": trial.address})
    for future in admin.delete_records([TopicPartition(TRACES, 0, 30)]).values():
        future.result(LIMIT_S)
    assert trial.start_write().wait(LIMIT_S) == 0
    assert "offsets were lost before they were archived" in trial.said()
    reader = trial.reader()
    assert reader is not None
    assert reader.gaps == [Gap(0, 20, 30)]
    assert run_with(["archive", "check", trial.location]) == 1
    assert "offsets 20 to 29 missing" in capsys.readouterr().out


def test_retention_that_overtakes_a_stalled_worker_leaves_a_gap_and_it_goes_on(trial: ArchiveTrial) -> None:
    trial.produce(40)
    worker = trial.start_worker()
    trial.wait_archived()
    worker.send_signal(signal.SIGSTOP)
    trial.produce(2)  # they answer the fetch that was under way: it may bring one record of a partition, and no more
    trial.produce(398)
    whole = trial.topic_log()
    admin = AdminClient({"bootstrap.servers": trial.address})
    for future in admin.delete_records([TopicPartition(TRACES, part, 120) for part in range(2)]).values():
        future.result(LIMIT_S)
    worker.send_signal(signal.SIGCONT)
    trial.wait_archived()
    reader = trial.reader()
    assert reader is not None
    assert [(gap.partition, gap.next) for gap in reader.gaps] == [(0, 120), (1, 120)]
    firsts = [gap.first for gap in reader.gaps]
    assert set(firsts) <= {20, 21}
    assert trial.archive_log() == {part: log[: firsts[part]] + log[120:] for part, log in whole.items()}


def test_while_its_folder_is_gone_it_says_so_and_then_goes_on(trial: ArchiveTrial, tmp_path: Path) -> None:
    trial.produce(40)
    trial.start_worker()
    trial.wait_archived()
    folder, away = Path(trial.location), tmp_path / "away"
    folder.rename(away)
    folder.write_text("in the way")
    trial.produce(400)
    wait_for(lambda: re.search(r"^homeostat_archive_errors_total [1-9]", trial.page(), re.MULTILINE), "an error")
    assert '"ok": false' in trial.page("ready")
    trial.produce(400)
    folder.unlink()
    away.rename(folder)
    trial.wait_archived()
    assert trial.archive_log() == trial.topic_log()
    wait_for(lambda: '"ok": true' in trial.page("ready"), "readiness")


def test_a_topic_that_was_made_again_is_not_mixed_in(trial: ArchiveTrial, kafka: LocalBroker, tmp_path: Path) -> None:
    trial.produce(40)
    assert trial.start_write().wait(LIMIT_S) == 0
    before = trial.archive_log()
    admin = AdminClient({"bootstrap.servers": trial.address})
    for future in admin.delete_topics([TRACES], operation_timeout=LIMIT_S).values():
        future.result(LIMIT_S)
    wait_for(lambda: TRACES not in admin.list_topics(timeout=LIMIT_S).topics, "the topic to be gone")
    again = ArchiveTrial(kafka.address, tmp_path)
    again.produce(60)
    assert again.start_write().wait(LIMIT_S) == 3
    assert "is the archive of another traces.v1" in again.said()
    again.stop()
    assert again.archive_log() == before

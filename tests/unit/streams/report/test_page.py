"""The page: it holds everything it shows, escapes what came from a log, and says what is not known."""

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from homeostat.schemas.drift_event import Disposition, DriftEvent, EventStatus, Harm
from homeostat.streams.backtest.dump_file import DumpHead, read_head, write_dump
from homeostat.streams.backtest.log_source import DumpSource
from homeostat.streams.cli.main import run_with
from homeostat.streams.report.model import EventView, Report, Standing
from homeostat.streams.report.page import render
from homeostat.streams.report.run import report_log, report_traces
from homeostat.streams.report.wording import say_coverage, say_findings, say_verdict
from tests.builders.keys import MASTERS, trust
from tests.unit.streams.report.page_reading import Page

HOSTILE = """<script>alert(1)</script>"><img src=x onerror="alert(2)">{{ 7 * 7 }}"""


@pytest.fixture(scope="module")
def page(report: Report) -> Page:
    return Page(render(report))


def with_event(report: Report, **changes: Any) -> Report:
    view = report.events[0]
    return replace(report, events=[replace(view, event=view.event.model_copy(update=changes))])


def test_it_asks_nothing_of_the_network(report: Report, page: Page) -> None:
    text = render(report)
    assert not re.search(r"https?://|//[a-z]|@import|url\(", text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "base"} & set(page.tags)
    assert page.values("src") == []
    assert all(link.startswith("#") for link in page.values("href"))
    assert [name for _, name, _ in page.attributes if name.startswith("on")] == []
    assert "default-src 'none'" in " ".join(page.values("content"))


def test_it_is_well_formed(page: Page) -> None:
    assert page.unbalanced == []
    ids = page.values("id")
    assert len(set(ids)) == len(ids)
    assert {link[1:] for link in page.values("href")} <= set(ids)


def test_it_says_what_happened(report: Report, page: Page) -> None:
    assert "taken back" in page.words
    assert "unsupported ratio" in page.words
    for view in report.events:
        assert view.event.sentence in page.words or "&" in view.event.sentence
    assert Harm.DANGEROUS in {view.event.harm for view in report.events}
    assert report.rollouts[0].decisions[-1].reason in page.words
    assert report.origin.policy_digest in page.words
    assert report.origin.source_digest in page.words


def test_a_dangerous_event_has_its_charts(report: Report, page: Page) -> None:
    shown = next(view for view in report.events if view.pictures).pictures[0]
    assert sum(mean.sessions for mean in shown.means) > 0
    assert max(trace.ratio for trace in shown.evidence) >= 1.0, "an alarm crossed its threshold"
    assert sum(shown.before) > 0
    assert sum(shown.after) > 0
    assert shown.noticed_ms is not None
    assert shown.onset_from_ms <= shown.noticed_ms
    assert page.tags.count("svg") > 2


def test_means_are_the_sessions_that_were_counted(report: Report) -> None:
    rows = [row for table in report.layers for row in table.rows]
    assert any(row.standing is Standing.CHANGED for row in rows)
    for view in report.events:
        for shown in view.pictures:
            (row,) = [row for row in rows if row.cohort == shown.change.cohort]
            assert sum(mean.sessions for mean in shown.means) <= row.sessions


def test_hostile_text_stays_text(report: Report) -> None:
    origin = replace(report.origin, command=HOSTILE, source=HOSTILE, policy_name=HOSTILE, assumptions=(HOSTILE,))
    bad = replace(with_event(report, sentence=HOSTILE, owner=HOSTILE, closed_because=HOSTILE), origin=origin)
    scope = bad.events[0].event.scope.model_copy(update={"tenant": HOSTILE})
    page = Page(render(with_event(bad, scope=scope)))
    assert page.unbalanced == []
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert "{{ 7 * 7 }}" in page.words
    assert " 49" not in page.words.replace(HOSTILE, "")


def test_hostile_names_stay_text_in_charts(report: Report) -> None:
    view = next(view for view in report.events if view.pictures)
    spec = view.pictures[0].spec.model_copy(update={"name": HOSTILE})
    pictures = [replace(view.pictures[0], spec=spec)]
    page = Page(render(replace(report, events=[EventView(view.event, pictures)])))
    assert page.unbalanced == []
    assert not {"script", "img"} & set(page.tags)


def test_an_empty_log_says_that_nothing_is_known(tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    write_dump(path, DumpHead("traces.v1", 2), [])
    head = read_head(path)
    assert head is not None
    report = report_log(DumpSource(path, head), trust(), MASTERS, "homeostat report empty.jsonl")
    page = Page(render(report))
    assert "No work was seen in this period" in page.words
    assert "nothing in it could be judged" in page.words
    assert page.unbalanced == []


def test_a_log_beyond_its_room_says_what_it_left_out(weeks: Path) -> None:
    report = report_traces(
        weeks / "traces.jsonl", weeks / "documents", None, None, "homeostat report", lambda _: None, most_cells=1
    )
    leaves = report.layers[-1]
    followed = [row for row in leaves.rows if row.strip]
    assert len(followed) == 1, "there was room for one"
    assert followed[0].standing is Standing.CHANGED, "one that alarmed has it"
    assert "not followed over time" in Page(render(report)).words


def test_the_verdict_puts_the_gravest_first(report: Report) -> None:
    open_one = with_event(report, status=EventStatus.OPEN, harm=Harm.DANGEROUS, disposition=Disposition.INCIDENT)
    assert say_verdict(open_one) == "1 dangerous change needs action now."
    taken_back = with_event(report, status=EventStatus.OPEN, harm=Harm.DANGEROUS, disposition=Disposition.NONE)
    assert say_verdict(taken_back) == "1 dangerous change has been acted on and is still watched."
    closed = with_event(report, status=EventStatus.CLOSED, harm=Harm.DANGEROUS)
    assert say_findings(closed) == ["1 dangerous change was found and has ended."]
    calm = with_event(report, status=EventStatus.OPEN, harm=Harm.BENIGN)
    assert say_verdict(calm) == "Nothing dangerous was found; 1 harmless change was noted."
    assert say_verdict(replace(report, events=[])) == "No drift was found."
    assert say_verdict(replace(report, events=[], judged=0)).startswith("No cohort has a whole baseline yet")
    assert say_verdict(replace(report, sessions=0)).startswith("No work was seen")
    assert "silence is not health" in say_coverage(replace(report, judged=report.cohorts - 1))


def test_events_that_say_the_same_are_one_entry(report: Report) -> None:
    view = report.events[0]
    again: list[DriftEvent] = [view.event.model_copy(update={"event": f"{n:016x}"}) for n in range(20)]
    words = Page(render(replace(report, events=[replace(view, again=tuple(again))]))).words
    assert "21 times" in words
    assert "The same was noted 20 more times" in words
    assert "and 8 more" in words


def test_the_command_writes_the_page_and_the_same_log_gives_the_same(
    report: Report, weeks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "page.html"
    arguments = ["report", str(weeks / "traces.jsonl"), "--policy", str(weeks / "documents"), "--out", str(out)]
    assert run_with(arguments) == 0
    assert f"{out}: " in capsys.readouterr().out
    command = shlex.join(["homeostat", *arguments])
    assert out.read_text() == render(replace(report, origin=replace(report.origin, command=command)))
    assert run_with(["report", str(tmp_path / "missing.jsonl")]) == 2
    assert "does not exist" in capsys.readouterr().err

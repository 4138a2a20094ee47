"""The page in a real browser: Chromium shows and prints it without a word on its console."""

import shutil
import subprocess
from pathlib import Path

import pytest

from homeostat.streams.report.page import render
from homeostat.streams.report.run import report_traces
from tests.builders.clinic_weeks import write_folder

pytestmark = pytest.mark.browser
NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--no-pdf-header-footer")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_folder(tmp_path_factory.mktemp("weeks"), 18.0, 9, 60)
    report = report_traces(
        folder / "traces.jsonl", folder / "documents", None, None, "homeostat report", lambda _: None
    )
    assert report.events
    path = folder / "report.html"
    path.write_text(render(report), encoding="utf-8")
    return path


def browse(page: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    assert browser is not None, "no Chromium here: apt-get install chromium"
    profile = f"--user-data-dir={page.parent / 'profile'}"
    return subprocess.run(
        [browser, *OPTIONS, profile, *options, page.as_uri()], capture_output=True, check=True, timeout=90
    )


def test_it_opens_without_a_word_on_the_console(page: Path) -> None:
    shown = browse(page, "--dump-dom")
    assert b"CONSOLE" not in shown.stderr
    assert b"</html>" in shown.stdout
    assert b"What needs doing" in shown.stdout


def test_it_shows_and_prints(page: Path) -> None:
    picture, document = page.parent / "page.png", page.parent / "page.pdf"
    browse(page, f"--screenshot={picture}", "--window-size=1100,1500")
    assert picture.stat().st_size > 40_000, "an empty page compresses to less"
    printed = browse(page, f"--print-to-pdf={document}")
    assert b"CONSOLE" not in printed.stderr
    pages = document.read_bytes().count(b"/Type /Page\n") + document.read_bytes().count(b"/Type /Page ")
    assert pages == 0 or pages > 1
    assert document.stat().st_size > 40_000

"""A report on two weeks of six clinics, with a release that was taken back and two more changes."""

from pathlib import Path

import pytest

from homeostat.streams.report.model import Report
from homeostat.streams.report.run import report_traces
from tests.builders.clinic_weeks import write_folder


@pytest.fixture(scope="session")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("report"), 18.0, 9, 60)


@pytest.fixture(scope="session")
def report(weeks: Path) -> Report:
    return report_traces(weeks / "traces.jsonl", weeks / "documents", None, None, "homeostat report", lambda _: None)

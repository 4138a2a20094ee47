"""The page: a report rendered as one HTML document that asks nothing of the network."""

from functools import cache, partial
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from homeostat.schemas.drift_event import Harm
from homeostat.schemas.signal import Direction
from homeostat.streams.report import units, wording
from homeostat.streams.report.charts.evidence import draw_evidence
from homeostat.streams.report.charts.means import draw_means
from homeostat.streams.report.charts.shapes import draw_shapes
from homeostat.streams.report.charts.strip import draw_strip
from homeostat.streams.report.glossary import GLOSSARY, METHOD, SOURCES
from homeostat.streams.report.model import Report, Standing

MOST_CHANGES = 10
"""Changes of one event that its table lists."""
MOST_IDS = 12
"""Works of either sort that a sample lists."""


def render(report: Report) -> str:
    """Give the document; equal reports give equal text. Everything that came from a log is escaped."""
    columns = {} if report.budget is None else {spec.name: spec for spec in report.budget.policy.columns}
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            report=report,
            columns=columns,
            css=Markup(_read("page.css")),  # noqa: S704 # a file of ours
            means=partial(draw_means, to_ms=report.to_ms),
            evidence=partial(draw_evidence, to_ms=report.to_ms),
        )
    )


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FunctionLoader(_read), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.globals.update(
        wording=wording,
        units=units,
        shapes=draw_shapes,
        strip=draw_strip,
        Harm=Harm,
        Standing=Standing,
        Direction=Direction,
        glossary=GLOSSARY,
        method=METHOD,
        sources=SOURCES,
        most_changes=MOST_CHANGES,
        most_ids=MOST_IDS,
    )
    made.filters["thousands"] = lambda number: f"{number:,}"
    return made


def _read(name: str) -> str:
    return files("homeostat.streams.report").joinpath("assets", name).read_text(encoding="utf-8")

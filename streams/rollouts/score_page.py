"""The scorecard as one HTML page, to read, send and print."""

from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from homeostat.streams.report.units import say_column
from homeostat.streams.rollouts import page_words
from homeostat.streams.rollouts.budgets import say_verdict
from homeostat.streams.rollouts.score_lines import Change
from homeostat.streams.rollouts.scorecard import Scorecard


def render_page(card: Scorecard) -> str:
    """One HTML page that asks nothing of the network; what came from a document is escaped."""
    template = _environment().get_template("scorecard.html.j2")
    columns = {spec.name: spec for spec in card.standing.policy.columns}
    css = Markup(_read("page.css"))  # noqa: S704 # a file of ours
    say = {"say_signal": say_column, "say_budget": say_verdict}
    return template.render(card=card, columns=columns, words=page_words, Change=Change, css=css, **say)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_read),
        autoescape=select_autoescape(("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _read(name: str) -> str:
    package = "homeostat.streams.report" if name.endswith(".css") else "homeostat.streams.rollouts"
    return files(package).joinpath("assets", name).read_text(encoding="utf-8")

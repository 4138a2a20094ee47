"""One decision explained for people: an HTML page that asks nothing of the network, or plain text."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from homeostat.detectors.releases.diff import ReleaseDiff
from homeostat.schemas.command import Acknowledgement, DesiredState
from homeostat.schemas.decision import Decision, GuardrailVerdict
from homeostat.schemas.intent import Intent
from homeostat.schemas.policy import Policy
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.rollout import Rollout
from homeostat.streams.decisions import wording
from homeostat.streams.decisions.configured import Configured, list_configured
from homeostat.streams.decisions.course_of_evidence import CohortKey, Starts, count_starts
from homeostat.streams.decisions.dossier import Dossier
from homeostat.streams.registry.tell_diff import change_rows, whole_lines


class Stated(NamedTuple):
    """What one target was told: the intent, the desired state that came of it, and the gateway's answer."""

    intent: Intent
    state: DesiredState | None
    stated_at_ms: int | None
    answer: Acknowledgement | None
    answered_at_ms: int | None


class Explained(NamedTuple):
    """Everything that the page shows."""

    decision: Decision
    signed_by: str
    replays: bool
    verdicts: Sequence[GuardrailVerdict]
    exposed: Sequence[tuple[CohortKey, Starts]]
    stated: Sequence[Stated]
    difference: ReleaseDiff | None
    configured: bool
    configuration: Sequence[Configured]
    control: ReleaseManifest | None
    candidate: ReleaseManifest | None
    rollout: Rollout | None
    policy: Policy | None
    notes: Sequence[str]


def explain(dossier: Dossier) -> Explained:
    """Put together what a dossier says."""
    decision = dossier.decision
    return Explained(
        decision,
        dossier.signed_by,
        dossier.replays,
        wording.sort_verdicts(decision),
        list(count_starts(dossier.evidence()).items()),
        list(map_statements(dossier)),
        dossier.difference(),
        dossier.has_configuration(),
        list_configured(dossier),
        dossier.release(decision.control),
        dossier.release(decision.candidate),
        dossier.rollout(),
        dossier.policy(),
        dossier.notes,
    )


def map_statements(dossier: Dossier) -> list[Stated]:
    """Every intent of the decision with what came of it, in the order of the targets."""
    states = {message.intent: (record, message) for record, message in dossier.led_to(DesiredState)}
    answers = {(m.target.key, m.generation): (record, m) for record, m in dossier.led_to(Acknowledgement)}
    stated = []
    for _, intent in dossier.led_to(Intent):
        record, state = states.get(intent.intent, (None, None))
        key = None if state is None else (state.target.key, state.generation)
        answered, answer = answers.get(key, (None, None)) if key is not None else (None, None)
        at = None if record is None else record.timestamp
        stated.append(Stated(intent, state, at, answer, None if answered is None else answered.timestamp))
    return sorted(stated, key=lambda each: each.intent.target.key)


def render_page(explained: Explained) -> str:
    """The page; equal dossiers give equal text, and everything that came from a log is escaped."""
    template = _environment().get_template("decision.html.j2")
    return template.render(x=explained, css=Markup(_read("page.css")))  # noqa: S704 # a file of ours


def render_text(explained: Explained) -> str:
    """The same as plain text."""
    return _environment().get_template("decision.txt.j2").render(x=explained)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FunctionLoader(_read),
        autoescape=select_autoescape(("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals.update(wording=wording, change_rows=change_rows, whole_lines=whole_lines)
    return made


def _read(name: str) -> str:
    package = "homeostat.streams.report" if name.endswith(".css") else "homeostat.streams.decisions"
    return files(package).joinpath("assets", name).read_text(encoding="utf-8")

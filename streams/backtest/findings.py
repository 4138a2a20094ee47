"""What a backtest found, as one document for programs and as lines for people."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from homeostat.detectors.backtest import LogStore, Topology
from homeostat.schemas.base import Message
from homeostat.schemas.command import DesiredState
from homeostat.schemas.dead_letter import DeadLetter
from homeostat.schemas.decision import Decision
from homeostat.schemas.drift_event import DriftEvent
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.log import LogRecord
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.topics import COMMANDS, DEAD_LETTERS, DECISIONS, DRIFT_EVENTS

M = TypeVar("M", bound=Message)


def collect_findings(topology: Topology, alarms: int) -> dict[str, Any]:
    """Give the number of alarms, decisions, drift events (as last stated), desired states, refusals and counts."""
    logs = topology.logs
    return {
        "alarms": alarms,
        "decisions": [_tell_decision(decision) for decision in read_signed(logs.records(DECISIONS), Decision)],
        "events": _tell_events(logs),
        "desired_states": _tell_states(logs),
        "refused": count_refused(logs),
        "topics": logs.counts(),
    }


def say_findings(findings: dict[str, Any]) -> Iterator[str]:
    """Give the lines that a person reads."""
    for each in findings["decisions"]:
        deciding = f" ({', '.join(each['deciding'])})" if each["deciding"] else ""
        yield f"rollout {each['rollout']}: {each['phase']}, {each['verdict']}{deciding}: {each['reason']}"
    for each in findings["events"]:
        kind = f"{each['drift_class']}, {each['harm']}, {each['next_step']}"
        yield f"event {each['event']}: {kind}: {each['sentence']}"
    for each in findings["desired_states"]:
        exposed = ", ".join(each["exposed"]) or "nothing on trial"
        generation = f"generation {each['generation']}"
        yield f"target {each['target']}: {generation}, {exposed}, {each['quarantined']} quarantined"
    for stage, reasons in findings["refused"].items():
        yield f"refused by {stage}: " + ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    if not findings["events"]:
        yield "no drift event"


def _tell_decision(decision: Decision) -> dict[str, Any]:
    kept = {"rollout", "step", "verdict", "health", "phase", "deciding", "sessions", "pairs", "reason", "log_time_ms"}
    return decision.model_dump(mode="json", include=kept)


def newest_events(logs: LogStore) -> list[DriftEvent]:
    """Give each drift event as last stated, by onset."""
    newest: dict[str, DriftEvent] = {}
    for record in logs.records(DRIFT_EVENTS):
        event = parse_message(DriftEvent, record.value)[0]
        newest[event.event] = event
    return sorted(newest.values(), key=lambda event: (event.onset_from_ms, event.event))


def _tell_events(logs: LogStore) -> list[dict[str, Any]]:
    dropped = {"changes", "evidence", "version", "source_partition", "mark"}
    return [event.model_dump(mode="json", exclude=dropped) for event in newest_events(logs)]


def _tell_states(logs: LogStore) -> list[dict[str, Any]]:
    newest = {state.target.key: state for state in read_signed(logs.records(COMMANDS), DesiredState)}
    return [
        {
            "target": key,
            "generation": state.generation,
            "baseline": state.baseline,
            "exposed": [exposure.candidate for exposure in state.exposures],
            "quarantined": len(state.quarantine),
        }
        for key, state in sorted(newest.items())
    ]


def count_refused(logs: LogStore) -> dict[str, dict[str, int]]:
    """Give how many records each stage refused, by reason."""
    counts: dict[str, dict[str, int]] = {}
    for record in logs.records(DEAD_LETTERS):
        letter = parse_message(DeadLetter, record.value)[0]
        reasons = counts.setdefault(letter.stage, {})
        reasons[letter.reason.value] = reasons.get(letter.reason.value, 0) + 1
    return counts


def read_signed(records: Iterable[LogRecord], model: type[M]) -> Iterator[M]:
    """Give the messages in signed records; records without a value are passed over."""
    for record in records:
        if record.value is not None:
            yield parse_message(model, read_envelope(record.value)[1])[0]

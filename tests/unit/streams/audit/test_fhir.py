"""The audit as FHIR AuditEvents, read by a library that knows the resource."""

import json
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent

from homeostat.schemas.audit import AuditEntry
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import COMMANDS
from homeostat.streams.audit.export import write_folder
from homeostat.streams.audit.fhir import tell_events
from homeostat.streams.cli.main import run_with
from tests.builders.keys import signer, trust, write_trust
from tests.unit.streams.audit.logs import Audited, audit_rollouts, make_statements

APPENDS = (5, 13)


def read(event: dict[str, Any]) -> Any:
    """The event as the library has it, which gives the same JSON again, but for the instant's milliseconds."""
    found = AuditEvent.model_validate(event)
    assert {**json.loads(found.model_dump_json()), "recorded": event["recorded"]} == event
    return found


def test_every_entry_is_a_valid_event_that_says_who_what_and_when() -> None:
    log = audit_rollouts(APPENDS).log()
    events = [read(event) for event in tell_events(log, trust())]
    stored = [each for partition in range(log.partitions) for each in log.of(partition)]
    assert len({event.id for event in events}) == len(events) == sum(APPENDS)
    for event, entry in zip(events, (AuditEntry.model_validate_json(each.value) for each in stored), strict=True):
        assert event.subtype[0].code == entry.kind.value
        assert round(event.recorded.timestamp() * 1000) == entry.at_ms
        assert [agent.who.identifier.value for agent in event.agent] == list(entry.signed_by)
        assert event.entity[0].what.identifier.value == f"{entry.topic}/{entry.partition}/{entry.offset}"
        assert event.entity[0].detail[0].valueString == entry.digest
        assert [each.what.identifier.value for each in event.entity[1:]] == list(entry.about)
        assert event.outcome == "0"
    names = {event.subtype[0].code: event.agent[0].name for event in events}
    assert (names["decision"], names["acknowledgement"]) == ("guard", "gateway-1")


def test_what_nobody_may_say_is_an_alert_that_failed() -> None:
    topic, message, _ = next(statement for statement in make_statements(6) if statement[0] == COMMANDS)
    forged = Audited()
    forged.write(topic, message, SignerRole.GUARD)
    forged.append()
    (event,) = (read(each) for each in tell_events(forged.log(), trust()))
    assert (event.type.code, event.outcome, event.outcomeDesc) == (
        "110113",
        "8",
        "not to be believed: key_wrong_role",
    )
    assert event.agent[0].who.display == "unknown: key_wrong_role"


def test_the_command_writes_a_line_an_entry_of_an_audit_that_verifies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audited = audit_rollouts(APPENDS)
    trusted = str(write_trust(tmp_path / "trust"))
    log = audited.log()
    write_folder(tmp_path / "audit", log, audited.records)
    command = ["audit", "export", "--fhir", "--trust", trusted, "--from", str(tmp_path / "audit"), "--out"]
    assert run_with([*command, str(tmp_path / "events.ndjson")]) == 0
    lines = (tmp_path / "events.ndjson").read_text().splitlines()
    assert [json.loads(line) for line in lines] == list(tell_events(log, trust()))
    assert run_with([*command, str(tmp_path / "events.ndjson")]) == 2

    del log.of(1)[0]
    write_folder(tmp_path / "cut", log, audited.records)
    cut = [*command[:-2], str(tmp_path / "cut"), "--out", str(tmp_path / "cut.ndjson")]
    assert run_with(cut) == 2
    assert "the audit does not verify" in capsys.readouterr().err
    assert not (tmp_path / "cut.ndjson").exists()


def test_keys_are_told_by_role_and_name() -> None:
    events = list(tell_events(audit_rollouts((6,)).log(), trust()))
    agents = {agent["who"]["identifier"]["value"]: agent for event in events for agent in event["agent"]}
    guard = agents[signer(SignerRole.GUARD).key_id]
    assert guard["type"] == {"coding": [{"system": "urn:homeostat:role", "code": "guard"}]}

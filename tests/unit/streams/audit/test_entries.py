"""Which records are audited, and what their entries say of them."""

from homeostat.schemas.audit import AuditKind
from homeostat.schemas.canonical import digest_bytes, to_json
from homeostat.schemas.control import Approval, ApprovalDocument
from homeostat.schemas.dead_letter import DeadLetter
from homeostat.schemas.log import LogRecord
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import CONTROLS, DEAD_LETTERS, DECISIONS, INTENTS, POLICIES, TRACES
from homeostat.streams.audit.entries import AUDITED, Place, is_audited, make_entry
from tests.builders import documents
from tests.builders.keys import sign, trust
from tests.builders.scenario import control


def record(value: bytes | None, key: bytes = b"key", headers: tuple[tuple[str, bytes], ...] = ()) -> LogRecord:
    return LogRecord(7, documents.START_MS, key, value, headers)


def letter(topic: str) -> LogRecord:
    told = DeadLetter(
        topic=topic,
        partition=1,
        offset=5,
        timestamp_ms=0,
        stage="sequencer",
        reason=Refusal.KEY_WRONG_ROLE,
        size_bytes=3,
        value_digest=digest_bytes(b"abc"),
    )
    return record(to_json(told))


def test_every_topic_of_documents_statements_and_answers_is_audited() -> None:
    assert {"policies.v1", "releases.v1", "rollouts.v1", "controls.v1"} < set(AUDITED)
    assert {"decisions.v1", "release.intents.v1", "release.commands.v1", "release.acks.v1"} < set(AUDITED)
    assert TRACES not in AUDITED
    assert len(AUDITED) == len(set(AUDITED))


def test_of_dead_letters_those_of_intents_are_audited() -> None:
    assert is_audited(DEAD_LETTERS, letter(INTENTS))
    assert not is_audited(DEAD_LETTERS, letter(TRACES))
    assert not is_audited(DEAD_LETTERS, record(b"no letter"))
    entry = make_entry(Place(DEAD_LETTERS, 0, 7), letter(INTENTS), trust())
    assert (entry.kind, entry.subject, entry.about) == (AuditKind.REFUSAL, "release.intents.v1/1/5", ("sequencer",))


def test_what_control_copied_into_the_intents_is_audited_where_it_came_from() -> None:
    draft = control(documents.document(documents.BASELINE))
    copied = LogRecord(0, 0, *draft)
    assert not is_audited(INTENTS, copied)
    assert is_audited(POLICIES, copied)


def test_an_approval_is_the_reviewers_or_it_is_refused() -> None:
    body = Approval(rollout=documents.ROLLOUT_ID, plan_digest=documents.BASELINE_DIGEST, approver="reviewer-1")
    approval = ApprovalDocument(subject="approval/1", subject_version=1, at_ms=0, body=body)
    good, forged = (
        make_entry(Place(CONTROLS, 0, 7), record(sign(role, to_json(approval), approval.ce_type)), trust())
        for role in (SignerRole.REVIEWER, SignerRole.OPERATOR)
    )
    assert (good.kind, good.subject, good.refused) == (AuditKind.APPROVAL, "approval/1", None)
    assert set(good.about) == {documents.ROLLOUT_ID, documents.BASELINE_DIGEST}
    assert (forged.signed_by, forged.refused) == ((), Refusal.KEY_WRONG_ROLE)


def test_bytes_of_any_sort_have_an_entry() -> None:
    for value, refused in ((b"\xff no envelope", Refusal.SIGNATURE_MISSING), (b"", Refusal.SIGNATURE_MISSING)):
        entry = make_entry(Place(DECISIONS, 2, 7), record(value), trust())
        assert (entry.subject, entry.refused, entry.digest) == ("decisions.v1/2/7", refused, digest_bytes(value))


def test_a_deleted_document_is_audited_under_its_key() -> None:
    entry = make_entry(Place(POLICIES, 0, 7), record(None, b"scribe"), trust())
    assert (entry.kind, entry.subject, entry.signed_by, entry.refused) == (AuditKind.DOCUMENT, "scribe", (), None)


def test_the_same_record_gives_the_same_bytes() -> None:
    value = sign(SignerRole.OPERATOR, to_json(documents.document(documents.policy())), "homeostat.document.policy")
    place = Place(POLICIES, 0, 7)
    assert to_json(make_entry(place, record(value), trust())) == to_json(make_entry(place, record(value), trust()))

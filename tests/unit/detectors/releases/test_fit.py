"""What a release would break of a configuration, and what differs between two releases."""

from homeostat.detectors.releases.compose import compose, compose_target
from homeostat.detectors.releases.diff import diff_releases
from homeostat.detectors.releases.fit import Breach, Conflict, check_release, check_target, disallowed_tools
from homeostat.schemas.override import Bound, Configuration, Override, TemplateChoice
from homeostat.schemas.release import SideEffect
from tests.builders.artifacts import MODEL, PROMPT, TOOLS, artifact, offers, override, release, wants

PACK = artifact(PROMPT, "1", templates=("visit-note",), provides=(offers("note_schema", 3),))
EHR = artifact(TOOLS, "1", tools=("read", "write"), side_effects=(SideEffect.DRAFT_NOTE, SideEffect.ORDER))
WHOLE = release(PACK, EHR)
RELIES = override(
    "riverside",
    templates={"note": TemplateChoice(template="visit-note")},
    required_tools=("write",),
    requires=(wants("note_schema", 3, 4),),
    allowed_side_effects=(SideEffect.DRAFT_NOTE, SideEffect.ORDER),
)


def effective(*overrides: Override) -> Configuration:
    return compose(overrides, "riverside", "visit-note").settings


def test_a_release_that_has_everything_fits_and_any_release_fits_nobody_in_particular() -> None:
    assert check_release(WHOLE, effective(RELIES)) == []
    assert check_release(release(artifact(MODEL, "1")), Configuration()) == []


def test_every_thing_that_is_missing_is_named() -> None:
    newer = artifact(PROMPT, "2", provides=(offers("note_schema", 4),))
    assert check_release(release(newer), effective(RELIES)) == [
        Conflict(Breach.CONTRACT, "requires", "no artifact provides contract note_schema >=3,<4"),
        Conflict(Breach.TEMPLATE, "templates.note", "no artifact brings the template visit-note"),
        Conflict(Breach.TOOL, "required_tools", "no artifact brings the tool write"),
    ]


def test_a_side_effect_that_was_never_allowed_is_a_conflict_and_a_tool_is_switched_off() -> None:
    narrow = override("riverside", allowed_side_effects=(SideEffect.DRAFT_NOTE,), allowed_tools=("write",))
    assert check_release(WHOLE, effective(narrow)) == [
        Conflict(Breach.SIDE_EFFECT, "allowed_side_effects", "tool_contracts a 1 may write order")
    ]
    whole = compose_target([narrow], "riverside", "visit-note")
    assert disallowed_tools([WHOLE], whole) == {"read"}


def test_a_tool_that_one_specialty_must_not_use_is_off_for_the_target() -> None:
    found = [override("riverside", "cardiology", allowed_tools=("write",))]
    assert disallowed_tools([WHOLE], compose_target(found, "riverside", "visit-note")) == {"read"}
    assert disallowed_tools([WHOLE], compose_target(found, "hillcrest", "visit-note")) == set()


def test_a_configuration_that_contradicts_itself_refuses_every_release() -> None:
    found = effective(
        override(thresholds={"edit_ratio": Bound(at_most=0.1)}, allowed_tools=("read",)),
        override("riverside", thresholds={"edit_ratio": Bound(at_least=0.2)}, required_tools=("write",)),
    )
    assert check_release(WHOLE, found) == [
        Conflict(Breach.CONFIGURATION, "required_tools", "write is not allowed"),
        Conflict(Breach.CONFIGURATION, "thresholds.edit_ratio", "at least 0.2, at most 0.1"),
    ]


def test_a_specialtys_own_needs_are_checked_where_it_is_served() -> None:
    found = [override(specialty="cardiology", required_tools=("send",))]
    whole = compose_target(found, "riverside", "visit-note")
    missing = Conflict(Breach.TOOL, "cardiology: required_tools", "no artifact brings the tool send")
    assert check_target(WHOLE, whole) == check_target(WHOLE, whole, ["cardiology", "oncology"]) == [missing]
    assert check_target(WHOLE, whole, ["oncology"]) == []


def test_a_release_compared_with_itself_has_no_difference() -> None:
    assert diff_releases(WHOLE, WHOLE) == ([], ((), ()), ((), ()), ((), ()), ((), ()))


def test_every_kind_of_difference_has_its_word() -> None:
    rebuilt = artifact(PROMPT, "1", digest="sha256:" + "00" * 32, templates=("letter",), provides=PACK.provides)
    declared = EHR.model_copy(update={"tools": ("read", "send"), "side_effects": (SideEffect.DRAFT_NOTE,)})
    found = diff_releases(
        release(PACK, EHR, artifact(MODEL, "1"), artifact(MODEL, "1", name="gone")),
        release(rebuilt, declared, artifact(MODEL, "2"), artifact(MODEL, "1", name="new")),
    )
    assert [(change.kind, change.name, change.what) for change in found.artifacts] == [
        (MODEL, "a", "version"),
        (MODEL, "gone", "removed"),
        (MODEL, "new", "added"),
        (PROMPT, "a", "rebuilt"),
        (TOOLS, "a", "declared"),
    ]
    assert found.tools == (("send",), ("write",))
    assert found.side_effects == ((), ("order",))
    assert found.templates == (("letter",), ("visit-note",))
    assert found.contracts == ((), ())

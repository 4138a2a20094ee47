"""What a scorecard says of several cohorts, and what it drafts where a benefit is not everybody's."""

from pathlib import Path
from typing import Any

from homeostat.schemas.control import RolloutDocument
from homeostat.schemas.rollout import Flag, OnHarm, Rollout, RolloutPhase, Strategy
from homeostat.schemas.trace import OutputProperty
from homeostat.streams.documents.read import DocumentReader
from homeostat.streams.rollouts.book import RolloutBook
from homeostat.streams.rollouts.proposals import write_drafts
from homeostat.streams.rollouts.scorecard import Scorecard, score
from homeostat.streams.rollouts.standing import find_standing
from tests.builders import documents
from tests.builders.keys import trust
from tests.builders.release_path import FINE, HARM, ReleasePath
from tests.unit.streams.rollouts.path_topics import PathTopics

TENANTS, SPECIALTIES = ("tenant-1", "tenant-2"), ("cardiology", "oncology", "surgery")
BETTER = {**FINE, "omission": [-0.3] * 400}
STEADY = {name: [0.0] * 60 for name in FINE}
"""Too few pairs for a verdict at once, but no benefit."""


def card(helped: set[tuple[str, str]], harmed: set[tuple[str, str]], **fields: Any) -> Scorecard:
    """Those that are harmed are heard of last."""
    path = ReleasePath(documents.rollout(TENANTS, SPECIALTIES, **{"title": "Terser", **fields}))
    path.begin()
    everybody = {(tenant, specialty) for tenant in TENANTS for specialty in SPECIALTIES}
    for cohort in (*sorted(everybody - harmed), *sorted(harmed)):
        path.say(BETTER if cohort in helped else HARM if cohort in harmed else STEADY, cohort)
    path.tick()
    book = RolloutBook(PathTopics(path), trust())
    return score(find_standing(book, path.rollout.rollout))


def targets(rollout: Rollout) -> list[tuple[str, tuple[str, ...]]]:
    return [(entry.target.tenant, entry.specialties) for entry in rollout.targets]


def test_a_benefit_of_one_tenant_becomes_tenant_local() -> None:
    (proposal,) = card({("tenant-1", specialty) for specialty in SPECIALTIES}, set()).proposals
    assert proposal.kind == "tenant_local"
    assert proposal.body.strategy is Strategy.TENANT_BY_TENANT
    assert targets(proposal.body) == [("tenant-1", SPECIALTIES)]
    assert proposal.reason.startswith("omission improves for 1 of 2 tenants only: tenant-1 (")


def test_a_benefit_under_a_condition_becomes_a_flag_without_what_is_harmed() -> None:
    helped = {(tenant, specialty) for tenant in TENANTS for specialty in ("cardiology", "surgery")}
    (proposal,) = card(helped, {(tenant, "oncology") for tenant in TENANTS}).proposals
    assert proposal.kind == "feature_flag"
    assert (proposal.body.strategy, proposal.body.flag) == (Strategy.FEATURE_FLAG, Flag())
    assert targets(proposal.body) == [(tenant, ("cardiology", "surgery")) for tenant in TENANTS]
    assert proposal.reason.endswith(
        "oncology harmed; where it was taken back the release is quarantined until people lift that"
    )


def test_nothing_is_proposed_for_want_of_evidence_or_where_all_gain() -> None:
    everybody = {(tenant, specialty) for tenant in TENANTS for specialty in SPECIALTIES}
    assert card(everybody, set()).proposals == []
    assert card(set(), set()).proposals == []


def test_what_was_promoted_beside_harm_needs_no_proposal() -> None:
    helped = {(tenant, specialty) for tenant in TENANTS for specialty in ("cardiology", "surgery")}
    made = card(helped, {(tenant, "oncology") for tenant in TENANTS}, on_harm=OnHarm.COHORT)
    assert (made.standing.phase, made.proposals) == (RolloutPhase.PROMOTED, [])


def test_drafts_are_documents_that_can_be_applied(tmp_path: Path) -> None:
    flag = Flag(except_properties=(OutputProperty.MEDICATION_CHANGE,))
    local = {("tenant-1", specialty) for specialty in SPECIALTIES}
    made = card(local, set(), strategy=Strategy.FEATURE_FLAG, flag=flag).proposals
    conditional = card({(tenant, "surgery") for tenant in TENANTS}, set()).proposals
    assert [each.kind for each in (*made, *conditional)] == ["tenant_local", "feature_flag"]
    assert made[0].body.flag == flag, "what a flag excepts is never lifted by a proposal"
    path = tmp_path / "draft.yaml"
    path.write_text(write_drafts([*made, *conditional]))
    assert path.read_text().startswith("# Drafted, not applied.\n# tenant_local: omission improves")
    read = [each.message for each in DocumentReader(1).read_files([path])]
    assert [document.body for document in read if isinstance(document, RolloutDocument)] == [
        made[0].body,
        conditional[0].body,
    ]


def test_safety_is_summed_up_with_an_interval_and_who_is_harmed() -> None:
    made = card({("tenant-1", "cardiology")}, {("tenant-2", "oncology")}, on_harm=OnHarm.COHORT)
    omission = next(line for line in made.safety if line.signal == "omission")
    assert omission.harmful == ("tenant-2/oncology/scribe",)
    assert omission.difference is not None
    assert omission.interval[0] < omission.difference < omission.interval[1]
    assert {line.signal for line in made.safety} == {"unsupported_content", "omission"}

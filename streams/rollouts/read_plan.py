"""Rollouts in YAML files, with the releases and the policy that they need: read without a broker."""

from collections.abc import Sequence
from pathlib import Path

from homeostat.detectors.guard.plans import make_plan
from homeostat.detectors.guard.rollout_state import Plan
from homeostat.schemas.canonical import digest_document
from homeostat.schemas.control import PolicyDocument, ReleaseDocument, RolloutDocument
from homeostat.schemas.defaults import default_policy
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.release import ReleaseManifest
from homeostat.streams.documents.read import DocumentReader
from homeostat.streams.rollouts.tell_plan import ToldPlan, tell_plan


def read_plans(paths: Sequence[Path]) -> list[ToldPlan]:
    """Every rollout of the files, in order. Raises `DocumentInvalid` for a plan that cannot be followed, or for none.

    Where no file holds a policy, the policy of a new installation counts.
    """
    documents, later = ([each.message for each in DocumentReader(at_ms).read_files(paths)] for at_ms in (1, 2))
    lasting = {digest_document(each.body) for each in later if isinstance(each, RolloutDocument)}
    policies = [each.body for each in documents if isinstance(each, PolicyDocument)]
    policy = policies[-1] if policies else default_policy()
    releases = {digest_document(each.body): each.body for each in documents if isinstance(each, ReleaseDocument)}
    rollouts = [each.body for each in documents if isinstance(each, RolloutDocument)]
    if not rollouts:
        raise DocumentInvalid(f"no rollout in {', '.join(map(str, paths))}")
    for rollout in rollouts:
        if rollout.candidate not in releases:
            raise DocumentInvalid(f"rollout {rollout.rollout}: its candidate is not among the files: name its file too")
    return [
        _tell(make_plan(rollout, policy, releases[rollout.candidate]), releases[rollout.candidate], lasting)
        for rollout in rollouts
    ]


def _tell(plan: Plan, candidate: ReleaseManifest, lasting: set[str]) -> ToldPlan:
    told = tell_plan(plan, candidate)
    if told.digest in lasting:
        return told
    note = "its id and digest come with `homeostat apply`, as the file gives neither `version` nor `rollout`"
    return told._replace(digest="not fixed yet", notes=[*told.notes, note])

"""What a scorecard proposes where a benefit is not everybody's: rollouts for people to read, change and apply.

A group of cohorts is helped where a guardrail's interval over it lies below 0 and no guardrail is harmful in it. The
rest is shown to gain less where its interval lies above all of theirs, or where it is harmed and the other parts of it
are not helped. Both must be shown: nothing is proposed for want of evidence. Evidence goes on under a rollout of the
same releases, so what was shown need not be shown again.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import yaml

from homeostat.detectors.guard.evidence_book import CohortKey
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.decision import Health, Verdict
from homeostat.schemas.rollout import Flag, Mode, Rollout, RolloutTarget, Strategy
from homeostat.streams.rollouts.score_groups import AXES, GroupLine
from homeostat.streams.rollouts.score_lines import Line
from homeostat.streams.rollouts.standing import Standing

KINDS = {"tenant": "tenant_local", "specialty": "feature_flag", "workflow": "feature_flag"}
_MOST_NAMED = 8


class Proposal(NamedTuple):
    """A drafted rollout and why: `tenant_local` for some tenants, `feature_flag` under a condition. Never applied."""

    kind: str
    reason: str
    body: Rollout


def propose(standing: Standing, lines: Sequence[Line], groups: Sequence[GroupLine]) -> list[Proposal]:
    """At most one proposal an axis: tenants, specialties, workflows."""
    return [proposal for axis in AXES for proposal in _along(axis, standing, lines, groups)]


def write_drafts(proposals: Sequence[Proposal]) -> str:
    """The proposals as YAML that `homeostat rollout plan` and `homeostat apply` read; nobody has applied it."""
    drafts = []
    for proposal in proposals:
        head = "".join(f"# {line}\n" for line in ("Drafted, not applied.", f"{proposal.kind}: {proposal.reason}"))
        entry: dict[str, Any] = {
            "kind": "rollout",
            "name": f"{proposal.kind.replace('_', '-')}-{proposal.body.rollout[:8]}",
            "body": proposal.body.model_dump(mode="json", exclude_defaults=True, exclude={"version"}),
        }
        if proposal.body.strategy is Strategy.FEATURE_FLAG and "flag" not in entry["body"]:
            entry["body"]["flag"] = {}
        drafts.append(head + yaml.safe_dump(entry, sort_keys=False, width=120))
    return "---\n".join(drafts)


def _along(axis: str, standing: Standing, lines: Sequence[Line], groups: Sequence[GroupLine]) -> Iterator[Proposal]:
    own = [group for group in groups if group.axis == axis]
    harmed = {group.name for group in own if group.harmful}
    for signal in dict.fromkeys(group.signal for group in own):
        of = [group for group in own if group.signal == signal]
        helped = [group for group in of if group.interval[1] < 0 and group.name not in harmed]
        rest = [group for group in of if group not in helped]
        if not helped or not rest:
            continue
        most = max(group.interval[1] for group in helped)
        if not all(_gains_less(group, most, group.name in harmed) for group in rest):
            continue
        chosen = _choose(standing, lines, {cohort for group in helped for cohort in group.cohorts})
        if chosen:
            reason = _say(axis, helped, rest, harmed, standing)
            yield Proposal(KINDS[axis], reason, _draft(axis, standing.plan.rollout, chosen))
        return


def _gains_less(group: GroupLine, most: float, is_harmed: bool) -> bool:
    """Of a group that is harmed in a part: whether the other parts are not shown to gain."""
    return group.interval[1] >= 0 if is_harmed else group.interval[0] > most


def _choose(standing: Standing, lines: Sequence[Line], cohorts: set[CohortKey]) -> set[CohortKey]:
    """Those that are not promoted yet, and in which nothing is harmful."""
    last = standing.last
    promoted = set() if last is None else {(tag.tenant, tag.specialty, tag.workflow) for tag in last.promoted}
    return cohorts - promoted - {line.cohort for line in lines if line.health is Health.HARMFUL}


def _draft(axis: str, rollout: Rollout, cohorts: set[CohortKey]) -> Rollout:
    """The same releases and bounds for these cohorts; exceptions of a flag stay, a shadow goes live by people only."""
    targets = []
    for entry in rollout.targets:
        of = [s for s in entry.specialties if (entry.target.tenant, s, entry.target.workflow) in cohorts]
        if of:
            targets.append(RolloutTarget(target=entry.target, specialties=tuple(of)))
    flagged = rollout.flag is not None or axis != "tenant"
    changed: dict[str, Any] = {
        "rollout": derive_id("proposal", rollout.rollout, axis, *("/".join(cohort) for cohort in sorted(cohorts))),
        "title": f"{rollout.title or rollout.rollout[:8]}: {_name(axis, cohorts)}"[:200],
        "strategy": Strategy.FEATURE_FLAG if flagged else Strategy.TENANT_BY_TENANT,
        "flag": (rollout.flag or Flag()) if flagged else None,
        "targets": tuple(targets),
        "waves": (),
        "not_before_ms": 0,
    }
    if rollout.mode is Mode.SHADOW:
        changed.update(strategy=Strategy.SHADOW, flag=None)
    return Rollout.model_validate({**rollout.model_dump(), **changed})


def _say(
    axis: str, helped: Sequence[GroupLine], rest: Sequence[GroupLine], harmed: set[str], standing: Standing
) -> str:
    gains = "; ".join(f"{group.name} {_interval(group)}" for group in helped[:_MOST_NAMED])
    others = "; ".join(
        f"{group.name} harmed" if group.name in harmed else f"{group.name} {_interval(group)}"
        for group in rest[:_MOST_NAMED]
    )
    said = f"{helped[0].signal} improves for {len(helped)} of {len(helped) + len(rest)} {_plural(axis)} only"
    last = standing.last
    quarantined = last is not None and last.verdict in {Verdict.HARMFUL, Verdict.NEVER}
    note = "; where it was taken back the release is quarantined until people lift that" if quarantined else ""
    return f"{said}: {gains}; not for {others}{note}"


def _interval(group: GroupLine) -> str:
    lower, upper = group.interval
    return f"({lower:+.3f} to {upper:+.3f})"


def _name(axis: str, cohorts: set[CohortKey]) -> str:
    names = sorted({AXES[axis](cohort) for cohort in cohorts})
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more} only"


def _plural(axis: str) -> str:
    return {"tenant": "tenants", "specialty": "specialties", "workflow": "workflows"}[axis]

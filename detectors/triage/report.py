"""From an open event to the drift event that people and programs read."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from homeostat.detectors.outbox import Outbox
from homeostat.detectors.triage.advice import Situation, advise, outlives
from homeostat.detectors.triage.artifacts import Pair, Suspects, Trial, find_suspects
from homeostat.detectors.triage.change_of import describe_change
from homeostat.detectors.triage.classify import Finding, classify
from homeostat.detectors.triage.closing import is_contradicted, is_missing
from homeostat.detectors.triage.harm import judge_harm
from homeostat.detectors.triage.nearness import read_nearness
from homeostat.detectors.triage.open_event import OpenEvent
from homeostat.detectors.triage.scope import find_scope
from homeostat.detectors.triage.sentence import Said, say_event
from homeostat.detectors.triage.timeline import RolloutTimeline
from homeostat.detectors.triage.weigh_release import is_new_release
from homeostat.schemas.drift_event import ClassEvidence, DriftClass, DriftEvent, EventStatus
from homeostat.schemas.effect import Effect
from homeostat.schemas.policy import Policy
from homeostat.schemas.release import ReleaseManifest

_MAX_EVIDENCE = 64
_REASON_CHARS = 2000


class Circumstances(NamedTuple):
    """What is known beside the alarms: the rollout's timeline, how its end is going, releases and trials."""

    timeline: RolloutTimeline | None
    acknowledged: int
    targets: int
    releases: Mapping[str, ReleaseManifest]
    trials: Mapping[Trial, int]
    effect: Effect | None = None


def report_event(event: OpenEvent, known: Circumstances, policy: Policy, outbox: Outbox) -> DriftEvent:
    """State the event as it is seen now; `event.revision` counts the statements before this one."""
    finding = classify(event, known.timeline, policy)
    harm = judge_harm(event, known.timeline, policy)
    pair = find_pair(event, finding, known.timeline, policy)
    suspects = find_suspects(pair, known.releases, known.trials)
    advice = advise(finding, harm.harm, _describe_situation(event, known, pair, policy), suspects, policy)
    changes, scope = tuple(describe_change(alarm) for alarm in event.gravest_first()), find_scope(event)
    said = Said(event, changes, scope, finding, harm.harm, advice, suspects, known.timeline, known.effect)
    first = EventStatus.OPEN if event.revision == 0 else EventStatus.UPDATED
    return DriftEvent(
        event=event.event,
        revision=event.revision + 1,
        status=EventStatus.CLOSED if event.closed_because else first,
        drift_class=finding.drift_class,
        harm=harm.harm,
        scope=scope,
        changes=changes,
        alarms=event.alarms,
        onset_from_ms=event.onset_from_ms,
        onset_to_ms=event.onset_to_ms,
        rollout=event.rollout,
        releases=tuple(event.releases) or _candidate(known.timeline),
        evidence=_list_evidence(finding, harm.reasons, suspects),
        next_step=advice.next_step,
        owner=advice.owner,
        sentence=say_event(said, known.acknowledged, known.targets),
        also=finding.also,
        confidence=finding.confidence,
        disposition=advice.disposition,
        artifacts=suspects.changes[:64],
        draft=advice.draft,
        sample=event.drawn.describe(),
        closed_because=event.closed_because,
        source_partition=outbox.partition,
        mark=outbox.mark,
        log_time_ms=outbox.log_time_ms,
    )


def find_pair(event: OpenEvent, finding: Finding, timeline: RolloutTimeline | None, policy: Policy) -> Pair | None:
    """Give the releases to compare where a release is a cause: control and candidate, or the cohort's two newest."""
    if DriftClass.RELEASE_REGRESSION not in {finding.drift_class, *finding.also}:
        return None
    if timeline is not None and timeline.control:
        return Pair(timeline.control, timeline.candidate)
    near = read_nearness(policy)
    noticed = [event.as_noticed(alarm) for alarm in event.gravest_first()]
    alarms = [alarm for alarm in noticed if len(alarm.releases) > 1 and is_new_release(alarm, near)]
    return Pair(alarms[0].releases[1], alarms[0].releases[0]) if alarms else None


def _describe_situation(event: OpenEvent, known: Circumstances, pair: Pair | None, policy: Policy) -> Situation:
    window_ms = round(policy.correlation_window_s * 1000)
    persists = outlives(event.changes.values(), known.timeline, window_ms) or (
        is_missing(known.effect) and not is_contradicted(known.effect, event)
    )
    declared = next((alarm.releases[0] for alarm in event.gravest_first() if alarm.releases), None)
    return Situation(known.timeline, persists, pair, declared)


def _candidate(timeline: RolloutTimeline | None) -> tuple[str, ...]:
    return (timeline.candidate,) if timeline is not None and timeline.candidate else ()


def _list_evidence(finding: Finding, reasons: Sequence[str], suspects: Suspects) -> tuple[ClassEvidence, ...]:
    """The chosen class's facts first, its artifacts and harm with them, then the other classes'."""
    own = [f"harm: {reason}"[:_REASON_CHARS] for reason in reasons]
    if suspects.likely:
        names = ", ".join(f"{each.kind.value} {each.name} {each.after}" for each in suspects.changes[: suspects.likely])
        own.append(
            f"of {len(suspects.changes)} artifacts that changed, {names} changed in all {suspects.regressed} other "
            f"releases that regressed and in none of {suspects.fine} that went well"
        )
    said = [ClassEvidence(drift_class=finding.drift_class, supports=True, reason=reason) for reason in own]
    head = [item for item in finding.evidence if item.drift_class is finding.drift_class]
    rest = [item for item in finding.evidence if item.drift_class is not finding.drift_class]
    return (*head, *said, *rest)[:_MAX_EVIDENCE]

"""How a rollout begins, goes on and ends, through the stage's port alone."""

from homeostat.detectors.guard.stage import GuardStage
from homeostat.schemas.canonical import derive_id, digest_document
from homeostat.schemas.decision import Health, Verdict
from homeostat.schemas.intent import IntentAction
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.topics import DECISIONS, EVIDENCE, INTENTS, LEASES
from tests.builders import documents
from tests.builders.documents import ROLLOUT_ID
from tests.builders.evidence import TOLERANCES, echo, from_leaf, ratio
from tests.builders.guard_log import GuardLog
from tests.builders.keys import trust
from tests.builders.scenario import Scenario

FINE = {name: [0.0] * 400 for name in TOLERANCES}
"""Enough equal pairs for every guardrail, the binary one with the narrow tolerance too."""


def test_exposure_begins_when_every_source_has_echoed() -> None:
    log = GuardLog(sources=3)
    assert log.echo(0) == []
    assert log.echo(0) == []
    assert log.echo(2) == []
    outputs = log.echo(1)
    assert [output.topic for output in outputs] == [DECISIONS, INTENTS, LEASES]
    (decision,), (intent,), (lease,) = log.decisions, log.intents, log.leases
    assert (decision.verdict, decision.step, decision.phase) == (Verdict.BEGIN, 1, RolloutPhase.EXPOSING)
    assert decision.rollout_digest == digest_document(log.rollout)
    assert (intent.action, intent.share, intent.decision) == (IntentAction.EXPOSE, 0.5, decision.decision)
    assert intent.lease == lease.lease
    assert lease.expires_ms == log.scenario.now_ms + 15_000
    assert (lease.renewal, lease.phase, lease.skew_ms) == (1, RolloutPhase.EXPOSING, 1000)
    assert {output.signer for output in outputs} == {"guard"}


def test_nothing_begins_without_the_snapshot_the_manifests_or_fresh_sources() -> None:
    log = GuardLog(rollout=documents.rollout(control="sha256:" + "0" * 64))
    assert log.begin() == []

    late = GuardLog(sources=2)
    late.echo(0)
    late.scenario.wait(31)
    assert late.echo(1) == []
    late.show(0)
    late.tick()
    assert [decision.verdict for decision in late.decisions] == [Verdict.BEGIN]


def test_echoes_before_the_snapshot_are_kept() -> None:
    log = GuardLog()
    scenario = Scenario(EVIDENCE)
    scenario.add(from_leaf(echo(0, scenario.now_ms)))
    scenario.begin(None, [documents.document(log.rollout)])

    stage = GuardStage(0, 1, 1, trust())
    assert [output.topic for output in stage.apply(scenario.log)] == [DECISIONS, INTENTS, LEASES]


def test_harm_rolls_every_target_back_with_its_numbers() -> None:
    log = GuardLog(rollout=documents.rollout(("tenant-1", "tenant-2"), ("cardiology", "oncology")))
    log.begin()
    log.say({"omission": [0.22] * 80, "edit_ratio": [0.0] * 80})
    decision = log.decisions[-1]
    assert (decision.verdict, decision.health, decision.phase, decision.step) == (
        Verdict.HARMFUL,
        Health.HARMFUL,
        RolloutPhase.ROLLED_BACK,
        2,
    )
    assert decision.deciding == ("omission",)
    assert decision.reason.startswith("omission +0.220 > 0.05 (n=80 pairs, e=")
    assert "≥ 1.1e3) in tenant-1/cardiology/scribe" in decision.reason
    assert decision.reason.endswith("omission > 0.05 in some of 4 cohorts (n=80 pairs together, e=2.9e4 ≥ 2.7e2)")
    assert (decision.pairs, decision.sessions, decision.share) == (80, 160, 0.0)
    assert len(decision.guardrails) == 24
    intents = [intent for intent in log.intents if intent.action is IntentAction.ROLL_BACK]
    assert [intent.target.tenant for intent in intents] == ["tenant-1", "tenant-2"]
    assert {intent.decision for intent in intents} == {decision.decision}
    final = log.leases[-1]
    assert (final.phase, final.ttl_ms, final.expires_ms) == (RolloutPhase.ROLLED_BACK, 0, log.scenario.now_ms)
    assert log.tick() == []
    assert log.say(FINE) == []


def test_harm_that_no_cohort_shows_alone_rolls_back_and_names_the_guardrail() -> None:
    specialties = ("cardiology", "oncology", "urology")
    log = GuardLog(rollout=documents.rollout(("tenant-1",), specialties))
    log.begin()
    for specialty in specialties:
        log.say({"omission": [0.2] * 28, "edit_ratio": [0.0] * 28}, specialty=specialty)
    decision = log.decisions[-1]
    assert (decision.verdict, decision.phase) == (Verdict.HARMFUL, RolloutPhase.ROLLED_BACK)
    assert decision.deciding == ("omission",)
    assert decision.reason.startswith("omission > 0.05 in some of 3 cohorts (n=56 pairs together, e=")
    assert all(cell.health is not Health.HARMFUL for cell in decision.guardrails)


def test_decisions_leave_before_their_intents() -> None:
    log = GuardLog()
    log.begin()
    outputs = log.say({"omission": [0.3] * 80})
    assert [output.topic for output in outputs] == [DECISIONS, INTENTS, LEASES]


def test_promotion_needs_every_guardrail_in_every_cohort() -> None:
    log = GuardLog(rollout=documents.rollout(("tenant-1",), ("cardiology", "oncology")))
    log.begin()
    assert log.say(FINE) == []
    assert log.judge_health() is Health.LOW_POWER
    one_short = {name: ds for name, ds in FINE.items() if name != "acceptance"}
    assert log.say(one_short, specialty="oncology") == []
    log.say(FINE, specialty="oncology")
    decision = log.decisions[-1]
    assert (decision.verdict, decision.health, decision.phase) == (
        Verdict.HEALTHY,
        Health.HEALTHY,
        RolloutPhase.PROMOTED,
    )
    assert decision.reason.startswith("all 12 guardrails × cohorts non-inferior; the weakest: yield +0.000 < 0.02 (")
    assert log.intents[-1].action is IntentAction.PROMOTE
    assert log.intents[-1].manifest == documents.CANDIDATE
    assert not [key for key in log.stage.state_records() if key.startswith(b"evidence/")]


def test_promotion_waits_for_min_pairs() -> None:
    log = GuardLog(rollout=documents.rollout(min_pairs=401))
    log.begin()
    assert log.say(FINE) == []
    assert log.judge_health() is Health.LOW_POWER


def test_inconclusive_is_neither() -> None:
    log = GuardLog()
    log.begin()
    assert log.say(0.02, pairs=30) == []
    assert log.judge_health() is Health.INCONCLUSIVE


def test_sources_add_up_and_the_highest_mark_wins() -> None:
    log = GuardLog(sources=2)
    log.begin()
    half = {name: ds[:200] for name, ds in FINE.items()}
    log.say(half)
    log.say(half, source_partition=0)
    judgement = log.stage.judge_now(ROLLOUT_ID)
    assert judgement is not None
    assert {cell.measure.pairs for cell in judgement.cells} == {200}
    older = log.evidence({})
    assert log.add(from_leaf(older.model_copy(update={"mark": 1}))) == []
    assert log.stage.counts["evidence_repeated"] == 1
    log.say(half, source_partition=1)
    assert log.decisions[-1].verdict is Verdict.HEALTHY
    assert log.decisions[-1].pairs == 400
    assert [mark.source_partition for mark in log.decisions[-1].sources] == [0, 1]


def test_low_power_and_a_quiet_night_do_not_end_a_lease() -> None:
    log = GuardLog()
    log.begin()
    for _ in range(100):
        (output,) = log.tick(5.0)
        assert output.topic == LEASES
    assert [lease.renewal for lease in log.leases] == list(range(1, 102))
    assert log.leases[-1].expires_ms == log.scenario.now_ms + 15_000
    assert log.stage.rollouts[ROLLOUT_ID].health is Health.LOW_POWER


def test_a_lease_is_renewed_whenever_an_eighth_of_its_time_has_passed() -> None:
    log = GuardLog()
    log.begin()
    for _ in range(60):
        log.tick(0.5)
    renewed_ms = [lease.evaluated_at_ms - log.leases[0].evaluated_at_ms for lease in log.leases]
    assert renewed_ms == [2_000 * number for number in range(16)]


def test_a_stale_source_stops_renewal_and_the_lapse_is_terminal() -> None:
    log = GuardLog(sources=2)
    log.begin()
    while log.scenario.now_ms < documents.START_MS + 30_000:
        log.scenario.wait(5)
        log.show(0)
        log.scenario.tick()
        assert [output.topic for output in log.catch_up()] == [LEASES]
    log.scenario.wait(1)
    log.show(0)
    assert log.tick(0, fresh=False) == []
    state = log.stage.rollouts[ROLLOUT_ID]
    assert (state.health, state.reason) == (Health.NO_DATA, "no_data: 1 source partitions stale > 0 (1)")
    log.show(0)
    log.tick(15, fresh=False)
    decision = log.decisions[-1]
    assert (decision.verdict, decision.phase) == (Verdict.LAPSE, RolloutPhase.LAPSED)
    assert log.intents[-1].action is IntentAction.END_EXPOSURE
    assert "lease expired 1.0 s ago" in decision.reason
    assert log.tick() == []
    assert log.say(FINE) == []


def test_a_missing_source_is_no_data_until_it_speaks_again() -> None:
    log = GuardLog(sources=2)
    log.begin()
    log.lose(1, last_mark=log.mark)
    assert log.tick(fresh=False) == []
    assert [output.topic for output in log.tick()] == [LEASES]
    log.lose(1, last_mark=0)
    assert [output.topic for output in log.tick(2.0, fresh=False)] == [LEASES]


def test_unusable_evidence_neither_renews_nor_decides() -> None:
    log = GuardLog()
    log.begin()
    assert log.say({"omission": [0.5] * 200}, unusable="refusals") == []
    assert log.tick() == []
    state = log.stage.rollouts[ROLLOUT_ID]
    assert (state.health, state.reason) == (Health.NO_DATA, "no_data: refusals in tenant-1/cardiology/scribe")
    log.say({"omission": [0.0] * 200})
    assert [output.topic for output in log.tick()] == [LEASES]


def test_evidence_of_another_grid_is_an_error() -> None:
    log = GuardLog()
    log.begin()
    good = log.evidence({"omission": [0.0] * 5})
    broken = good.guardrails["omission"].model_copy(update={"harmful": (0, 0)})
    log.add(from_leaf(good.model_copy(update={"guardrails": {"omission": broken}, "mark": 99})))
    assert log.tick() == []
    assert log.stage.rollouts[ROLLOUT_ID].health is Health.ERROR
    assert "another grid" in log.stage.rollouts[ROLLOUT_ID].reason


def test_a_sample_ratio_mismatch_holds_and_no_harm_is_claimed_from_it() -> None:
    log = GuardLog()
    log.begin()
    log.say(0.0, pairs=10, candidate_starts=90, control_starts=10, ratio_log_e=ratio(90, 10))
    decision = log.decisions[-1]
    assert (decision.verdict, decision.phase) == (Verdict.SAMPLE_RATIO, RolloutPhase.HELD)
    assert decision.reason.startswith("candidate's share of sessions 0.900 ≠ 0.5 (n=100 sessions, e=")
    assert log.intents[-1].action is IntentAction.END_EXPOSURE
    assert log.leases[-1].ttl_ms == 0
    assert log.say({"omission": [0.5] * 200}) == []
    assert log.tick() == []


def test_a_low_yield_holds_and_harm_still_counts() -> None:
    log = GuardLog()
    log.begin()
    log.say({}, candidate_starts=40, control_starts=40, candidate_missing=30, control_missing=1)
    assert log.decisions[-1].verdict is Verdict.LOW_YIELD
    assert log.decisions[-1].reason == "candidate's trace yield 0.25 < 0.50 × control's 0.97 (n=40 sessions)"
    assert log.stage.rollouts[ROLLOUT_ID].phase is RolloutPhase.HELD
    log.say({"omission": [0.5] * 200})
    assert (log.decisions[-1].verdict, log.decisions[-1].step) == (Verdict.HARMFUL, 3)
    assert log.intents[-1].action is IntentAction.ROLL_BACK


def test_overall_yield_too() -> None:
    log = GuardLog()
    log.begin()
    log.say({}, candidate_starts=40, control_starts=40, candidate_missing=30, control_missing=30)
    assert log.decisions[-1].reason == "trace yield 0.25 < 0.50 (n=80 sessions of both arms)"


def test_a_retry_is_a_new_rollout_and_evidence_that_goes_on_decides_at_once() -> None:
    log = GuardLog()
    log.begin()
    log.tick(40, fresh=False)
    assert log.decisions[-1].verdict is Verdict.LAPSE
    retry = documents.rollout(rollout=derive_id("rollout", 2))
    log.control(documents.document(retry))
    log.add(from_leaf(echo(log.mark, log.scenario.now_ms, rollout=retry.rollout)))
    assert (log.decisions[-1].verdict, log.decisions[-1].step) == (Verdict.BEGIN, 1)
    assert log.leases[-1].lease != log.leases[0].lease
    log.say(FINE, rollout=retry.rollout)
    assert (log.decisions[-1].verdict, log.decisions[-1].rollout) == (Verdict.HEALTHY, retry.rollout)


def test_evidence_of_a_rollout_that_is_over_is_not_kept() -> None:
    log = GuardLog()
    log.begin()
    log.say({"omission": [0.3] * 80})
    assert log.say(FINE) == []
    assert not [key for key in log.stage.state_records() if key.startswith(b"evidence/")]


def test_the_newest_document_before_exposure_counts() -> None:
    log = GuardLog()
    log.control(documents.document(documents.rollout(share=0.1), version=2))
    log.begin()
    assert log.intents[-1].share == 0.1


def test_a_document_that_changes_while_exposing_changes_nothing() -> None:
    log = GuardLog()
    log.begin()
    log.control(documents.document(documents.rollout(alpha=0.9), version=2))
    plan = log.stage.rollouts[ROLLOUT_ID].plan
    assert plan is not None
    assert plan.rollout.alpha == 0.05
    assert log.stage.counts["rollout_documents_too_late"] == 1


def test_a_policy_without_guardrails_judges_nothing() -> None:
    bare = documents.policy(signals=(documents.signal("structure_score"),))
    log = GuardLog(policy=bare)
    assert log.begin() == []
    assert log.stage.rollouts[ROLLOUT_ID].reason == "0 guardrails < 1 in the policy: nothing could be judged"


def test_unknown_guardrails_are_an_error_and_nothing_begins() -> None:
    log = GuardLog(rollout=documents.rollout(guardrails=("charm",)))
    assert log.begin() == []
    state = log.stage.rollouts[ROLLOUT_ID]
    assert (state.health, state.reason) == (
        Health.ERROR,
        "1 guardrails > 0 are not declared in the policy: charm",
    )

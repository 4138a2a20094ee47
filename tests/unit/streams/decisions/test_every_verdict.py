"""Whatever the guard decides comes out again from its bundle: every verdict, in every way in which it can move."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homeostat.schemas.base import Message
from homeostat.schemas.control import Order, OrderDocument, OrderKind, Stop, StopDocument, StopScope
from homeostat.schemas.decision import Decision, Verdict
from homeostat.schemas.rollout import OnHarm, OnUnproven, RolloutPhase, Wave
from homeostat.streams.cli.main import run_with
from homeostat.streams.decisions.bundle import write_bundle
from homeostat.streams.decisions.dossier import gather_dossier
from tests.builders import budget_log, documents
from tests.builders.decided import replay_afresh
from tests.builders.evidence import from_leaf, ratio, regressed
from tests.builders.guard_log import GuardLog
from tests.builders.guard_topics import GuardTopics
from tests.builders.keys import trust, write_trust

SPECIALTIES = ("cardiology", "oncology")


def lapse(log: GuardLog) -> None:
    log.tick(40, fresh=False)


def use_up(log: GuardLog) -> None:
    for _ in range(6):
        log.tick(5)


def stop(log: GuardLog) -> None:
    body = Stop(scope=StopScope.EVERYTHING, author="operator")
    log.control(_document(StopDocument, body.subject, body))


def order(log: GuardLog, *kinds: OrderKind) -> None:
    for version, kind in enumerate(kinds, start=1):
        body = Order(rollout=log.rollout.rollout, order=kind, author="operator")
        log.control(_document(OrderDocument, f"order/{log.rollout.rollout}", body, version))


def advance(log: GuardLog) -> None:
    for specialty in SPECIALTIES:
        log.say(0.0, pairs=25, specialty=specialty, ratio_log_e=ratio(3, 27, 0.1))


def regress(log: GuardLog) -> None:
    """Promote, and be worse than the baseline of before."""
    WAYS[Verdict.HEALTHY, RolloutPhase.PROMOTED](log)
    log.mark += 1
    log.add(from_leaf(regressed(log.mark, log.scenario.now_ms, 20.0)))


def _document(model: type[Message], subject: str, body: object, version: int = 1) -> Message:
    said = {"subject": subject, "subject_version": version, "at_ms": documents.START_MS, "body": body}
    return model.model_validate(said)


WAYS: dict[tuple[Verdict, RolloutPhase], Callable[[GuardLog], object]] = {
    (Verdict.BEGIN, RolloutPhase.EXPOSING): lambda _: None,
    (Verdict.ADVANCE, RolloutPhase.EXPOSING): advance,
    (Verdict.HEALTHY, RolloutPhase.PROMOTED): lambda log: [
        log.say(-0.3, pairs=400, specialty=specialty) for specialty in SPECIALTIES
    ],
    (Verdict.HARMFUL, RolloutPhase.ROLLED_BACK): lambda log: [
        log.say(0.9, pairs=200, specialty=specialty) for specialty in SPECIALTIES
    ],
    (Verdict.HARMFUL, RolloutPhase.EXPOSING): lambda log: log.say(0.9, pairs=200),
    (Verdict.OVER_BUDGET, RolloutPhase.ROLLED_BACK): lambda log: budget_log.spend(log, 100, 60.0),
    (Verdict.SAMPLE_RATIO, RolloutPhase.HELD): lambda log: log.say(
        0.0, pairs=10, candidate_starts=90, control_starts=10, ratio_log_e=ratio(90, 10)
    ),
    (Verdict.LOW_YIELD, RolloutPhase.HELD): lambda log: log.say(
        {}, candidate_starts=40, control_starts=40, candidate_missing=30, control_missing=1
    ),
    (Verdict.REGRESSED, RolloutPhase.ROLLED_BACK): regress,
    (Verdict.NEVER, RolloutPhase.ROLLED_BACK): lambda log: log.say(0.0, pairs=1, never=("omission",)),
    (Verdict.LAPSE, RolloutPhase.LAPSED): lapse,
    (Verdict.UNPROVEN, RolloutPhase.ROLLED_BACK): use_up,
    (Verdict.UNPROVEN, RolloutPhase.HELD): use_up,
    (Verdict.STOPPED, RolloutPhase.ABORTED): stop,
    (Verdict.OPERATOR, RolloutPhase.PAUSED): lambda log: order(log, OrderKind.PAUSE),
    (Verdict.OPERATOR, RolloutPhase.EXPOSING): lambda log: order(log, OrderKind.PAUSE, OrderKind.RESUME),
    (Verdict.OPERATOR, RolloutPhase.ABORTED): lambda log: order(log, OrderKind.ABORT),
}


def decide(verdict: Verdict, phase: RolloutPhase) -> GuardLog:
    """A guard that has come to this verdict and phase with its last decision."""
    waves = (Wave(share=0.1, min_pairs=20), Wave()) if verdict is Verdict.ADVANCE else ()
    action = OnUnproven.FREEZE if phase is RolloutPhase.HELD else OnUnproven.ROLL_BACK
    rollout = documents.rollout(
        specialties=SPECIALTIES, max_duration_s=20.0, on_harm=OnHarm.COHORT, waves=waves, on_unproven=action
    )
    log = GuardLog(rollout=rollout, policy=budget_log.policy() if verdict is Verdict.OVER_BUDGET else None)
    log.begin()
    WAYS[verdict, phase](log)
    assert (log.decisions[-1].verdict, log.decisions[-1].phase) == (verdict, phase)
    return log


@pytest.fixture(scope="module")
def trust_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_trust(tmp_path_factory.mktemp("keys") / "trust")


def export(log: GuardLog, folder: Path, trust_folder: Path) -> Iterator[tuple[Decision, Path]]:
    for decision in log.decisions:
        dossier = gather_dossier(GuardTopics(log), decision.decision, trust())
        assert dossier.replays
        bundle = folder / f"{decision.verdict}-{decision.phase}-{decision.step}"
        write_bundle(dossier, bundle, trust_folder)
        yield decision, bundle


@pytest.mark.parametrize(("verdict", "phase"), WAYS, ids=str)
def test_it_comes_out_again_and_is_told(
    verdict: Verdict, phase: RolloutPhase, trust_folder: Path, tmp_path: Path
) -> None:
    for _, bundle in export(decide(verdict, phase), tmp_path, trust_folder):
        assert run_with(["decision", "replay", str(bundle)]) == 0
        assert run_with(["decision", "explain", "--bundle", str(bundle), "--out", str(tmp_path / "page.html")]) == 0


def test_every_kind_comes_out_again_in_a_fresh_place(trust_folder: Path, tmp_path: Path) -> None:
    """Another process, working directory and home; no settings, no broker, no keys but those of the bundles."""
    found: dict[tuple[Verdict, RolloutPhase], list[Path]] = {}
    for way in WAYS:
        for decision, bundle in export(decide(*way), tmp_path / "-".join(way), trust_folder):
            found.setdefault((decision.verdict, decision.phase), []).append(bundle)
    assert found.keys() == WAYS.keys()
    assert {verdict for verdict, _ in found} == set(Verdict) - {Verdict.NO_DATA}  # silence ends in a lapse
    assert {phase for _, phase in found} == set(RolloutPhase) - {RolloutPhase.PENDING}
    (tmp_path / "home").mkdir()
    replay_afresh([bundle for bundles in found.values() for bundle in bundles], tmp_path / "home")

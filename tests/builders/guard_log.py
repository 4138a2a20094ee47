"""A guard over a log in the making: the documents are there, sources speak, time passes."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from homeostat.detectors.guard.stage import GuardStage
from homeostat.schemas.base import Message
from homeostat.schemas.control import MissingSource
from homeostat.schemas.decision import Decision, Health
from homeostat.schemas.evidence import Evidence
from homeostat.schemas.intent import Intent
from homeostat.schemas.lease import Lease
from homeostat.schemas.log import Output
from homeostat.schemas.partition import partition_of
from homeostat.schemas.policy import Policy
from homeostat.schemas.rollout import Rollout
from homeostat.schemas.topics import DECISIONS, EVIDENCE, INTENTS, LEASES, TRACES
from tests.builders import documents
from tests.builders.decided import note_guard
from tests.builders.evidence import echo, evidence, from_leaf, marker
from tests.builders.keys import trust
from tests.builders.scenario import Scenario
from tests.builders.traces import Draft

M = TypeVar("M", bound=Message)


class GuardLog:
    """A guard and its log; what was written is applied at once and its outputs are kept.

    `others` are further rollouts whose documents it has; with some there are two sources at least, and it is the guard
    of the one partition that its own rollout belongs to.
    """

    def __init__(
        self,
        sources: int = 1,
        rollout: Rollout | None = None,
        policy: Policy | None = None,
        others: Sequence[Rollout] = (),
    ) -> None:
        self.rollout = rollout or documents.rollout()
        self.sources = max(sources, 2 if others else 1)
        self.partition = partition_of(self.rollout.rollout.encode(), self.sources)
        self.stage = self.build_stage()
        self.scenario = Scenario(EVIDENCE, self.partition)
        self.outputs: list[Output] = []
        self.decisions: list[Decision] = []
        self.intents: list[Intent] = []
        self.leases: list[Lease] = []
        self.mark = 0
        self.scenario.begin(policy, [documents.document(each) for each in (self.rollout, *others)])
        self.catch_up()
        note_guard(self)

    def build_stage(self) -> GuardStage:
        """The guard of the rollout's partition that has seen nothing."""
        return GuardStage(self.partition, self.sources, self.sources, trust())

    def catch_up(self) -> list[Output]:
        """Apply what the log has gained; gives the outputs of that."""
        gained = self.stage.apply(self.scenario.log[self.stage.next_offset :])
        self.outputs += gained
        self.decisions += read(gained, DECISIONS, Decision)
        self.intents += read(gained, INTENTS, Intent)
        self.leases += read(gained, LEASES, Lease)
        return gained

    def add(self, draft: Draft) -> list[Output]:
        self.scenario.add(draft)
        return self.catch_up()

    def control(self, message: Message) -> list[Output]:
        self.scenario.control(message)
        return self.catch_up()

    def tick(self, seconds: float = 1.0, fresh: bool = True) -> list[Output]:
        """Let time pass; with `fresh` every source shows a marker before the tick."""
        self.scenario.wait(seconds)
        for source in range(self.sources if fresh else 0):
            self.show(source)
        self.scenario.tick()
        return self.catch_up()

    def lose(self, source: int, last_mark: int) -> list[Output]:
        """Control declares a source missing that stood still at that mark."""
        missing = MissingSource(
            topic=EVIDENCE,
            partition=self.partition,
            at_ms=self.scenario.now_ms,
            source_topic=TRACES,
            source_partition=source,
            last_mark=last_mark,
        )
        return self.control(missing)

    def show(self, source: int) -> None:
        """A marker of one source, at the present time."""
        self.mark += 1
        self.scenario.add(from_leaf(marker(self.mark, self.scenario.now_ms, source, self.sources)))

    def echo(self, source: int, step: int = 1) -> list[Output]:
        self.mark += 1
        said = echo(self.mark, self.scenario.now_ms, source, self.sources, step, rollout=self.rollout.rollout)
        return self.add(from_leaf(said))

    def begin(self) -> list[Output]:
        """Every source echoes; exposure begins."""
        return [output for source in range(self.sources) for output in self.echo(source)]

    def begin_of(self, rollout: str) -> list[Output]:
        """The one source echoes another rollout than the test's own."""
        self.mark += 1
        return self.add(from_leaf(echo(self.mark, self.scenario.now_ms, rollout=rollout)))

    def say(self, differences: Mapping[str, Sequence[float]] | float, pairs: int = 0, **fields: Any) -> list[Output]:
        """One cohort's evidence at the next mark."""
        self.mark += 1
        return self.add(from_leaf(self.evidence(differences, pairs, **fields)))

    def evidence(self, differences: Mapping[str, Sequence[float]] | float, pairs: int = 0, **fields: Any) -> Evidence:
        named = {"rollout": self.rollout.rollout, **fields}
        return evidence(self.mark, self.scenario.now_ms, differences, pairs, **named)

    def judge_health(self) -> Health | None:
        """What the evidence says of the test rollout now."""
        judgement = self.stage.judge_now(self.rollout.rollout)
        return None if judgement is None else judgement.health


def read(outputs: Sequence[Output], topic: str, model: type[M]) -> list[M]:
    """The messages of a topic among outputs."""
    return [model.model_validate_json(output.value or b"") for output in outputs if output.topic == topic]
